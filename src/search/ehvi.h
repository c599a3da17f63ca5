// Expected hypervolume improvement of a point whose objectives are independent normals or known.
#pragma once
#include <span>
#include <vector>

#include "search/boxes.h"
#include "tensor/rng.h"

namespace sparlet::search {

struct Belief {
  double mean = 0, sigma = 0;  // sigma 0: known exactly
};

// A logarithm and its derivatives by means and sigmas.
struct EhviSlope {
  double log = 0;
  std::vector<double> mean, sigma;
};

// E[hypervolume with the point - hypervolume without], minimised, below `reference`. The part of a
// free box (l, u) that a point y adds is the product of max(0, u - max(l, y)), so the expectation
// is
//   Σ_boxes Π_k (H_k(u_k) - H_k(l_k)),  H(t) = E max(t - y, 0)
// exactly (Emmerich, Giannakoglou & Naujoks 2006; Yang et al. 2019), up to 4 objectives. Known
// objectives have H(t) = max(t - y, 0): the integral runs over the learnt ones alone. Beyond 4 it
// is V × the mean of Π_k P(y_k <= t_k) over points t drawn in the free part of a box of volume V.
class Ehvi {
 public:
  // `rng`: for the draws of more than 4 objectives.
  Ehvi(const std::vector<Values>& front, Values reference, Rng& rng, int draws = 1024);

  double log_value(std::span<const Belief>) const;
  EhviSlope log_slope(std::span<const Belief>) const;
  size_t boxes() const { return boxes_.count(); }

 private:
  double over_boxes(std::span<const Belief>, EhviSlope* slope) const;
  double over_boxes_by_logs(std::span<const Belief>, EhviSlope* slope) const;
  double over_draws(std::span<const Belief>, EhviSlope* slope) const;
  Boxes boxes_;
  std::vector<Values> draws_;
  double log_volume_ = 0;  // of a draw's share
};

}  // namespace sparlet::search
