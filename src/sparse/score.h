// Pruning before training: which connections matter, by gradients of a fresh net.
#pragma once
#include "data/dataset.h"
#include "nn/train.h"
#include "sparse/distributions.h"

namespace sparlet::sparse {

struct Snip {
  double sparsity = 0.9;
  Distribution distribution = {};  // none: ranked over the whole net, as in the paper
  int64_t samples = 128;           // of the training part, drawn
  Loss loss = CrossEntropy{};
  std::vector<std::string> keep = {};
};
// Masks that keep the greatest |gradient × weight| (Lee et al. 2019, eq. 4) of `samples` samples, exact to
// the connection; closed weights become 0. The net is dense here, and only here. Throws Error as mask().
Net snip(const Net&, const Dataset&, const Snip&, Rng&);
// Keeps the greatest of -w (H g), the connections that keep gradients flowing (Wang et al. 2020, eq. 8); H g by
// central differences of the gradient along itself.
struct Grasp : Snip {};
Net grasp(const Net&, const Dataset&, const Grasp&, Rng&);

// The same as a hook: from the gradients of the first step, which is then left out.
Hook snip(const Snip&);

}  // namespace sparlet::sparse
