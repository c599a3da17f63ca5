// Small matrix products on raw pointers, in portable code that compilers vectorise.
#pragma once
#include <cstdint>

namespace sparlet {

// Element (m, k) of the left matrix is at a[m * row + k * column].
struct Strided {
  const float* data;
  int64_t row, column;
};

// c[m][n] = Σk a(m,k) b[k][n], added to what c holds where `accumulate`. Rows of b and c are
// contiguous, b_row and c_row floats apart. Every element sums over k in order.
struct GemmArgs {
  int64_t m, n, k;
  Strided a;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
  bool accumulate = false;
};
void gemm(const GemmArgs&);

// to [columns][rows] = from [rows][columns], rows `from_row` floats apart.
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to);

// The products that a layer made of products runs on.
struct GemmPath {
  const char* name;
  void (*gemm)(const GemmArgs&);
  void (*transpose)(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to);
};
inline constexpr GemmPath portable_gemm{"portable", gemm, transpose};

// sum[i] = Σ over rows of x[row][i].
void sum_rows(int64_t rows, int64_t columns, const float* x, float* sum);

}  // namespace sparlet
