// The loops that are written once for SIMD and built for each instruction set, as a table of
// function pointers. Plain pointers and numbers only: see kernels.h.
#pragma once
#include <cstdint>

namespace sparlet {

// c[r][n] = Σ_k a(r,k) b(k,n), where r runs over m_outer × m and k over k_outer × k_inner: that is
// a matrix product, a convolution (r: rows of the map × pixels of a row, k: rows of the window ×
// floats of a row), or its gradient (k: rows of the map × pixels of a row). Every element is one
// chain of multiply-adds in the order of k, whatever stands beside it. All steps are in floats.
struct SimdProduct {
  int64_t m_outer = 1, m = 1, n = 1, k_outer = 1, k_inner = 1;
  const float* a;
  int64_t a_row, a_row_outer = 0, a_outer = 0, a_inner = 1;
  // Columns [v·lanes, (v+1)·lanes) start at b + v·b_panel. With `padded` those of the last panel
  // may be read beyond n.
  const float* b;
  int64_t b_outer = 0, b_inner, b_panel;
  bool padded = false;
  float* c;
  int64_t c_row, c_row_outer = 0;
  const float* bias = nullptr;  // [n], what the sums start from
  bool accumulate = false;      // they start from c
  bool relu = false;            // c = max(sum, 0), NaN stays
};

struct SimdLoops {
  const char* name = "";
  int64_t lanes = 1;  // floats in a vector
  void (*product)(const SimdProduct&) = nullptr;
  // y[r·y_row + o] = bias[o] + Σ_k x[r·in + k] weight[o·in + k]
  void (*dots)(int64_t rows, int64_t in, int64_t out, const float* x, const float* weight,
               const float* bias, float* y) = nullptr;
  // to[p][k][lane] = from[(p·lanes + lane)·row + k], zeros where p·lanes + lane >= rows
  void (*pack_transposed)(int64_t rows, int64_t columns, const float* from, int64_t row,
                          float* to) = nullptr;
  // sum[i] = Σ over rows of x[row][i]
  void (*sum_rows)(int64_t rows, int64_t columns, const float* x, float* sum) = nullptr;
  // Rows of n floats, steps between them: to = from; to += from, one row after the other (they may
  // overlap in `to`).
  void (*copy_rows)(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
                    int64_t to_row) = nullptr;
  void (*add_rows)(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
                   int64_t to_row) = nullptr;
};

extern const SimdLoops simd_avx2, simd_avx512;

}  // namespace sparlet
