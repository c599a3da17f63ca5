// Dot products of simd.h, for few rows.
#pragma once
#include "tensor/kernels/simd_product.h"

namespace sparlet {
namespace {

// R rows × O outputs of a product in which both sides have k together: the sum runs over k in
// kWidth strands, added up at the end.
struct Dots {
  int64_t in, out;
  const float *x, *weight, *bias;
  bool relu;
  float* y;
};
template <int R, int O>
void dots_tile(const Dots& d, int64_t row, int64_t first) {
  const float *x = d.x + row * d.in, *weight = d.weight + first * d.in;
  V sum[R][O];
  SPARLET_UNROLL for (int r = 0; r < R; ++r) {
    SPARLET_UNROLL for (int o = 0; o < O; ++o) sum[r][o] = zero();
  }
  const int64_t whole = d.in / kWidth * kWidth;
  const auto add = [&](int64_t k, auto... mask) __attribute__((always_inline)) {
    V w[O];
    SPARLET_UNROLL for (int o = 0; o < O; ++o) w[o] = load(weight + o * d.in + k, mask...);
    SPARLET_UNROLL for (int r = 0; r < R; ++r) {
      const V v = once(load(x + r * d.in + k, mask...));
      SPARLET_UNROLL for (int o = 0; o < O; ++o) sum[r][o] = fma(v, w[o], sum[r][o]);
    }
  };
  for (int64_t k = 0; k < whole; k += kWidth) add(k);
  if (whole < d.in) add(whole, first_lanes(d.in - whole));
  SPARLET_UNROLL for (int r = 0; r < R; ++r) {
    SPARLET_UNROLL for (int o = 0; o < O; ++o) {
      const float total = sum_of(sum[r][o]) + (d.bias ? d.bias[first + o] : 0.f);
      d.y[(row + r) * d.out + first + o] = d.relu && total < 0 ? 0 : total;
    }
  }
}

template <int R>
void dots_rows(const Dots& d, int64_t row) {
  int64_t o = 0;
  for (; o + 4 <= d.out; o += 4) dots_tile<R, 4>(d, row, o);
  for (; o < d.out; ++o) dots_tile<R, 1>(d, row, o);
}

void dots(int64_t rows, int64_t in, int64_t out, const float* x, const float* weight,
          const float* bias, bool relu, float* y) {
  const Dots d{in, out, x, weight, bias, relu, y};
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) dots_rows<2>(d, r);
  if (r < rows) dots_rows<1>(d, r);
}

}  // namespace
}  // namespace sparlet
