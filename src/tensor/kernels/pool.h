// Pooling on raw pointers: x [n][h][w][c], y [n][oh][ow][c].
#pragma once
#include "tensor/kernels/window.h"

namespace sparlet {

// Takes the first of equal values, row by row. `from`, where not null, gets the number (row × w +
// column) of the pixel that each output came from.
void max_pool(const Window&, int64_t n, const float* x, float* y, int32_t* from);
void max_pool_backward(const Window&, int64_t n, const int32_t* from, const float* dy, float* dx);

// count_pad: divides by the whole window, else by what of it lies in the map.
void avg_pool(const Window&, bool count_pad, int64_t n, const float* x, float* y);
void avg_pool_backward(const Window&, bool count_pad, int64_t n, const float* dy, float* dx);

}  // namespace sparlet
