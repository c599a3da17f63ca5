#include "search/settings.h"

#include <fmt/format.h>

#define TOML_ENABLE_FORMATTERS 1
#include <toml++/toml.h>

#include <set>
#include <sstream>

#include "tensor/error.h"

namespace sparlet::search {
namespace {

class Reader {
 public:
  Reader(std::string_view where, const std::set<const toml::node*>& overridden,
         const std::map<const toml::node*, std::string>& override_names)
      : where_(where), overridden_(overridden), names_(override_names) {}

  void table(const toml::table& from, const std::string& prefix) {
    for (const auto& [key, node] : from) {
      const std::string path = prefix + std::string(key.str());
      if (const toml::table* inner = node.as_table(); inner && !inner->empty()) {
        table(*inner, path + ".");
      } else if (node.is_array_of_tables()) {
        size_t index = 0;
        for (const toml::node& element : *node.as_array())
          element_table(*element.as_table(), fmt::format("{}[{}]", path, index++));
      } else {
        out.push_back({path, value(node), place(node, path)});
      }
    }
  }

  std::vector<Setting> out;

 private:
  void element_table(const toml::table& element, const std::string& path) {
    if (element.empty())
      out.push_back({path, {}, place(element, path)});
    else
      table(element, path + ".");
  }

  static TomlValue value(const toml::node& node) {
    if (const auto* v = node.as_boolean()) return {v->get()};
    if (const auto* v = node.as_integer()) return {v->get()};
    if (const auto* v = node.as_floating_point()) return {v->get()};
    if (const auto* v = node.as_string()) return {v->get()};
    if (const auto* v = node.as_array()) {
      std::vector<TomlValue> list;
      for (const toml::node& element : *v) list.push_back(value(element));
      return {list};
    }
    if (node.is_table()) return {};
    std::ostringstream text;  // dates and times
    node.visit([&](const auto& v) { text << v; });
    return {text.str()};
  }

  std::string place(const toml::node& node, const std::string& path) const {
    if (overridden_.contains(&node)) return "--set " + names_.at(&node);
    const auto line = node.source().begin.line;
    return line ? fmt::format("{}:{}", where_, line) : "--set " + path;
  }

  std::string where_;
  const std::set<const toml::node*>& overridden_;
  const std::map<const toml::node*, std::string>& names_;
};

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> parts(1);
  for (const char c : path) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// The element of an array of tables that has this name.
toml::table* named(toml::array& list, const std::string& name) {
  for (toml::node& element : list)
    if (toml::table* t = element.as_table(); t && (*t)["name"].value_or(std::string()) == name)
      return t;
  return nullptr;
}

// What an override made or changed: the place that messages name.
using Places = std::map<const toml::node*, std::string>;

bool is_list(const std::string& word) { return word == "parameter" || word == "objective"; }

// The element of that name of the root's list, made where there is none: a ready space has
// parameters that no file lists.
toml::table* element(toml::table& root, const std::string& list, const std::string& name,
                     const std::string& shown, Places& made) {
  if (!root.get(list)) root.insert(list, toml::array{});
  toml::array* all = root.get(list)->as_array();
  require(all, "{}: \"{}\" is no list of tables", shown, list);
  if (toml::table* found = named(*all, name)) return found;
  all->push_back(toml::table{{"name", name}});
  toml::table* fresh = all->back().as_table();
  made[fresh->get("name")] = made[fresh] = shown.substr(shown.find(' ') + 1);
  return fresh;
}

toml::table& descend(toml::table& root, const std::vector<std::string>& parts,
                     const std::string& shown, Places& made) {
  toml::table* at = &root;
  if (parts.size() == 3 && is_list(parts[0]))
    return *element(root, parts[0], parts[1], shown, made);
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    toml::node* next = at->get(parts[i]);
    if (!next) {
      at->insert(parts[i], toml::table{});
      next = at->get(parts[i]);
    }
    if (next->is_array_of_tables() && i + 2 < parts.size()) {
      at = named(*next->as_array(), parts[++i]);
      require(at, "{}: no [[{}]] is named \"{}\"", shown, parts[i - 1], parts[i]);
      continue;
    }
    at = next->as_table();
    require(at, "{}: \"{}\" is a value, not a table", shown, parts[i]);
  }
  return *at;
}

toml::table parsed_value(const std::string& text) {
  try {
    return toml::parse("v = " + text);
  } catch (const toml::parse_error&) {
    return toml::table{{"v", text}};
  }
}

}  // namespace

SettingsFile read_settings(std::string_view text, std::string_view where,
                           const std::vector<std::string>& overrides) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::string what(error.description());
    for (char& c : what)
      if (c == '\n') c = ' ';
    fail("{}:{}: {}", where, error.source().begin.line, what);
  }

  std::map<std::string, std::string> given;  // path -> value; the last one counts
  std::vector<std::string> order;
  for (const std::string& item : overrides) {
    const size_t equals = item.find('=');
    require(equals != std::string::npos && equals > 0, "--set {}: expected KEY=VALUE", item);
    const std::string path = item.substr(0, equals);
    if (!given.contains(path)) order.push_back(path);
    given[path] = item.substr(equals + 1);
  }
  std::set<const toml::node*> overridden;
  Places names;
  for (const std::string& path : order) {
    const std::vector<std::string> parts = split(path);
    for (const std::string& part : parts)
      require(!part.empty(), "--set {}: an empty word in the key", path);
    toml::table& target = descend(root, parts, "--set " + path, names);
    toml::table value = parsed_value(given[path]);
    target.insert_or_assign(parts.back(), std::move(*value.get("v")));
    names[target.get(parts.back())] = path;
  }

  for (const auto& [node, path] : names) overridden.insert(node);
  Reader reader(where, overridden, names);
  reader.table(root, "");
  std::ostringstream text_out;
  text_out << toml::default_formatter(root) << "\n";
  return {std::move(reader.out), text_out.str()};
}

std::string kind_of(const TomlValue& value) {
  static const char* names[] = {"a table",  "true or false", "a whole number",
                                "a number", "a string",      "a list"};
  return names[value.value.index()];
}

std::string to_string(const TomlValue& value) {
  if (const auto* v = value.get<bool>()) return *v ? "true" : "false";
  if (const auto* v = value.get<int64_t>()) return fmt::format("{}", *v);
  if (const auto* v = value.get<double>()) return fmt::format("{}", *v);
  if (const auto* v = value.get<std::string>()) return fmt::format("\"{}\"", *v);
  if (const auto* v = value.get<std::vector<TomlValue>>()) {
    std::string out = "[";
    for (const TomlValue& element : *v) out += (out.size() > 1 ? ", " : "") + to_string(element);
    return out + "]";
  }
  return "{}";
}

}  // namespace sparlet::search
