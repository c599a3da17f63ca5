// What the tests of the GP share: a mixed space, points and hyperparameters.
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "search/gp.h"

namespace sparlet::search {

// Two plain numbers, two conditional ones, a category and a conditional category.
inline const std::vector<Dimension> kMixed = {{},
                                              {},
                                              {.conditional = true},
                                              {.conditional = true},
                                              {.category = true},
                                              {.category = true, .conditional = true}};

inline Features mixed(Rng& rng) {
  Features f;
  for (const Dimension& d : kMixed) {
    const bool active = !d.conditional || rng.below(3) > 0;
    f.active.push_back(active);
    f.x.push_back(!active ? 0 : d.category ? double(rng.below(3)) : rng.uniform());
  }
  return f;
}

inline GpHyper random_hyper(size_t d, Rng& rng) {
  GpHyper h;
  for (size_t i = 0; i < d; ++i) h.lengthscale.push_back(std::exp(rng.normal()));
  h.outputscale = std::exp(0.5 * rng.normal());
  h.noise = 0.01 + 0.1 * rng.uniform();
  h.mean = rng.normal();
  h.arc = rng.uniform(0.1, 0.9);
  h.inside = rng.uniform(0.1, 0.9);
  return h;
}

inline std::vector<double> standardised(std::vector<double> y) {
  const Eigen::Map<Eigen::ArrayXd> a(y.data(), Eigen::Index(y.size()));
  Eigen::Map<Eigen::ArrayXd> out(y.data(), Eigen::Index(y.size()));
  const double mean = a.mean(),
               deviation = std::sqrt((a - mean).square().sum() / double(y.size() - 1));
  out = (a - mean) / deviation;
  return y;
}

}  // namespace sparlet::search
