// The standard normal distribution, precise far into the lower tail.
#pragma once
#include <cmath>
#include <limits>

namespace sparlet::search {

inline double normal_density(double z) { return std::exp(-z * z / 2) * 0.3989422804014327; }
inline double normal_cumulative(double z) { return 0.5 * std::erfc(-z * 0.7071067811865476); }

// What a normal variable stays below a level by, E max(z - u, 0) for u ~ N(0, 1): h = φ + zΦ,
// Jones et al. 1998, as its logarithm (Ament et al. 2023, "Unexpected improvements to expected
// improvement", arXiv:2310.20708), with Φ / h and φ / h for slopes.
struct Shortfall {
  double log = 0, cumulative = 0, density = 0;  // log h, Φ / h, φ / h
};

inline Shortfall shortfall(double z) {
  constexpr double kLogDensity = 0.9189385332046727;  // -log φ(0)
  if (z > -3) {
    const double density = normal_density(z), cumulative = normal_cumulative(z);
    const double h = density + z * cumulative;
    return {std::log(h), cumulative / h, density / h};
  }
  // Mills' ratio Φ/φ = 1 / (x + 1 / (x + 2 / (x + 3 / …))), x = -z; h/φ = 1 - x Φ/φ.
  const double x = -z;
  double tail = x;
  for (int i = 40; i >= 2; --i) tail = x + i / tail;
  const double ratio = 1 / (x + 1 / tail), h = ratio / tail;
  return {std::log(h) - z * z / 2 - kLogDensity, ratio / h, 1 / h};
}

// log Φ(z) and φ / Φ.
struct LogCumulative {
  double log = 0, slope = 0;
};

inline LogCumulative log_cumulative(double z) {
  constexpr double kLogDensity = 0.9189385332046727;
  if (z > -3) {
    const double cumulative = normal_cumulative(z);
    return {std::log(cumulative), normal_density(z) / cumulative};
  }
  const double x = -z;
  double tail = x;
  for (int i = 40; i >= 1; --i) tail = x + i / tail;
  return {-std::log(tail) - z * z / 2 - kLogDensity, tail};
}

}  // namespace sparlet::search
