// Dynamic pruning with feedback (Lin et al. 2020): the dense weights go on learning behind their masks.
#pragma once
#include "nn/train.h"
#include "sparse/distributions.h"

namespace sparlet::sparse {

// The net runs with masks; gradients of the masked weights are applied to all weights, closed ones too
// (algorithm 1), and every `every` steps the masks are drawn anew from the magnitudes of all, so that what
// was closed may come back. Sparsity by Zhu & Gupta's schedule; behind `end` the masks stay, and only what
// is open learns. Validation and checkpoints see the masked net; the dense weights lie in it, untouched,
// behind the masks (sparse::unmask drops them). Keeps dense weights, gradients and optimiser state: costs
// what dense training costs. For checkpoints at the target sparsity set checkpoint_from_step = end.
// initial = target and every 1: DNW (Wortsman et al. 2019).
struct Feedback {
  double target = 0.9, initial = 0, power = 3;
  int64_t begin = 0, end = 1000, every = 16;
  std::vector<std::string> keep = {};
  Distribution distribution = {};  // none: ranked over the whole net
};
// The net must have masks from the start: sparse::mask(net, {}) has ones. Throws Error for options out of
// range.
Hook feedback(const Feedback&);

}  // namespace sparlet::sparse
