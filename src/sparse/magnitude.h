// The greatest magnitudes of a net's weights, as masks.
#pragma once
#include "sparse/distributions.h"

namespace sparlet::sparse {

// NaN counts as the largest: never pruned, and comparable.
float magnitude(float w);

struct Greatest {
  double sparsity = 0;
  Distribution distribution = {};  // none: the weights of the whole net are ranked together
  bool regrow = false;             // also from what the present masks have closed
};
// Masks with exactly the connections that `sparsity` leaves (all together weights - round(sparsity ×
// weights), or by connection_counts()): the greatest magnitudes, of equal ones the last. Without
// `regrow` masks only lose entries. The net is not changed.
std::vector<Tensor> greatest(const Net&, const std::vector<Weight>&, const Greatest&);

// Closes the `drop` open entries that belong to the smallest values, of equal ones the first.
void close_smallest(std::vector<Tensor>& masks, const std::vector<Tensor>& values, int64_t drop);

}  // namespace sparlet::sparse
