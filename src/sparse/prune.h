// Magnitude pruning with persistent masks: linear(x, w, b) becomes linear(x, mul(w, mask), b).
#pragma once
#include "nn/train.h"

namespace sparlet::sparse {

// The conv2d and linear weights of a net, by param name, in graph order.
std::vector<std::string> prunable(const Graph&);

// `keep`: names of prunable weights that are left as they are and not counted.
struct Mask { double sparsity = 0; std::vector<std::string> keep = {}; };
// Gives every prunable weight a mask ("c1.w" -> constant "c1.w.mask", node "c1.w.masked") with exactly
// round(sparsity × weights) zeros in all: the smallest magnitudes of the whole net, of equal ones the
// first. Existing masks only lose entries. sparsity 0: masks of ones. Throws Error for a sparsity
// outside 0..1 and for a name in `keep` that is no prunable weight.
Net mask(const Net&, const Mask&);
// Weights times masks, masks gone; the same outputs.
Net unmask(const Net&);
// Non-zero fraction of the prunable weights (by masks where there are any); 1 where there are none.
double density(const Net&);

// Gradual pruning by Zhu & Gupta 2017, eq. 1: s(t) = target (1 - (1 - (t-begin)/(end-begin))^3),
// as a hook: at every `every`-th step after `begin`, and at `end` exactly to the target, the masks are
// drawn anew to s(t), never growing back. For a checkpoint that has reached the target set
// TrainOptions::checkpoint_from_step = end. Throws Error for options out of range.
struct Gradual { double target = 0.5; int64_t begin = 0, end = 1000, every = 50; };
double sparsity_at(const Gradual&, int64_t step);
Hook gradual(const Gradual&);

}  // namespace sparlet::sparse
