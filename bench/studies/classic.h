// The way all objectives are usually learnt, that of the reference tables' runs: Gamma priors, the
// best hyperparameters, no conditions, 2 (d + 1) first points.
#pragma once
#include "search/surrogate.h"

namespace study {

inline void make_classic(sparlet::search::SurrogateOptions& options) {
  options.gp.prior = sparlet::search::GpOptions::LengthPrior::gamma;
  options.hyper_draws = 1;
  options.mask = false;
}

inline int classic_first(const sparlet::search::Space& space) {
  return 2 * (int(space.dimension()) + 1);
}

}  // namespace study
