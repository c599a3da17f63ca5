#include "search/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "search/config_keys.h"
#include "search/presets.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

// "parameter[3].name" -> {"parameter.name", "parameter", 3}; others have no index.
struct Place {
  std::string path, list;
  size_t index = 0;
};

Place place_of(const std::string& path) {
  const size_t open = path.find('['), close = path.find(']');
  if (open == std::string::npos) return {path, "", 0};
  return {path.substr(0, open) + path.substr(close + 1), path.substr(0, open),
          size_t(std::stoul(path.substr(open + 1, close - open - 1)))};
}

const Key* find_key(const std::string& path) {
  for (const Key& key : keys())
    if (key.info.path == path && key.set) return &key;
  return nullptr;
}

bool is_table(const std::string& path) {
  return std::any_of(keys().begin(), keys().end(),
                     [&](const Key& key) { return key.info.path.starts_with(path + "."); });
}

bool is_list(std::string_view table) {
  return table == "parameter" || table == "constraint" || table == "objective";
}

[[noreturn]] void unknown(const Setting& setting, const std::string& path) {
  // By the whole key, else by its last word: the table may be wrong or missing.
  std::vector<std::string> names, words;
  for (const Key& key : keys()) names.push_back(key.info.path);
  for (const Alias& alias : aliases()) names.emplace_back(alias.word);
  const auto last = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
  for (const std::string& name : names) words.push_back(last(name));
  const auto near = [](const std::string& word, const std::vector<std::string>& known) {
    return std::string(nearest(word, std::vector<std::string_view>(known.begin(), known.end())));
  };
  std::string found = near(path, names);
  if (const std::string word = near(last(path), words); found.empty() && !word.empty())
    found = names[size_t(std::find(words.begin(), words.end(), word) - words.begin())];
  fail("{}: {}: unknown key; {}", setting.where, setting.path,
       found.empty() ? "docs/config.md lists all" : fmt::format("the nearest is \"{}\"", found));
}

template <class List>
void grow(List& list, size_t index) {
  if (list.size() <= index) list.resize(index + 1);
}

void apply(Draft& draft, const Setting& given) {
  if (given.path == "user" || given.path.starts_with("user.")) {
    if (given.path == "user")
      require(given.value == TomlValue{}, "{}: user: expected a table, got {}", given.where,
              to_string(given.value));
    else
      draft.config.user[given.path.substr(5)] = given.value;
    return;
  }
  Setting setting = given;
  for (const Alias& alias : aliases())
    if (setting.path == alias.word) setting.path = alias.path;
  const Place place = place_of(setting.path);
  if (!place.list.empty() && is_list(place.list)) {
    if (place.list == "parameter") grow(draft.parameters, place.index);
    if (place.list == "constraint") grow(draft.config.constraints, place.index);
    if (place.list == "objective") grow(draft.boxes, place.index);
    if (place.list == "constraint" && draft.config.constraints[place.index].where.empty())
      draft.config.constraints[place.index].where = setting.where;
    if (place.list == "objective" && draft.boxes[place.index].where.empty())
      draft.boxes[place.index].where = setting.where;
    if (place.list == "parameter" && draft.parameters[place.index].parameter.where.empty())
      draft.parameters[place.index].parameter.where = setting.where;
  }
  const bool empty_table = !setting.value.get<bool>() && setting.value.value.index() == 0;
  if (empty_table && is_table(place.path)) return;
  const Key* key = find_key(place.path);
  if (!key) unknown(given, place.path);
  const std::string table = place.path.substr(0, place.path.find('.'));
  if (is_list(table) != !place.list.empty())
    fail("{}: {}: expected {}", given.where, given.path,
         is_list(table) ? fmt::format("[[{}]], a list of tables", table)
                        : fmt::format("one [{}], not a list", table));
  Setting shown = setting;
  shown.path = given.path;
  key->set(draft, Reading(shown), place.index);
}

// What the file leaves out of a parameter of the ready space is as it is there.
void fill_in(Draft::ParameterDraft& p, const Parameter& ready) {
  const Parameter given = p.parameter;
  if (p.has_type && given.kind != ready.kind) {
    // Another type: bounds or values are its own.
    if (!p.has_when) p.parameter.when = ready.when;
    return;
  }
  p.parameter = ready;
  p.parameter.where = given.where;
  if (p.has_bounds) p.parameter.low = given.low, p.parameter.high = given.high;
  if (p.has_values) p.parameter.values = given.values;
  if (p.has_value) p.parameter.fixed = given.fixed;
  if (p.has_step) p.parameter.step = given.step;
  if (p.has_when) p.parameter.when = given.when;
  const bool number = ready.kind == Kind::integer || ready.kind == Kind::real ||
                      ready.kind == Kind::log_integer || ready.kind == Kind::log_real;
  p.has_type = true;
  p.has_bounds |= number;
  p.has_values |= ready.kind == Kind::choice;
  p.has_value |= ready.kind == Kind::fixed;
}

// Puts the parameters of the ready space in front, in their order; those of the file that have the
// same name take their places.
void take_space(Draft& draft) {
  if (draft.config.space.empty()) return;
  const Preset* ready = nullptr;
  try {
    ready = &preset(draft.config.space);
  } catch (const Error& error) {
    fail("{}: {}", draft.space_where, error.what());
  }
  if (!draft.has_builder) draft.config.builder = ready->builder;
  std::vector<Draft::ParameterDraft> all;
  for (const Parameter& p : ready->parameters) {
    const auto own = std::find_if(draft.parameters.begin(), draft.parameters.end(),
                                  [&](const auto& d) { return d.parameter.name == p.name; });
    Draft::ParameterDraft one;
    if (own != draft.parameters.end()) {
      one = std::move(*own);
      draft.parameters.erase(own);
    }
    fill_in(one, p);
    all.push_back(std::move(one));
  }
  for (Draft::ParameterDraft& more : draft.parameters) all.push_back(std::move(more));
  draft.parameters = std::move(all);
  auto& rules = draft.config.constraints;
  rules.insert(rules.begin(), ready->constraints.begin(), ready->constraints.end());
}

}  // namespace

void finish_parameters(Draft& draft) {
  take_space(draft);
  for (const Draft::ParameterDraft& p : draft.parameters) {
    const std::string name = p.parameter.name.empty() ? "[[parameter]]" : p.parameter.name;
    const auto need = [&](bool has, const char* key) {
      require(has, "{}: {}: \"{}\" is missing", p.parameter.where, name, key);
    };
    const auto refuse = [&](bool has, const char* key) {
      require(!has, "{}: {}: \"{}\" does not go with type \"{}\"", p.parameter.where, name, key,
              name_of(p.parameter.kind));
    };
    need(!p.parameter.name.empty(), "name");
    if (!p.has_type && !draft.config.space.empty()) {
      std::vector<std::string> names;
      for (const Parameter& known : preset(draft.config.space).parameters)
        names.push_back(known.name);
      fail("{}: {}: the space \"{}\" has no such parameter, and a new one needs a \"type\"{}",
           p.parameter.where, name, draft.config.space, did_you_mean(name, names));
    }
    need(p.has_type, "type");
    const Kind kind = p.parameter.kind;
    const bool number = kind == Kind::integer || kind == Kind::real || kind == Kind::log_integer ||
                        kind == Kind::log_real;
    if (number)
      need(p.has_bounds, "bounds");
    else
      refuse(p.has_bounds, "bounds");
    if (kind == Kind::choice)
      need(p.has_values, "values");
    else
      refuse(p.has_values, "values");
    if (kind == Kind::fixed)
      need(p.has_value, "value");
    else
      refuse(p.has_value, "value");
    if (!number) refuse(p.parameter.step != 0, "step");
    draft.config.parameters.push_back(p.parameter);
  }
  for (const Constraint& c : draft.config.constraints)
    require(!c.expression.empty(), "{}: [[constraint]]: \"expression\" is missing", c.where);
}

Draft draft_of(const SettingsFile& file) {
  Draft draft;
  for (const Setting& setting : file.settings) apply(draft, setting);
  return draft;
}

namespace {

void finish_objectives(Draft& draft) {
  std::vector<std::string> names = draft.objectives;
  for (const std::string& name : names)
    require(std::count(names.begin(), names.end(), name) == 1,
            "{}: objectives: \"{}\" stands twice", draft.objectives_where, name);
  for (const Draft::ObjectiveDraft& box : draft.boxes) {
    require(!box.name.empty(), "{}: [[objective]]: \"name\" is missing", box.where);
    for (const Draft::ObjectiveDraft* other = draft.boxes.data(); other != &box; ++other)
      require(other->name != box.name, "{}: [[objective]]: \"{}\" stands twice", box.where,
              box.name);
    if (std::find(names.begin(), names.end(), box.name) == names.end()) names.push_back(box.name);
  }
  if (names.empty()) names = {"error", "size", "memory"};
  for (const std::string& name : names) {
    Objective objective = network_objective(name);
    std::string where = "objectives";
    for (const Draft::ObjectiveDraft& box : draft.boxes)
      if (box.name == name) {
        require(box.known.empty(),
                "{}: [[objective]]: \"known\" is for `optimize`; a search knows all but the error",
                box.where);
        box.edit(objective);
        where = box.where;
      }
    try {
      validate(objective);
    } catch (const Error& error) {
      fail("{}: {}", where, error.what());
    }
    draft.config.objectives.push_back(objective);
  }
}

void finish_device(Config& config, const std::vector<Setting>& settings) {
  const double given = config.device.macs_per_second;
  bool rate = false;
  std::string where = "device.name";
  for (const Setting& s : settings) {
    rate |= s.path == "device.macs_per_second" || s.path == "flops";
    if (s.path == "device.name") where = s.where + ": device.name";
  }
  try {
    config.device = cost::Device::load(config.device.name);
  } catch (const Error& error) {
    fail("{}: {}", where, error.what());
  }
  if (rate) config.device.macs_per_second = given;
}

}  // namespace

const std::vector<std::string_view>& search_methods() {
  static const std::vector<std::string_view> words{"sparse",   "auto",   "ehvi",  "chebyshev",
                                                   "thompson", "random", "sobol", "nsga2",
                                                   "aging",    "local"};
  return words;
}

int Config::planned() const {
  const bool three = search.morphisms || search.method != "sparse";
  const int all = search.r1 + search.r2 + (three ? search.r3 : 0);
  if (search.method != "sparse") return search.trials > 0 ? search.trials : all;
  return search.trials > 0 ? std::min(all, search.trials) : all;
}

namespace {

// What would change nothing is refused.
void check_search(const PhaseOptions& o, const std::vector<Setting>& settings) {
  const bool sparse = o.method == "sparse", halving = o.asha.value_or(o.method == "auto");
  const PhaseOptions usual;
  const auto refuse = [&](std::string_view path, bool idle, std::string_view why) {
    for (const Setting& s : settings)
      if (idle && s.path == path) fail("{}: {}: {}", s.where, path, why);
  };
  const char* alone = "only successive halving reads it (search.asha = true, or method auto)";
  refuse("search.eta", !halving && o.eta != usual.eta, alone);
  refuse("search.min_epochs", !halving && o.min_epochs != usual.min_epochs, alone);
  refuse("search.min_epochs", sparse && o.min_epochs != usual.min_epochs,
         "a phase of method sparse begins with its own epochs1, epochs2 or epochs3");
  refuse(
      "search.epochs", sparse && !halving && o.epochs != usual.epochs,
      "method sparse has epochs1, epochs2 and epochs3; with search.asha = true this is the most");
  refuse("search.patience", o.tolerance == 0 && o.patience != usual.patience,
         "only search.tolerance reads it");
  const int full = o.epochs > 0 ? o.epochs : std::max({o.epochs1, o.epochs2, o.epochs3});
  require(!halving || sparse || o.min_epochs <= full,
          "search.min_epochs: {} is above the {} epochs of a full training", o.min_epochs, full);
  require(!halving || !sparse || std::max({o.epochs1, o.epochs2, o.epochs3}) <= full,
          "search.epochs: {} is below a phase's epochs", full);
}

}  // namespace

Config config_from_text(std::string_view text, std::string_view where,
                        const std::vector<std::string>& overrides) {
  const SettingsFile file = read_settings(text, where, overrides);
  Draft draft = draft_of(file);
  finish_parameters(draft);
  finish_objectives(draft);
  Config config = std::move(draft.config);
  finish_device(config, file.settings);
  require(config.prune.begin < config.prune.end, "{}: prune.begin {} is not before prune.end {}",
          where, config.prune.begin, config.prune.end);
  require(config.search.min_changes <= config.search.max_changes,
          "{}: search.min_changes {} is above search.max_changes {}", where,
          config.search.min_changes, config.search.max_changes);
  check_search(config.search, file.settings);
  config.text = file.text;
  config.settings = file.settings;
  return config;
}

Config load_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  std::ifstream in(path, std::ios::binary);
  require(bool(in) && !std::filesystem::is_directory(path), "{}: cannot be read", path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return config_from_text(text.str(), path.string(), overrides);
}

std::string first_difference(const Config& before, const Config& now) {
  const auto values = [](const Config& config) {
    std::map<std::string, std::string> all;
    for (const Setting& s : config.settings) {
      std::string path = s.path;
      for (const Alias& alias : aliases())
        if (path == alias.word) path = alias.path;
      // Workers are compared as they were resolved, by the store.
      if (path != "search.trials" && path != "search.minutes" && path != "search.workers")
        all[path] = to_string(s.value);
    }
    return all;
  };
  const auto a = values(before), b = values(now);
  for (const auto& [path, value] : a) {
    const auto other = b.find(path);
    if (other == b.end()) return fmt::format("{}: {} before, now absent", path, value);
    if (other->second != value)
      return fmt::format("{}: {} before, now {}", path, value, other->second);
  }
  for (const auto& [path, value] : b)
    if (!a.contains(path)) return fmt::format("{}: absent before, now {}", path, value);
  return "";
}

std::vector<KeyInfo> known_keys() {
  std::vector<KeyInfo> list;
  for (const Key& key : keys()) list.push_back(key.info);
  return list;
}

}  // namespace sparlet::search
