// What a relu lets through, for kernels that do one in passing.
#pragma once
#include <limits>

namespace sparlet {

// Of the gradient g where the relu's value is y.
[[gnu::always_inline]] inline float passed(float g, float y) {
  return (y > 0) & (y < std::numeric_limits<float>::infinity()) ? g : 0;
}

}  // namespace sparlet
