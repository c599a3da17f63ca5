// Ops that only move numbers: every number of the result is one of the operand's, or a fixed one.
#pragma once
#include <functional>
#include <vector>

#include "autograd/op.h"

namespace sparlet {

// For each number of the result of one sample, in plain order: its number in the operand, in plain
// order too, or -1 for the fixed one.
using Origins = std::vector<int32_t>;

// The kernel of such a node, whatever the layouts. Where several numbers come from one, its
// gradient is their sum.
std::unique_ptr<Kernel> make_gather(const Node&, const MakeContext&, const Origins&,
                                    float fixed = 0);

// Origins by coordinates: origin(coordinates in the result) -> number in the operand, or -1.
Origins origins_of(const Shape& result,
                   const std::function<int64_t(std::span<const int64_t>)>& origin);

// The same in memory order: element i in the result's memory comes from element [i] in the
// operand's.
std::vector<int32_t> in_memory(const Origins&, const Placement& result, const Shape& result_shape,
                               const Placement& operand, const Shape& operand_shape);

// Distance between neighbours along each axis, in plain order.
std::vector<int64_t> strides_of(const Shape&);

}  // namespace sparlet
