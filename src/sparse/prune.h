// Magnitude pruning with persistent masks: linear(x, w, b) becomes linear(x, mul(w, mask), b).
#pragma once
#include "nn/train.h"
#include "sparse/distributions.h"

namespace sparlet::sparse {

// The prunable weights of a net (weights.h), by param name, in graph order; with `biases` these too.
std::vector<std::string> prunable(const Graph&, bool biases = false);

struct Mask {
  double sparsity = 0;
  // Names of prunable weights that are left as they are and not counted; the last is often one.
  std::vector<std::string> keep = {};
  Distribution distribution = {};  // of the sparsity over the weights; none: ranked all together
  bool biases = false;             // prunes them too
};
// Gives every prunable weight a mask ("c1.w" -> constant "c1.w.mask", node "c1.w.masked") with exactly
// round(sparsity × weights) zeros in all: the smallest magnitudes of the whole net (or, with a
// distribution, of each weight), of equal ones the first. Existing masks only lose entries. sparsity 0:
// masks of ones. Throws Error for a sparsity outside 0..1 and for a name in `keep` that is no prunable
// weight.
Net mask(const Net&, const Mask&);
// Weights times masks, masks gone; the same outputs. What was closed may train again.
Net unmask(const Net&);
// Non-zero fraction of the prunable weights (by masks where there are any); 1 where there are none.
double density(const Net&);

// Removes a fraction once more, of the weights' whole number or of those that are left, floor(k × n),
// from each weight by itself or from all together; where fewer are left, all go.
struct Fraction {
  double k = 0.05;
  bool of_remaining = false, together = false;
  std::vector<std::string> keep = {};
  bool biases = false;
};
Net prune_fraction(const Net&, const Fraction&);
// Removes the smallest magnitudes: of each of these weights (by name; none: all prunable ones) floor(k × its
// dense size), at every call; where fewer are left, all go. Dense weights get masks, masked ones lose
// entries, sparse ones stay sparse and get smaller. Throws Error for k outside 0.01..1 and for a name that is
// no prunable weight.
Net prune_smallest(const Net&, double k = 0.05, const std::vector<std::string>& weights = {});

// Gradual pruning by Zhu & Gupta 2017, eq. 1: s(t) = target + (initial - target) (1 - (t-begin)/(end-begin))^3,
// as a hook: at every `every`-th step after `begin`, and at `end` exactly to the target, the masks are
// drawn anew to s(t), never growing back. For a checkpoint that has reached the target set
// TrainOptions::checkpoint_from_step = end. Throws Error for options out of range.
struct Gradual {
  double target = 0.5;
  int64_t begin = 0, end = 1000, every = 50;
  double initial = 0, power = 3;  // power 1: linear
  std::vector<std::string> keep = {};
  Distribution distribution = {};
  bool biases = false;
};
double sparsity_at(const Gradual&, int64_t step);
Hook gradual(const Gradual&);

// Prune and train by turns, to `sparsity` in equal shares of what is left. `retrain` gets the pruned
// net and the round, from 0. With `rewind` every round trains from the first net's weights (Frankle &
// Carbin 2019: lottery tickets), else it goes on. rounds 1: one-shot.
struct Rounds {
  double sparsity = 0.9;
  int rounds = 10;
  bool rewind = false;
  std::vector<std::string> keep = {};
  Distribution distribution = {};
};
Net prune_in_rounds(const Net&, const Rounds&, const std::function<Net(const Net&, int round)>& retrain);

}  // namespace sparlet::sparse
