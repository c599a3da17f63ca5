// Loops of simd.h over rows of floats: copies and sums.
#pragma once
#include "tensor/kernels/simd_product.h"

namespace sparlet {
namespace {

template <class Row>
void each_row(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
              int64_t to_row, Row row) {
  const int64_t whole = n / kWidth * kWidth;
  const Mask rest = first_lanes(n - whole);
  if (whole == 0) {
    for (int64_t r = 0; r < rows; ++r) row(from + r * from_row, to + r * to_row, rest);
    return;
  }
  for (int64_t r = 0; r < rows; ++r, from += from_row, to += to_row) {
    for (int64_t i = 0; i < whole; i += kWidth) row(from + i, to + i);
    if (whole < n) row(from + whole, to + whole, rest);
  }
}

void copy_rows(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
               int64_t to_row) {
  each_row(rows, n, from, from_row, to, to_row,
           [](const float* f, float* t, auto... mask) { store(t, load(f, mask...), mask...); });
}

void sum_rows(int64_t rows, int64_t columns, const float* x, float* sum, bool add) {
  for (int64_t i = 0; i < columns; i += kWidth) {
    const Mask mask = first_lanes(columns - i);
    V total[4] = {add ? load(sum + i, mask) : zero(), zero(), zero(), zero()};
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4)
      for (int k = 0; k < 4; ++k) total[k] += load(x + (r + k) * columns + i, mask);
    for (; r < rows; ++r) total[0] += load(x + r * columns + i, mask);
    store(sum + i, (total[0] + total[1]) + (total[2] + total[3]), mask);
  }
}

void add(int64_t n, const float* x, float* y) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const Mask mask = first_lanes(n - i);
    store(y + i, load(y + i, mask) + load(x + i, mask), mask);
  }
}

// Pixel by pixel of the target, not row by row of the product: neighbouring rows overlap there, and
// a load that meets the store before it halfway waits for it.
void spread_row(int64_t pixels, int64_t kw, int64_t c, int64_t stride, const float* from,
                int64_t from_row, float* to) {
  const int64_t width = (pixels - 1) * stride + kw;
  for (int64_t w = 0; w < width; ++w) {
    const int64_t last = w / stride < pixels ? w / stride : pixels - 1;
    const int64_t low = w - kw + 1, first = low <= 0 ? 0 : (low + stride - 1) / stride;
    for (int64_t i = 0; i < c; i += kWidth) {
      const Mask mask = first_lanes(c - i);
      V sum = load(to + w * c + i, mask);
      for (int64_t p = first; p <= last; ++p)
        sum += load(from + p * from_row + (w - p * stride) * c + i, mask);
      store(to + w * c + i, sum, mask);
    }
  }
}

}  // namespace
}  // namespace sparlet
