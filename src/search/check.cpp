#include "search/check.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "search/builders.h"
#include "search/training.h"
#include "tensor/error.h"
#include "tensor/kernels/kernels.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

std::string place(const Parameter& p) {
  return fmt::format("{}parameter '{}'", p.where.empty() ? "" : p.where + ": ", p.name);
}

// --- names

// "block_2_layer_1_type" -> "block_#_layer_#_type" and {"2", "1"}.
struct Pattern {
  std::string text;
  std::vector<std::string> numbers;
};

Pattern pattern_of(std::string_view name) {
  Pattern pattern;
  while (true) {
    const size_t end = std::min(name.find('_'), name.size());
    const std::string word(name.substr(0, end));
    // "0" and "01" are not how layers are numbered.
    const bool number =
        !word.empty() && word[0] != '0' &&
        std::all_of(word.begin(), word.end(), [](char c) { return std::isdigit(c); });
    pattern.text += number ? "#" : word;
    if (number) pattern.numbers.push_back(word);
    if (end == name.size()) return pattern;
    pattern.text += '_';
    name.remove_prefix(end + 1);
  }
}

// The pattern with these numbers, 1 where there are too few.
std::string filled(const std::string& pattern, const std::vector<std::string>& numbers) {
  std::string name;
  size_t next = 0;
  for (const char c : pattern) {
    if (c == '#')
      name += next < numbers.size() ? numbers[next++] : "1";
    else
      name += c;
  }
  return name;
}

void check_names(const Config& config) {
  std::vector<std::string> known = builder_info(config.builder).parameters;
  for (const std::string& name : trainer_names()) known.push_back(name);
  for (const Parameter& p : config.parameters) {
    const Pattern pattern = pattern_of(p.name);
    if (std::find(known.begin(), known.end(), pattern.text) != known.end()) continue;
    std::vector<std::string> names;
    for (const std::string& k : known) names.push_back(filled(k, pattern.numbers));
    fail("{}: neither the builder {} nor the trainer reads it{}", place(p), config.builder,
         did_you_mean(p.name, names));
  }
}

// --- values

// Values of which all others lie between two, or all there are.
std::vector<PointValue> extremes(const Parameter& p) {
  std::vector<PointValue> all;
  if (p.kind == Kind::fixed) return {p.fixed};
  if (p.kind == Kind::flag) return {0.0, 1.0};
  if (p.kind != Kind::choice) return {p.low, p.high};
  for (const std::string& word : p.values) all.push_back(value_from(word));
  return all;
}

struct Range {
  std::string_view name, wanted;
  bool (*good)(double);
};

void check_values(const Config& config) {
  static constexpr std::array<Range, 5> ranges = {{
      {"learning_rate", "a number above 0", [](double v) { return v > 0; }},
      {"learning_step", "a number above 0", [](double v) { return v > 0; }},
      {"learning_gamma", "a number above 0 and up to 1", [](double v) { return v > 0 && v <= 1; }},
      {"prune_threshold", "a number from 0 to below 1", [](double v) { return v >= 0 && v < 1; }},
      {"batch_size", "a whole number of at least 1",
       [](double v) { return v >= 1 && v == std::floor(v); }},
  }};
  for (const Parameter& p : config.parameters) {
    for (const PointValue& value : extremes(p)) {
      if (p.name == "schedule") {
        const std::string word = to_text(value);
        const std::vector<std::string> words(schedule_words().begin(), schedule_words().end());
        require(std::find(words.begin(), words.end(), word) != words.end(),
                "{}: '{}' is none of {}{}", place(p), word, fmt::join(words, ", "),
                did_you_mean(word, words));
      }
      for (const Range& range : ranges) {
        if (p.name != range.name) continue;
        const auto* number = std::get_if<double>(&value);
        require(number && range.good(*number), "{}: {} is not {}", place(p), to_text(value),
                range.wanted);
      }
    }
    require(p.name != "batch_size" || (p.kind != Kind::real && p.kind != Kind::log_real) ||
                p.low == p.high || (p.step > 0 && p.step == std::floor(p.step)),
            "{}: type {} gives numbers that are not whole; use {}", place(p), name_of(p.kind),
            p.kind == Kind::real ? "integer" : "log_integer");
  }
}

bool reads_max_len(const Config& config) {
  return std::any_of(config.parameters.begin(), config.parameters.end(),
                     [](const Parameter& p) { return p.name == "max_len"; });
}

// --- objectives

// Where the config asks for it: "a.toml:3".
std::string where_of(const Config& config, const std::string& objective) {
  for (const Setting& s : config.settings) {
    const auto* text = s.value.get<std::string>();
    if (s.path.starts_with("objective[") && s.path.ends_with(".name") && text && *text == objective)
      return s.where + ": ";
    const auto* list = s.value.get<std::vector<TomlValue>>();
    if (s.path == "objectives" && list &&
        std::any_of(list->begin(), list->end(), [&](const TomlValue& v) {
          return v.get<std::string>() && *v.get<std::string>() == objective;
        }))
      return s.where + ": ";
  }
  return "";
}

void check_objectives(const Config& config, const Pipeline& pipeline) {
  std::vector<std::string> known(objective_names().begin(), objective_names().end());
  for (const auto& [name, metric] : pipeline.metrics) known.push_back(name);
  std::string all;
  for (const std::string& name : known) all += (all.empty() ? "" : ", ") + name;
  for (const Objective& o : config.objectives)
    require(std::find(known.begin(), known.end(), o.name) != known.end(),
            "{}objective \"{}\": nothing of that name is measured; there are {}{}",
            where_of(config, o.name), o.name, all, did_you_mean(o.name, known));
}

}  // namespace

void check(const Config& config, const Pipeline& pipeline) {
  default_kernels();
  require(config.data.steps == 0 || !reads_max_len(config),
          "data.steps: {}, but the space has max_len, which says how long sequences are",
          config.data.steps);
  check_objectives(config, pipeline);
  const BuiltIn built_in = built_in_steps(pipeline);
  if (built_in.train) check_values(config);
  if (built_in.all) check_names(config);
}

}  // namespace sparlet::search
