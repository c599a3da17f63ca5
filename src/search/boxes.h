// What a front leaves free: the region that it does not dominate, as disjoint boxes.
#pragma once
#include <cstdint>
#include <vector>

#include "search/pareto.h"

namespace sparlet::search {

// Boxes by the numbers of their levels: box b spans, in objective k, from
// levels[k][low[b × m + k]] to levels[k][high[b × m + k]].
struct Boxes {
  std::vector<Values> levels;  // by objective, rising: -infinity, values of the front, reference
  std::vector<uint16_t> low, high;
  size_t count() const { return levels.empty() ? 0 : low.size() / levels.size(); }
};

// All that lies below `reference` and is not dominated by a point of `points` (minimised), exactly.
// A sweep along the last objective: where it meets a point, the open boxes of the other objectives
// that the point cuts are closed and split. 2 objectives: n + 1 boxes; 3: about 2n; 4: grows
// faster.
Boxes nondominated_boxes(const std::vector<Values>& points, const Values& reference);

}  // namespace sparlet::search
