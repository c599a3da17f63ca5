// Point: one design, the values of the active parameters of a Space by name. Plain data.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace sparlet::search {

// A number (also a flag, 0 or 1) or a word (a choice). A choice that reads as a number is a number.
using PointValue = std::variant<double, std::string>;
std::string to_text(const PointValue&);  // numbers in their shortest form that reads back the same
PointValue value_from(std::string_view text);  // inverse of to_text

// Values by parameter name, inactive ones left out, so that two points that build the same net are
// one and the text is the identity.
struct Point {
  std::map<std::string, PointValue, std::less<>> values;

  bool has(std::string_view name) const { return values.contains(name); }
  // Without a fallback a missing name is an Error naming it and the nearest one; so is a value of
  // another type.
  double number(std::string_view name) const;
  double number(std::string_view name, double fallback) const;
  int64_t integer(std::string_view name) const;  // Error if not whole
  int64_t integer(std::string_view name, int64_t fallback) const;
  bool flag(std::string_view name, bool fallback) const;
  std::string word(std::string_view name) const;  // a number gives its text
  std::string word(std::string_view name, std::string_view fallback) const;
  void set(std::string_view name, PointValue value);

  bool operator==(const Point&) const = default;
};

// Canonical form: "blocks=2 kernel=3 type=conv", sorted by name. from_text(to_text(p)) == p.
std::string to_text(const Point&);
Point point_from(std::string_view text);  // throws Error naming the part it cannot read

}  // namespace sparlet::search
