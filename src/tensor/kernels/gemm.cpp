#include "tensor/kernels/gemm.h"

#include <algorithm>

#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

// A tile of M rows and 2 × kLanes columns stays in registers while k runs.
template <int M>
[[gnu::always_inline]] inline void wide_tile(const GemmArgs& g, int64_t m, int64_t n) {
  Lanes sum[M][2] = {};
  if (g.accumulate)
    for (int p = 0; p < M; ++p) {
      SPARLET_LOAD(sum[p][0], g.c + (m + p) * g.c_row + n);
      SPARLET_LOAD(sum[p][1], g.c + (m + p) * g.c_row + n + kLanes);
    }
  const float* a = g.a.data + m * g.a.row;
  const float* b = g.b + n;
  for (int64_t k = 0; k < g.k; ++k, a += g.a.column, b += g.b_row) {
    Lanes b0, b1;
    SPARLET_LOAD(b0, b);
    SPARLET_LOAD(b1, b + kLanes);
    for (int p = 0; p < M; ++p) {
      sum[p][0] += a[p * g.a.row] * b0;
      sum[p][1] += a[p * g.a.row] * b1;
    }
  }
  for (int p = 0; p < M; ++p) {
    SPARLET_STORE(sum[p][0], g.c + (m + p) * g.c_row + n);
    SPARLET_STORE(sum[p][1], g.c + (m + p) * g.c_row + n + kLanes);
  }
}

// The columns that are left over, fewer than 2 × kLanes.
template <int M>
[[gnu::always_inline]] inline void narrow_tile(const GemmArgs& g, int64_t m, int64_t n) {
  for (; n + kLanes <= g.n; n += kLanes) {
    Lanes sum[M] = {};
    if (g.accumulate)
      for (int p = 0; p < M; ++p) SPARLET_LOAD(sum[p], g.c + (m + p) * g.c_row + n);
    const float* a = g.a.data + m * g.a.row;
    for (int64_t k = 0; k < g.k; ++k, a += g.a.column) {
      Lanes b;
      SPARLET_LOAD(b, g.b + k * g.b_row + n);
      for (int p = 0; p < M; ++p) sum[p] += a[p * g.a.row] * b;
    }
    for (int p = 0; p < M; ++p) SPARLET_STORE(sum[p], g.c + (m + p) * g.c_row + n);
  }
  for (; n < g.n; ++n) {
    float sum[M] = {};
    if (g.accumulate)
      for (int p = 0; p < M; ++p) sum[p] = g.c[(m + p) * g.c_row + n];
    const float* a = g.a.data + m * g.a.row;
    for (int64_t k = 0; k < g.k; ++k, a += g.a.column)
      for (int p = 0; p < M; ++p) sum[p] += a[p * g.a.row] * g.b[k * g.b_row + n];
    for (int p = 0; p < M; ++p) g.c[(m + p) * g.c_row + n] = sum[p];
  }
}

template <int M>
[[gnu::always_inline]] inline void rows_of(const GemmArgs& g, int64_t m) {
  int64_t n = 0;
  for (; n + 2 * kLanes <= g.n; n += 2 * kLanes) wide_tile<M>(g, m, n);
  if (n < g.n) narrow_tile<M>(g, m, n);
}

}  // namespace

SPARLET_WIDE void gemm(const GemmArgs& g) {
  int64_t m = 0;
  for (; m + 4 <= g.m; m += 4) rows_of<4>(g, m);
  for (; m < g.m; ++m) rows_of<1>(g, m);
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * from_row + c];
}

SPARLET_WIDE void sum_rows(int64_t rows, int64_t columns, const float* x, float* sum) {
  std::fill_n(sum, columns, 0.f);
  for (int64_t r = 0; r < rows; ++r, x += columns)
    for (int64_t i = 0; i < columns; ++i) sum[i] += x[i];
}

}  // namespace sparlet
