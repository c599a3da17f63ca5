// Sums of simd.h where every lane is a sample.
#pragma once
#include "tensor/kernels/simd_product.h"

namespace sparlet {
namespace {

// O filters × I neighbours of a run of x stay in registers over all pixels.
template <int O, int I>
void lane_sums_tile(const SimdLaneSums& s, const float* x, const float* y, float* to,
                    int64_t to_row) {
  V sum[O][I];
  SPARLET_UNROLL for (int o = 0; o < O; ++o) {
    SPARLET_UNROLL for (int i = 0; i < I; ++i) sum[o][i] = load(to + o * to_row + i * kWidth);
  }
  const int64_t y_pixel = s.o * kWidth;
  for (int64_t row = 0; row < s.rows; ++row) {
    const float *from = x + row * s.x_row, *up = y + row * s.y_row;
    for (int64_t p = 0; p < s.pixels; ++p, from += s.x_pixel, up += y_pixel) {
      V v[I];
      SPARLET_UNROLL for (int i = 0; i < I; ++i) v[i] = load(from + i * kWidth);
      SPARLET_UNROLL for (int o = 0; o < O; ++o) {
        const V u = once(load(up + o * kWidth));
        SPARLET_UNROLL for (int i = 0; i < I; ++i) sum[o][i] = fma(u, v[i], sum[o][i]);
      }
    }
  }
  SPARLET_UNROLL for (int o = 0; o < O; ++o) {
    SPARLET_UNROLL for (int i = 0; i < I; ++i) store(to + o * to_row + i * kWidth, sum[o][i]);
  }
}

using LaneSumsTile = void (*)(const SimdLaneSums&, const float*, const float*, float*, int64_t);

// Sums, I vectors of x and one of y fit into 32 (AVX2: 16) registers.
#if defined(__AVX512F__)
constexpr int kMostFilters = 8;
constexpr int most_neighbours(int64_t o) { return o <= 3 ? 7 : o <= 4 ? 6 : o <= 6 ? 4 : 3; }
#else
constexpr int kMostFilters = 4;
constexpr int most_neighbours(int64_t o) { return o <= 1 ? 7 : o <= 2 ? 5 : o <= 3 ? 3 : 2; }
#endif
constexpr int kMostNeighbours = 7;

struct LaneSumsTiles {
  LaneSumsTile at[kMostFilters + 1][kMostNeighbours + 1] = {};
};
template <int O, int I>
constexpr void add_lane_tiles(LaneSumsTiles& tiles) {
  if constexpr (I <= most_neighbours(O)) {
    tiles.at[O][I] = lane_sums_tile<O, I>;
    add_lane_tiles<O, I + 1>(tiles);
  } else if constexpr (O < kMostFilters) {
    add_lane_tiles<O + 1, 1>(tiles);
  }
}
constexpr LaneSumsTiles make_lane_tiles() {
  LaneSumsTiles tiles;
  add_lane_tiles<1, 1>(tiles);
  return tiles;
}
constexpr LaneSumsTiles kLaneTiles = make_lane_tiles();

void lane_sums(const SimdLaneSums& s) {
  const int64_t blocks = (s.o + kMostFilters - 1) / kMostFilters;
  const int64_t filters = (s.o + blocks - 1) / blocks;
  const int64_t most = most_neighbours(filters), tiles = (s.inner + most - 1) / most;
  const int64_t neighbours = (s.inner + tiles - 1) / tiles;
  const int64_t to_row = s.outer * s.inner * kWidth;
  for (int64_t o = 0; o < s.o; o += filters)
    for (int64_t j = 0; j < s.outer; ++j)
      for (int64_t i = 0; i < s.inner; i += neighbours) {
        const int64_t many = s.o - o < filters ? s.o - o : filters;
        const int64_t wide = s.inner - i < neighbours ? s.inner - i : neighbours;
        kLaneTiles.at[many][wide](s, s.x + j * s.x_outer + i * kWidth, s.y + o * kWidth,
                                  s.sum + o * to_row + (j * s.inner + i) * kWidth, to_row);
      }
}

void sum_lanes(int64_t n, const float* from, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = sum_of(load(from + i * kWidth));
}

}  // namespace
}  // namespace sparlet
