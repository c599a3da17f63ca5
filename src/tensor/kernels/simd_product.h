// The matrix product of simd.h: a tile of M rows × N vectors of c stays in registers while k runs.
#pragma once
#include "tensor/kernels/simd.h"
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

#define SPARLET_UNROLL _Pragma("GCC unroll 16")

// Rows of `a` are reached from a pointer for three of them, so that few registers hold pointers.
template <int M, int N, bool Tail>
void product_tile(const SimdProduct& p, const float* a, const float* b, float* c, const float* bias,
                  Mask last) {
  V sum[M][N];
  const int64_t panel = p.c_panel ? p.c_panel : kWidth;
  const auto start = [&](int v) {
    return !bias                ? zero()
           : Tail && v == N - 1 ? load(bias + v * kWidth, last)
                                : load(bias + v * kWidth);
  };
  if (p.accumulate) {
    SPARLET_UNROLL for (int r = 0; r < M; ++r) {
      SPARLET_UNROLL for (int v = 0; v < N; ++v) {
        const float* at = c + r * p.c_row + v * panel;
        sum[r][v] = Tail && v == N - 1 ? load(at, last) : load(at);
      }
    }
  } else if (bias && p.bias_of_rows) {
    SPARLET_UNROLL for (int r = 0; r < M; ++r) {
      SPARLET_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = all(bias[r]);
    }
  } else {
    SPARLET_UNROLL for (int v = 0; v < N; ++v) {
      sum[0][v] = start(v);
      SPARLET_UNROLL for (int r = 1; r < M; ++r) sum[r][v] = sum[0][v];
    }
  }
  constexpr int kTriples = (M + 2) / 3;
  const bool masked = Tail && !p.padded;
  const int64_t row = p.a_row;
  for (int64_t j = 0; j < p.k_outer; ++j, a += p.a_outer, b += p.b_outer) {
    const float* at[kTriples];
    SPARLET_UNROLL for (int t = 0; t < kTriples; ++t) at[t] = a + 3 * t * row;
    const float* from = b;
    for (int64_t i = 0; i < p.k_inner; ++i, from += p.b_inner) {
      V w[N];
      SPARLET_UNROLL for (int v = 0; v < N; ++v) {
        const float* column = from + v * p.b_panel;
        w[v] = Tail && v == N - 1 && masked ? load(column, last) : load(column);
      }
      SPARLET_UNROLL for (int r = 0; r < M; ++r) {
        const V x = all(at[r / 3][(r % 3) * row]);
        SPARLET_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = fma(x, w[v], sum[r][v]);
      }
      SPARLET_UNROLL for (int t = 0; t < kTriples; ++t) at[t] += p.a_inner;
    }
  }
  if (p.relu) SPARLET_UNROLL for (int r = 0; r < M; ++r) {
      SPARLET_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = greater(zero(), sum[r][v]);
    }
  SPARLET_UNROLL for (int r = 0; r < M; ++r) {
    SPARLET_UNROLL for (int v = 0; v < N; ++v) {
      float* to = c + r * p.c_row + v * panel;
      if (Tail && v == N - 1)
        store(to, sum[r][v], last);
      else
        store(to, sum[r][v]);
    }
  }
}

using ProductTile = void (*)(const SimdProduct&, const float*, const float*, float*, const float*,
                             Mask);

// Sums, vectors of b and one of a fit into 32 (AVX2: 16) registers.
#if defined(__AVX512F__)
constexpr int kMostRows = 14, kMostVectors = 8;
constexpr int most_vectors(int64_t rows) {
  return rows <= 2 ? 8 : rows <= 4 ? 6 : rows <= 6 ? 4 : rows <= 8 ? 3 : 2;
}
#else
constexpr int kMostRows = 6, kMostVectors = 8;
constexpr int most_vectors(int64_t rows) {
  return rows <= 1 ? 8 : rows <= 2 ? 5 : rows <= 3 ? 4 : rows <= 4 ? 3 : 2;
}
#endif

struct ProductTiles {
  ProductTile at[kMostRows + 1][kMostVectors + 1][2] = {};
};
template <int M, int N>
constexpr void add_tiles(ProductTiles& tiles) {
  if constexpr (N <= most_vectors(M)) {
    tiles.at[M][N][0] = product_tile<M, N, false>;
    tiles.at[M][N][1] = product_tile<M, N, true>;
    add_tiles<M, N + 1>(tiles);
  } else if constexpr (M < kMostRows) {
    add_tiles<M + 1, 1>(tiles);
  }
}
constexpr ProductTiles make_tiles() {
  ProductTiles tiles;
  add_tiles<1, 1>(tiles);
  return tiles;
}
constexpr ProductTiles kTiles = make_tiles();

}  // namespace
}  // namespace sparlet
