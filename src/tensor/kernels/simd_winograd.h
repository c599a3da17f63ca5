// Winograd's minimal filtering for 3 × 3 windows: 36 multiplications give 4 × 4 pixels that take
// 144. Lavin & Gray, "Fast algorithms for convolutional neural networks", 2016 (arXiv:1509.09308);
// the matrices are those of Toom and Cook for the places 0, ±√½, ±√2 and infinity, whose rounding
// errors are smaller than those of the usual 0, ±1, ±2 (Barabasz et al., "Error analysis and
// improving the accuracy of Winograd convolution", 2020, arXiv:1803.10986). With M(p) = p (p² - ½)
// (p² - 2) and N(p) its value without the factor of p: an input is turned by the coefficients of
// M / (p - place), a filter is its polynomial at the place over N, a result has powers of the
// place.
#pragma once
#include "tensor/kernels/simd.h"
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

constexpr float kNear = 0.70710678118654752440F, kFarPlace = 1.41421356237309504880F;  // √½, √2
constexpr float kNearSquared = 0.5F, kFarSquared = 2;
constexpr float kOverNear = -2.0F / 3, kOverFar = 1.0F / 6;  // 1 / N(±√½), 1 / N(±√2)

#define SPARLET_EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); ++i)

// Six pixels in a line → six values.
inline void turn_input(const V (&d)[6], V (&v)[6]) {
  const V sum = all(-(kNearSquared + kFarSquared));
  v[0] = fma(sum, d[2], d[0] + d[4]);
  v[5] = fma(sum, d[3], d[1] + d[5]);
  const V even = fma(all(-kFarSquared), d[2], d[4]), odd = fma(all(-kFarSquared), d[1], d[3]);
  v[1] = fma(all(kNear), odd, even);
  v[2] = fma(all(-kNear), odd, even);
  const V far_even = fma(all(-kNearSquared), d[2], d[4]);
  const V far_odd = fma(all(-kNearSquared), d[1], d[3]);
  v[3] = fma(all(kFarPlace), far_odd, far_even);
  v[4] = fma(all(-kFarPlace), far_odd, far_even);
}

// A filter of three taps, or of four (what the weight's gradient takes for one).
inline void turn_filter(const V (&g)[3], V (&u)[6]) {
  u[0] = g[0];
  u[5] = g[2];
  const V even = fma(all(kNearSquared), g[2], g[0]) * all(kOverNear);
  u[1] = fma(all(kNear * kOverNear), g[1], even);
  u[2] = fma(all(-kNear * kOverNear), g[1], even);
  const V far_even = fma(all(kFarSquared), g[2], g[0]) * all(kOverFar);
  u[3] = fma(all(kFarPlace * kOverFar), g[1], far_even);
  u[4] = fma(all(-kFarPlace * kOverFar), g[1], far_even);
}
inline void turn_filter(const V (&e)[4], V (&u)[6]) {
  u[0] = e[0];
  u[5] = e[3];
  const V even = fma(all(kNearSquared), e[2], e[0]) * all(kOverNear);
  const V odd = fma(all(kNearSquared), e[3], e[1]);
  u[1] = fma(all(kNear * kOverNear), odd, even);
  u[2] = fma(all(-kNear * kOverNear), odd, even);
  const V far_even = fma(all(kFarSquared), e[2], e[0]) * all(kOverFar);
  const V far_odd = fma(all(kFarSquared), e[3], e[1]);
  u[3] = fma(all(kFarPlace * kOverFar), far_odd, far_even);
  u[4] = fma(all(-kFarPlace * kOverFar), far_odd, far_even);
}

// Six products → a line of the result: four pixels, or three taps.
inline void turn_back(const V (&m)[6], V (&y)[4]) {
  const V near = m[1] + m[2], far = m[3] + m[4], near_odd = m[1] - m[2], far_odd = m[3] - m[4];
  y[0] = m[0] + (near + far);
  y[1] = fma(all(kFarPlace), far_odd, all(kNear) * near_odd);
  y[2] = fma(all(kFarSquared), far, all(kNearSquared) * near);
  y[3] = fma(all(kFarPlace * kFarSquared), far_odd, fma(all(kNear * kNearSquared), near_odd, m[5]));
}
inline void turn_back(const V (&m)[6], V (&y)[3]) {
  const V near = m[1] + m[2], far = m[3] + m[4];
  y[0] = m[0] + (near + far);
  y[1] = fma(all(kFarPlace), m[3] - m[4], all(kNear) * (m[1] - m[2]));
  y[2] = fma(all(kFarSquared), far, fma(all(kNearSquared), near, m[5]));
}

// Where a tile lies: from which row and column of which map.
struct Tile {
  int64_t map, row, column;
};
inline Tile tile_at(const SimdTiles& s, int64_t number) {
  const int64_t map = number / s.each, in = number % s.each, row = in / s.across;
  return {map, 4 * row - s.top, 4 * (in - row * s.across) - s.left};
}

// N × N pixels of each tile, zero beyond the map.
template <int N, class Turn>
void tiles_from(const SimdTiles& s, const float* x, float* to, Turn turn) {
  const int64_t pitch = s.w * s.c;
  for (int64_t t = 0; t < s.count; ++t, to += s.row) {
    const Tile tile = tile_at(s, s.first + t);
    const float* map = x + tile.map * s.h * pitch;
    const float* line[N];
    SPARLET_EACH(i, N) {
      const int64_t row = tile.row + i;
      line[i] = row >= 0 && row < s.h ? map + row * pitch : s.zeros;
    }
    for (int64_t c = 0; c < s.c; c += kWidth) {
      const Mask mask = first_lanes(s.c - c);
      alignas(64) V half[6][N];
      SPARLET_EACH(j, N) {
        const int64_t column = tile.column + j;
        if (column < 0 || column >= s.w) {
          SPARLET_EACH(i, 6) half[i][j] = zero();
          continue;
        }
        const int64_t at = column * s.c + c;
        V d[N], v[6];
        SPARLET_EACH(i, N) d[i] = load(line[i] + at, mask);
        turn(d, v);
        SPARLET_EACH(i, 6) half[i][j] = v[i];
      }
      SPARLET_EACH(i, 6) {
        V v[6];
        turn(half[i], v);
        SPARLET_EACH(j, 6) store(to + (6 * i + j) * s.place + c, v[j]);
      }
    }
  }
}

void tiles_of_input(const SimdTiles& s, const float* x, float* to) {
  tiles_from<6>(s, x, to, [](const V(&d)[6], V(&v)[6]) { turn_input(d, v); });
}
void tiles_of_grad(const SimdTiles& s, const float* dy, float* to) {
  tiles_from<4>(s, dy, to, [](const V(&d)[4], V(&v)[6]) { turn_filter(d, v); });
}

void tiles_to_map(const SimdTiles& s, const float* from, const float* bias, bool relu, float* y) {
  const int64_t pitch = s.w * s.c;
  for (int64_t t = 0; t < s.count; ++t, from += s.row) {
    const Tile tile = tile_at(s, s.first + t);
    float* to = y + (tile.map * s.h + tile.row) * pitch + tile.column * s.c;
    const int64_t rows = s.h - tile.row, columns = s.w - tile.column;
    for (int64_t c = 0; c < s.c; c += kWidth) {
      const Mask mask = first_lanes(s.c - c);
      alignas(64) V half[4][6];
      SPARLET_EACH(j, 6) {
        V m[6], v[4];
        SPARLET_EACH(i, 6) m[i] = load(from + (6 * i + j) * s.place + c);
        turn_back(m, v);
        SPARLET_EACH(i, 4) half[i][j] = v[i];
      }
      const V start = bias ? load(bias + c, mask) : zero();
      SPARLET_EACH(i, 4) {
        if (i >= rows) break;
        V v[4];
        turn_back(half[i], v);
        SPARLET_EACH(j, 4) {
          v[j] += start;
          if (relu) v[j] = greater(zero(), v[j]);
          if (j < columns) store(to + i * pitch + j * s.c + c, v[j], mask);
        }
      }
    }
  }
}

void tile_weight(int64_t n, const float* weight, int64_t tap, bool turned, float* to,
                 int64_t place) {
  for (int64_t c = 0; c < n; c += kWidth) {
    const Mask mask = first_lanes(n - c);
    alignas(64) V half[6][3];
    SPARLET_EACH(j, 3) {
      V g[3], u[6];
      SPARLET_EACH(i, 3) {
        const int at = 3 * i + j;
        g[i] = load(weight + (turned ? 8 - at : at) * tap + c, mask);
      }
      turn_filter(g, u);
      SPARLET_EACH(i, 6) half[i][j] = u[i];
    }
    SPARLET_EACH(i, 6) {
      V u[6];
      turn_filter(half[i], u);
      SPARLET_EACH(j, 6) store(to + (6 * i + j) * place + c, u[j]);
    }
  }
}

void tile_weight_grad(int64_t n, const float* from, int64_t place, float* dweight, int64_t tap) {
  for (int64_t c = 0; c < n; c += kWidth) {
    const Mask mask = first_lanes(n - c);
    alignas(64) V half[3][6];
    SPARLET_EACH(j, 6) {
      V m[6], v[3];
      SPARLET_EACH(i, 6) m[i] = load(from + (6 * i + j) * place + c);
      turn_back(m, v);
      SPARLET_EACH(i, 3) half[i][j] = v[i];
    }
    SPARLET_EACH(i, 3) {
      V v[3];
      turn_back(half[i], v);
      SPARLET_EACH(j, 3) store(dweight + (3 * i + j) * tap + c, v[j], mask);
    }
  }
}

#undef SPARLET_EACH

}  // namespace
}  // namespace sparlet
