// Formulas over a point's numbers: "0.1 * x1 + sqrt(x2)". Used for known objectives.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "search/point.h"

namespace sparlet::search {

// + - * / ^ (right to left, binds most), parentheses, abs, ceil, cos, exp, floor, log, log2, max,
// min, round, sin, sqrt, pi; names of numbers and flags, which count 0 where they are inactive.
class Formula {
 public:
  // Throws Error: "'0.1 * y1': unknown name 'y1'; did you mean 'x1'? at 7".
  Formula(std::string_view text, const std::vector<std::string>& names);

  double operator()(const Point&) const;  // may be infinite or NaN
  const std::string& text() const { return text_; }

  // A step of the program, in postfix order.
  struct Step {
    enum class Kind { number, name, add, subtract, multiply, divide, power, negate, call } kind;
    double number = 0;
    std::string name = {};
    double (*one)(double) = nullptr;
    double (*two)(double, double) = nullptr;
  };

 private:
  std::string text_;
  std::vector<Step> steps_;
};

}  // namespace sparlet::search
