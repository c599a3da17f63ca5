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
  const auto start = [&](int v) {
    return !bias                ? zero()
           : Tail && v == N - 1 ? load(bias + v * kWidth, last)
                                : load(bias + v * kWidth);
  };
  if (p.accumulate) {
    SPARLET_UNROLL for (int r = 0; r < M; ++r) {
      SPARLET_UNROLL for (int v = 0; v < N; ++v) {
        const float* at = c + r * p.c_row + v * kWidth;
        sum[r][v] = Tail && v == N - 1 ? load(at, last) : load(at);
      }
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
      float* to = c + r * p.c_row + v * kWidth;
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
  return rows <= 2 ? 8 : rows <= 4 ? 6 : rows <= 8 ? 3 : 2;
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

void product(const SimdProduct& p) {
  const int64_t vectors = (p.n + kWidth - 1) / kWidth, rest = p.n % kWidth;
  const int64_t row_blocks = (p.m + kMostRows - 1) / kMostRows;
  const int64_t rows = (p.m + row_blocks - 1) / row_blocks;
  const int64_t most = most_vectors(rows);
  const int64_t blocks = (vectors + most - 1) / most, width = (vectors + blocks - 1) / blocks;
  const Mask last = first_lanes(rest ? rest : kWidth);
  for (int64_t v = 0; v < vectors; v += width) {
    const int64_t now = v + width <= vectors ? width : vectors - v;
    const bool tail = rest && v + now == vectors;
    const float *a = p.a, *bias = p.bias ? p.bias + v * kWidth : nullptr;
    float* c = p.c + v * kWidth;
    for (int64_t s = 0; s < p.m_outer; ++s, a += p.a_row_outer, c += p.c_row_outer)
      for (int64_t r = 0; r < p.m; r += rows) {
        const int64_t many = r + rows <= p.m ? rows : p.m - r;
        kTiles.at[many][now][tail](p, a + r * p.a_row, p.b + v * p.b_panel, c + r * p.c_row, bias,
                                   last);
      }
  }
}

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
      const V v = load(x + r * d.in + k, mask...);
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
