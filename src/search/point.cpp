#include "search/point.h"

#include <charconv>
#include <cmath>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

std::string to_text(const PointValue& value) {
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  const double number = std::get<double>(value);
  return fmt::format("{}", number == 0 ? 0.0 : number);  // no "-0"
}

PointValue value_from(std::string_view text) {
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc() && end == text.data() + text.size() && std::isfinite(number))
    return number == 0 ? 0.0 : number;
  return std::string(text);
}

namespace {

[[noreturn]] void missing(const Point& point, std::string_view name) {
  std::vector<std::string> known;
  for (const auto& [key, value] : point.values) known.push_back(key);
  fail("parameter '{}': the point has no such value{}", name, did_you_mean(name, known));
}

const PointValue* find(const Point& point, std::string_view name) {
  const auto it = point.values.find(name);
  return it == point.values.end() ? nullptr : &it->second;
}

double number_of(std::string_view name, const PointValue& value) {
  const auto* number = std::get_if<double>(&value);
  require(number, "parameter '{}': '{}' is not a number", name, to_text(value));
  return *number;
}

int64_t whole(std::string_view name, double value) {
  require(value == std::floor(value) && std::abs(value) < 9e15,
          "parameter '{}': {} is not a whole number", name, value);
  return int64_t(value);
}

}  // namespace

double Point::number(std::string_view name) const {
  const PointValue* value = find(*this, name);
  if (!value) missing(*this, name);
  return number_of(name, *value);
}

double Point::number(std::string_view name, double fallback) const {
  const PointValue* value = find(*this, name);
  return value ? number_of(name, *value) : fallback;
}

int64_t Point::integer(std::string_view name) const { return whole(name, number(name)); }

int64_t Point::integer(std::string_view name, int64_t fallback) const {
  const PointValue* value = find(*this, name);
  return value ? whole(name, number_of(name, *value)) : fallback;
}

bool Point::flag(std::string_view name, bool fallback) const {
  const PointValue* value = find(*this, name);
  if (!value) return fallback;
  const double number = number_of(name, *value);
  require(number == 0 || number == 1, "parameter '{}': {} is not a flag (0 or 1)", name, number);
  return number == 1;
}

std::string Point::word(std::string_view name) const {
  const PointValue* value = find(*this, name);
  if (!value) missing(*this, name);
  return search::to_text(*value);
}

std::string Point::word(std::string_view name, std::string_view fallback) const {
  const PointValue* value = find(*this, name);
  return value ? search::to_text(*value) : std::string(fallback);
}

void Point::set(std::string_view name, PointValue value) {
  values.insert_or_assign(std::string(name), std::move(value));
}

std::string to_text(const Point& point) {
  std::string text;
  for (const auto& [name, value] : point.values) {
    if (!text.empty()) text += ' ';
    text += name + "=" + to_text(value);
  }
  return text;
}

Point point_from(std::string_view text) {
  Point point;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (part.empty()) continue;
    const size_t equals = part.find('=');
    require(equals != part.npos && equals > 0 && equals + 1 < part.size(),
            "point: '{}' is not name=value", part);
    const std::string_view name = part.substr(0, equals);
    require(!point.has(name), "point: '{}' stands twice", name);
    point.set(name, value_from(part.substr(equals + 1)));
  }
  return point;
}

}  // namespace sparlet::search
