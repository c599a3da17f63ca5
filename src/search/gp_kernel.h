// The kernel's distances (private to the GP): r² is a sum of one term a dimension over ℓ².
#pragma once
#include <cmath>
#include <vector>

#include "search/gp.h"

namespace sparlet::search {

// The term of one dimension times ℓ², and its derivative by the arc ρ.
struct Distance {
  double value = 0, by_arc = 0;
};

inline Distance distance(const Dimension& dimension, double arc, double x, bool x_active, double y,
                         bool y_active) {
  if (!x_active && !y_active) return {};
  if (dimension.category) return {x_active != y_active || x != y ? 1.0 : 0.0, 0};
  if (!dimension.conditional) return {(x - y) * (x - y), 0};
  const double angle = M_PI * arc, scale = 1 / (angle * angle);
  if (x_active != y_active) return {scale, -2 * scale / arc};
  const double half = std::sin(angle * (x - y) / 2);
  const double value = 4 * half * half * scale;
  return {value, 2 * M_PI * (x - y) * std::sin(angle * (x - y)) * scale - 2 * value / arc};
}

// Matérn-5/2 of r² and its derivative by r², both without the output scale.
inline double matern(double squared) {
  const double r = std::sqrt(5 * squared);
  return (1 + r + r * r / 3) * std::exp(-r);
}
inline double matern_slope(double squared) {
  const double r = std::sqrt(5 * squared);
  return -5.0 / 6 * (1 + r) * std::exp(-r);
}

}  // namespace sparlet::search
