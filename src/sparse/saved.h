// What hooks remember, as bytes for checkpoints (Hook::save).
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace sparlet::sparse {

// Of f32 tensors by name: count u32, then each: length u32, name, rank u32, sizes i64, values.
std::vector<uint8_t> to_bytes(const std::map<std::string, Tensor>&);
// Throws Error for other bytes.
std::map<std::string, Tensor> tensors_from(std::span<const uint8_t>);

}  // namespace sparlet::sparse
