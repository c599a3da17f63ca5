// What the built-in digits look like before they are moved about.
#pragma once
#include <vector>

namespace sparlet {

struct Point2 {
  float x, y;  // right and down, in a unit square
};

struct Stroke {
  enum Kind {
    line,
    curve,
    ring
  } kind;  // straight pieces, a spline through the points, a closed one
  std::vector<Point2> points;
};

using Glyph = std::vector<Stroke>;

// The ways to write a digit, each as likely as the others. REQUIRES: 0 <= digit <= 9.
const std::vector<Glyph>& glyphs_of(int digit);

}  // namespace sparlet
