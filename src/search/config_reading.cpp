#include "search/config_reading.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

void Reading::wrong(const std::string& wanted) const {
  fail("{}: {}: expected {}, got {}", setting_.where, setting_.path, wanted,
       to_string(setting_.value));
}

int64_t Reading::whole(int64_t low, int64_t high) const {
  const auto* value = setting_.value.get<int64_t>();
  if (!value || *value < low || *value > high)
    wrong(high == std::numeric_limits<int64_t>::max()
              ? fmt::format("a whole number >= {}", low)
              : fmt::format("a whole number in {} .. {}", low, high));
  return *value;
}

double Reading::number(double low, double high) const {
  double value = NAN;
  if (const auto* v = setting_.value.get<double>()) value = *v;
  if (const auto* v = setting_.value.get<int64_t>()) value = double(*v);
  if (!(value >= low && value <= high))
    wrong(std::isinf(high) ? (std::isinf(low) ? "a number" : fmt::format("a number >= {}", low))
                           : fmt::format("a number in {} .. {}", low, high));
  return value;
}

bool Reading::boolean() const {
  const auto* value = setting_.value.get<bool>();
  if (!value) wrong("true or false");
  return *value;
}

std::string Reading::string() const {
  const auto* value = setting_.value.get<std::string>();
  if (!value || value->empty()) wrong("a string");
  return *value;
}

std::string Reading::one_of(std::initializer_list<std::string_view> words) const {
  return one_of(std::span(words.begin(), words.size()));
}

std::string Reading::one_of(std::span<const std::string_view> words) const {
  const auto* value = setting_.value.get<std::string>();
  if (value)
    for (const std::string_view word : words)
      if (*value == word) return *value;
  std::string wanted;
  for (const std::string_view word : words)
    wanted += fmt::format("{}\"{}\"", wanted.empty() ? "one of " : ", ", word);
  const std::string near = value ? nearest(*value, words) : "";
  wrong(wanted + (near.empty() ? "" : fmt::format(" (the nearest is \"{}\")", near)));
}

std::vector<TomlValue> Reading::list() const {
  const auto* value = setting_.value.get<std::vector<TomlValue>>();
  if (!value || value->empty()) wrong("a list");
  return *value;
}

}  // namespace sparlet::search
