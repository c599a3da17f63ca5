// Sparse products with AVX-512.
#include <immintrin.h>

#include "tensor/kernels/sparse_strip_loops.h"

namespace sparlet {
namespace {

// Halves the number of strands of a and b: lanes of the mask take b's, each adding the strand
// kDistance lanes away.
template <int kDistance, int kMask>
SPARLET_INLINE void fold(__m512& a, const __m512& b) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i there = _mm512_xor_si512(lane, _mm512_set1_epi32(kDistance));
  const __m512i crossed = _mm512_mask_or_epi32(there, kMask, there, _mm512_set1_epi32(16));
  a = _mm512_add_ps(_mm512_mask_blend_ps(kMask, a, b), _mm512_permutex2var_ps(a, crossed, b));
}

// from [16][16] -> the sum of each row, row i's in lane i.
SPARLET_INLINE __m512 sum_sixteen(const float* from) {
  __m512 v[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = _mm512_load_ps(from + 16 * i);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) fold<8, 0xff00>(v[i], v[i + 8]);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) fold<4, 0xf0f0>(v[i], v[i + 4]);
  for (int i = 0; i < 2; ++i) fold<2, 0xcccc>(v[i], v[i + 2]);
  fold<1, 0xaaaa>(v[0], v[1]);
  return v[0];
}

struct Sixteen {
  static constexpr int lanes = 16;
  using T = __m512;
  SPARLET_INLINE void load(T& to, const float* from) { to = _mm512_loadu_ps(from); }
  SPARLET_INLINE void store(const T& from, float* to) { _mm512_storeu_ps(to, from); }
  SPARLET_INLINE void zero(T& to) { to = _mm512_setzero_ps(); }
  SPARLET_INLINE void spread(T& to, float value) { to = _mm512_set1_ps(value); }
  SPARLET_INLINE void fma(T& sum, const T& a, const T& b) { sum = _mm512_fmadd_ps(a, b, sum); }
  SPARLET_INLINE void add(T& sum, const T& a) { sum = _mm512_add_ps(sum, a); }
  SPARLET_INLINE void sum_each(const float* from, T& to) { to = sum_sixteen(from); }
};

void strip_product(const StripForm& s, const float* values, const float* bias, int64_t width,
                   const float* x, float* y) {
  switch (width) {
    case 16:
      return product<Sixteen, 1, 2>(s, values, bias, x, y);
    case 32:
      return product<Sixteen, 2, 2>(s, values, bias, x, y);
    case 64:
      return product<Sixteen, 4, 2>(s, values, bias, x, y);
  }
  avx2_sparse_loops.strip_product(s, values, bias, width, x, y);
}

void strip_dots(const StripForm& s, int64_t width, const float* x, const float* dy, bool add,
                float* dvalues) {
  switch (width) {
    case 16:
      return dots<Sixteen, 1>(s, x, dy, add, dvalues);
    case 32:
      return dots<Sixteen, 2>(s, x, dy, add, dvalues);
    case 64:
      return dots<Sixteen, 4>(s, x, dy, add, dvalues);
  }
  avx2_sparse_loops.strip_dots(s, width, x, dy, add, dvalues);
}

// 16 × 16: pairs, fours, then quarters of registers.
SPARLET_INLINE void transpose_tile(const float* from, int64_t from_row, float* to, int64_t to_row) {
  __m512 v[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = _mm512_loadu_ps(from + i * from_row);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int h = 0; h < 2; ++h) {
      v[i + 2 * h] = _mm512_shuffle_ps(t[i + h], t[i + h + 2], 0x44);
      v[i + 2 * h + 1] = _mm512_shuffle_ps(t[i + h], t[i + h + 2], 0xee);
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 even_a = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
    const __m512 odd_a = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
    const __m512 even_b = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
    const __m512 odd_b = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
    _mm512_storeu_ps(to + i * to_row, _mm512_shuffle_f32x4(even_a, even_b, 0x88));
    _mm512_storeu_ps(to + (i + 4) * to_row, _mm512_shuffle_f32x4(odd_a, odd_b, 0x88));
    _mm512_storeu_ps(to + (i + 8) * to_row, _mm512_shuffle_f32x4(even_a, even_b, 0xdd));
    _mm512_storeu_ps(to + (i + 12) * to_row, _mm512_shuffle_f32x4(odd_a, odd_b, 0xdd));
  }
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
               int64_t to_row) {
  const int64_t tiled_rows = rows - rows % 16, tiled_columns = columns - columns % 16;
  for (int64_t c = 0; c < tiled_columns; c += 16)
    for (int64_t r = 0; r < tiled_rows; r += 16)
      transpose_tile(from + r * from_row + c, from_row, to + c * to_row + r, to_row);
  const auto rest = avx2_sparse_loops.transpose;
  if (tiled_columns < columns)
    rest(tiled_rows, columns - tiled_columns, from + tiled_columns, from_row,
         to + tiled_columns * to_row, to_row);
  if (tiled_rows < rows)
    rest(rows - tiled_rows, columns, from + tiled_rows * from_row, from_row, to + tiled_rows,
         to_row);
}

// --- lanes

// What is left to read of the form.
struct LaneCursor {
  const uint32_t* words;
  const float* values;
};

template <int B>
SPARLET_INLINE void add_slot(LaneCursor& at, __m512i index, const __m512 (&x)[B][2],
                             __m512 (&sum)[B]) {
  const __m512 weight = _mm512_loadu_ps(at.values);
  at.values += 16;
  for (int b = 0; b < B; ++b)
    sum[b] = _mm512_fmadd_ps(weight, _mm512_permutex2var_ps(x[b][0], index, x[b][1]), sum[b]);
}

// Only the low 5 bits of an index count, so a shift brings the next one.
template <int B>
SPARLET_INLINE void add_slots(LaneCursor& at, int slots, const __m512 (&x)[B][2],
                              __m512 (&sum)[B]) {
  for (int b = 0; b < B; ++b) sum[b] = _mm512_setzero_ps();
  for (; slots >= kLaneIndices; slots -= kLaneIndices, at.words += 16) {
    __m512i index = _mm512_loadu_si512(at.words);
#pragma GCC unroll 6
    for (int s = 0; s < kLaneIndices; ++s, index = _mm512_srli_epi32(index, 5))
      add_slot<B>(at, index, x, sum);
  }
  if (slots == 0) return;
  __m512i index = _mm512_loadu_si512(at.words);
  at.words += 16;
  for (; slots > 0; --slots, index = _mm512_srli_epi32(index, 5)) add_slot<B>(at, index, x, sum);
}

SPARLET_INLINE __m512i order_of(const uint16_t* order) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(order)));
}

template <int B>
void lanes(const LaneForm& f, const float* x, int64_t x_row, float* y, int64_t y_row) {
  LaneCursor at{f.words, f.values};
  for (int64_t c = 0; c < f.blocks; ++c) {
    const int64_t there = f.columns - c * kLaneColumns;
    const uint32_t mask = there >= 32 ? ~0u : (1u << there) - 1;
    __m512 block[B][2];
    for (int b = 0; b < B; ++b)
      for (int h = 0; h < 2; ++h)
        block[b][h] = _mm512_maskz_loadu_ps(__mmask16(mask >> (16 * h)),
                                            x + b * x_row + c * kLaneColumns + 16 * h);
    for (int64_t u = f.begin[c]; u < f.begin[c + 1]; ++u) {
      __m512 first[B], second[B];
      add_slots<B>(at, f.units[u].first, block, first);
      add_slots<B>(at, f.units[u].second, block, second);
      const uint16_t* order = f.order + u * kLaneRows;
      const __m512i low = order_of(order), high = order_of(order + 16);
      float* to = y + int64_t(f.units[u].group) * kLaneRows;
      for (int b = 0; b < B; ++b, to += y_row) {
        const __m512 a = _mm512_permutex2var_ps(first[b], low, second[b]);
        const __m512 z = _mm512_permutex2var_ps(first[b], high, second[b]);
        _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), a));
        _mm512_storeu_ps(to + 16, _mm512_add_ps(_mm512_loadu_ps(to + 16), z));
      }
    }
  }
}

void lanes_for(const LaneForm& f, int64_t samples, const float* x, int64_t x_row, float* y,
               int64_t y_row) {
  switch (samples) {
    case 1:
      return lanes<1>(f, x, x_row, y, y_row);
    case 2:
      return lanes<2>(f, x, x_row, y, y_row);
    case 4:
      return lanes<4>(f, x, x_row, y, y_row);
    case 8:
      return lanes<8>(f, x, x_row, y, y_row);
  }
}

}  // namespace

extern const SparseLoops avx512_sparse_loops{.name = "avx512",
                                             .strip_product = strip_product,
                                             .strip_dots = strip_dots,
                                             .transpose = transpose,
                                             .lanes = lanes_for,
                                             .gather = gather_avx2};

}  // namespace sparlet
