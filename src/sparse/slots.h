// The optimiser's values of a weight's connections.
#pragma once
#include <functional>
#include <span>

#include "autograd/executor.h"
#include "sparse/weights.h"

namespace sparlet::sparse {

// Value `index` of each connection.
std::vector<float> slots_of(const Executor&, const Weight&, std::span<const int32_t> at, int index);
// Keeps it for these connections but the fresh ones, which get `first` of their place (none: 0); zero
// elsewhere.
// REQUIRES: no sparse weight.
void move_slot(Executor&, const Weight&, int index, std::span<const int32_t> at,
               const std::vector<bool>& fresh, const std::function<float(int32_t)>& first);

}  // namespace sparlet::sparse
