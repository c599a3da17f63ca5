// How sparse a net is, weight by weight, and what that saves.
#pragma once
#include <string>

#include "sparse/weights.h"

namespace sparlet::sparse {

struct WeightCost {
  std::string name;
  Shape shape;
  int64_t size = 0, connections = 0;
  int64_t macs = 0;       // of one sample, dense
  double effective = 0;   // of the connections
};
// All prunable weights, in their order. A layer with several (recurrent ones) shares its
// multiply-accumulates among them by size.
std::vector<WeightCost> weight_costs(const Net&);
// A row each, then the totals: weights, connections, sparsity, MACs, effective MACs.
std::string sparsity_table(const Net&);
// Multiply-accumulates of one training step on one sample, of the prunable weights: forwards, and twice
// as many backwards, all at the connections; every `every`-th step the weight gradient of all places, as
// RigL asks for it (0: never).
double training_macs(const Net&, int64_t every = 0);

}  // namespace sparlet::sparse
