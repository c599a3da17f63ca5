// Channels whose value is the same number for every input.
#pragma once
#include <optional>

#include "sparse/channels.h"

namespace sparlet::sparse {

// By node and channel, where it is known (outside of training: norms by their running statistics).
using Constants = std::vector<std::vector<std::optional<float>>>;
Constants constants_of(const Net&, const Channels&);

// The weight or bias that a layer reads at `input`, masks applied.
Tensor operand(const Net&, const Node&, int input);
// Whether a layer's sums run over a border of zeros.
bool pads(const Node&);

}  // namespace sparlet::sparse
