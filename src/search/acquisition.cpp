#include "search/acquisition.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace sparlet::search {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double density(double z) { return std::isinf(z) ? 0 : std::exp(-z * z / 2) * 0.3989422804014327; }
double cumulative(double z) { return 0.5 * std::erfc(-z * 0.7071067811865476); }

// Integral of (a - b u) over u in [low, high] under N(mean, sigma²).
double partial(double a, double b, double low, double high, double mean, double sigma) {
  if (!(low < high)) return 0;
  const double from = (low - mean) / sigma, to = (high - mean) / sigma;
  // In the upper tail complements keep the precision.
  const double mass =
      from > 0 ? cumulative(-from) - cumulative(-to) : cumulative(to) - cumulative(from);
  return (a - b * mean) * mass + b * sigma * (density(to) - density(from));
}

}  // namespace

std::vector<double> random_weights(int objectives, Rng& rng) {
  std::vector<double> weights;  // normalised exponentials are uniform on the simplex
  double sum = 0;
  for (int k = 0; k < objectives; ++k) {
    weights.push_back(-std::log(1 - rng.uniform()));
    sum += weights.back();
  }
  for (double& weight : weights) weight = sum > 0 ? weight / sum : 1.0 / objectives;
  return weights;
}

double chebyshev(std::span<const double> weights, std::span<const double> f, double rho) {
  assert(weights.size() == f.size());
  double largest = -kInfinity, sum = 0;
  for (size_t k = 0; k < f.size(); ++k) {
    largest = std::max(largest, weights[k] * f[k]);
    sum += weights[k] * f[k];
  }
  return largest + rho * sum;
}

double expected_improvement(double mean, double sigma, double best) {
  if (!(sigma > 0)) return std::max(best - mean, 0.0);
  return std::max(partial(best, 1, -kInfinity, best, mean, sigma), 0.0);
}

// With u = w_e e, c = max and d = sum of the other w_k f_k:
//   s = c + rho (u + d)         where u <= c, below best for u < (best - c - rho d) / rho
//   s = (1 + rho) u + rho d     where u >  c, below best for u < (best - rho d) / (1 + rho)
double expected_improvement(const ChebyshevImprovement& x) {
  const double weight = x.weights[x.uncertain];
  const double mean = weight * x.mean, sigma = weight * x.sigma;
  double c = -kInfinity, d = 0;
  for (size_t k = 0; k < x.f.size(); ++k) {
    if (k == x.uncertain) continue;
    c = std::max(c, x.weights[k] * x.f[k]);
    d += x.weights[k] * x.f[k];
  }
  if (!(sigma > 0)) {
    const double s = std::max(mean, c) + x.rho * (mean + d);
    return std::max(x.best - s, 0.0);
  }
  const double flat = x.best - c - x.rho * d;  // improvement left of c at u = 0
  const double flat_end = x.rho > 0 ? flat / x.rho : flat > 0 ? kInfinity : -kInfinity;
  const double steep_end = (x.best - x.rho * d) / (1 + x.rho);
  double improvement = 0;
  if (c > -kInfinity)
    improvement += partial(flat, x.rho, -kInfinity, std::min(c, flat_end), mean, sigma);
  improvement += partial(x.best - x.rho * d, 1 + x.rho, c, steep_end, mean, sigma);
  return std::max(improvement, 0.0);
}

}  // namespace sparlet::search
