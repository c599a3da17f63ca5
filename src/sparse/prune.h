// Magnitude pruning with persistent masks: linear(x, w, b) becomes linear(x, mul(w, mask), b).
#pragma once
#include "nn/train.h"

namespace sparlet::sparse {

// The conv2d and linear weights of a net, by param name, in graph order.
std::vector<std::string> prunable(const Graph&);

struct Mask { double sparsity = 0; std::vector<std::string> keep = {}; };
// Gives every prunable weight a mask ("c1.w" -> constant "c1.w.mask", node "c1.w.masked") with exactly
// round(sparsity × weights) zeros in all: the smallest magnitudes of the whole net. Existing masks
// only lose entries. sparsity 0: masks of ones.
Net mask(const Net&, const Mask&);
// Weights times masks, masks gone; the same outputs.
Net unmask(const Net&);
// Non-zero fraction of the prunable weights (by masks where there are any).
double density(const Net&);

// Gradual pruning by Zhu & Gupta 2017, eq. 1: s(t) = target (1 - (1 - (t-begin)/(end-begin))^3),
// as a hook: at every `every`-th step the masks are drawn anew to s(t), never growing back.
struct Gradual { double target = 0.5; int64_t begin = 0, end = 1000, every = 50; };
Hook gradual(const Gradual&);

}  // namespace sparlet::sparse
