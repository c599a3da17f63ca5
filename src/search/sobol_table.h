// Where Sobol's direction numbers come from (private to sobol.cpp).
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sparlet::search {

struct DirectionSeed {
  uint32_t degree = 1, inner = 0;  // x^degree + inner, bits of x^(degree-1) .. x^1 + 1
  std::vector<uint32_t> m;
};

// Of dimensions 2, 3, ...
std::vector<DirectionSeed> direction_seeds(int count);

}  // namespace sparlet::search
