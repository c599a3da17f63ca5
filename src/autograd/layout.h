// How values lie in memory inside an Executor. Text, files and users see NCHW / OIHW (`plain`).
// Batched rank-3 values are always [h][w][c]; conv weights [o][h][w][i]; a flattened map keeps the
// memory order of the map, and the linear layer behind it has its weight columns in that order.
#pragma once
#include "autograd/graph.h"

namespace sparlet {

enum class Layout : uint8_t {
  plain,     // row-major in the order of the type's shape
  hwc,       // batched rank 3: type (c,h,w), memory [h][w][c]
  flat_hwc,  // batched rank 1 that was flattened from `map`=(c,h,w): memory order [h][w][c]
  ohwi,      // unbatched rank 4 (o,i,h,w): memory [o][h][w][i]
  columns,   // unbatched rank 2 (o, c*h*w): each row ordered as flat_hwc of `map`
};

struct Placement {
  Layout layout = Layout::plain;
  Shape map;  // (c,h,w) for flat_hwc and columns
  bool operator==(const Placement&) const = default;
};

// By Id. flatten's output is flat_hwc where everything up to the next linear layers is elementwise,
// else plain (then the flatten kernel permutes). Throws Error where a value would need two layouts.
std::vector<Placement> choose_layouts(const Graph&);

// The permutation: element i in memory is element order[i] of the plain tensor (of one sample).
// Empty where it is the identity.
std::vector<int32_t> memory_order(const Placement&, const Shape&);

// Copies one value (a whole leaf, or n samples) between plain and memory order.
void to_memory(const Placement&, const Type&, int64_t n, const void* plain, void* memory);
void to_plain(const Placement&, const Type&, int64_t n, const void* memory, void* plain);

}  // namespace sparlet
