// Sparse products with AVX2 and FMA.
#include <immintrin.h>

#include "tensor/kernels/sparse_strip_loops.h"

namespace sparlet {
namespace {

// from[i] [8] -> the eight vectors' sums.
SPARLET_INLINE __m256 sum_eight(const float* from) {
  __m256 pair[4];
  for (int i = 0; i < 4; ++i)
    pair[i] = _mm256_hadd_ps(_mm256_load_ps(from + 16 * i), _mm256_load_ps(from + 16 * i + 8));
  const __m256 low = _mm256_hadd_ps(pair[0], pair[1]), high = _mm256_hadd_ps(pair[2], pair[3]);
  return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                       _mm256_permute2f128_ps(low, high, 0x31));
}

struct Eight {
  static constexpr int lanes = 8;
  using T = __m256;
  SPARLET_INLINE void load(T& to, const float* from) { to = _mm256_loadu_ps(from); }
  SPARLET_INLINE void store(const T& from, float* to) { _mm256_storeu_ps(to, from); }
  SPARLET_INLINE void zero(T& to) { to = _mm256_setzero_ps(); }
  SPARLET_INLINE void spread(T& to, float value) { to = _mm256_set1_ps(value); }
  SPARLET_INLINE void fma(T& sum, const T& a, const T& b) { sum = _mm256_fmadd_ps(a, b, sum); }
  SPARLET_INLINE void add(T& sum, const T& a) { sum = _mm256_add_ps(sum, a); }
  SPARLET_INLINE void sum_each(const float* from, T& to) { to = sum_eight(from); }
};

void strip_product(const StripForm& s, const float* values, const float* bias, int64_t width,
                   const float* x, float* y) {
  switch (width) {
    case 1:
      return product<Scalar, 1, 4>(s, values, bias, x, y);
    case 8:
      return product<Eight, 1, 4>(s, values, bias, x, y);
    case 16:
      return product<Eight, 2, 1>(s, values, bias, x, y);
    case 32:
      return product<Eight, 4, 1>(s, values, bias, x, y);
    case 64:
      return product<Eight, 8, 1>(s, values, bias, x, y);
  }
}

void strip_dots(const StripForm& s, int64_t width, const float* x, const float* dy, bool add,
                float* dvalues) {
  switch (width) {
    case 1:
      return dots<Scalar, 1>(s, x, dy, add, dvalues);
    case 8:
      return dots<Eight, 1>(s, x, dy, add, dvalues);
    case 16:
      return dots<Eight, 2>(s, x, dy, add, dvalues);
    case 32:
      return dots<Eight, 4>(s, x, dy, add, dvalues);
    case 64:
      return dots<Eight, 8>(s, x, dy, add, dvalues);
  }
}

SPARLET_INLINE void transpose_tile(const float* from, int64_t from_row, float* to, int64_t to_row) {
  __m256 v[8], t[8];
  for (int i = 0; i < 8; ++i) v[i] = _mm256_loadu_ps(from + i * from_row);
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
  }
  for (int i = 0; i < 8; i += 4)
    for (int h = 0; h < 2; ++h) {
      v[i + 2 * h] = _mm256_shuffle_ps(t[i + h], t[i + h + 2], 0x44);
      v[i + 2 * h + 1] = _mm256_shuffle_ps(t[i + h], t[i + h + 2], 0xee);
    }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_row, _mm256_permute2f128_ps(v[i], v[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_row, _mm256_permute2f128_ps(v[i], v[i + 4], 0x31));
  }
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
               int64_t to_row) {
  int64_t r = 0;
  for (; r + 8 <= rows; r += 8) {
    int64_t c = 0;
    for (; c + 8 <= columns; c += 8)
      transpose_tile(from + r * from_row + c, from_row, to + c * to_row + r, to_row);
    for (; c < columns; ++c)
      for (int64_t i = r; i < r + 8; ++i) to[c * to_row + i] = from[i * from_row + c];
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * to_row + r] = from[r * from_row + c];
}

// Eight entries' products, added to sum.
SPARLET_INLINE void add_gathered(__m256& sum, const float* values, const uint16_t* index,
                                 const float* x) {
  const __m256i i = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(index)));
  sum = _mm256_fmadd_ps(_mm256_loadu_ps(values), _mm256_i32gather_ps(x, i, 4), sum);
}

}  // namespace

void gather_avx2(const GatherForm& g, const float* bias, const float* x, float* y) {
  const float* values = g.values;
  const uint16_t* index = g.index;
  for (int64_t first = 0; first < g.rows; first += kGatherRows) {
    __m256 low = _mm256_setzero_ps(), high = low;
    const int32_t slots = g.slots[first / kGatherRows];
    for (int32_t s = 0; s < slots; ++s, values += kGatherRows, index += kGatherRows) {
      add_gathered(low, values, index, x);
      add_gathered(high, values + 8, index + 8, x);
    }
    float rows[kGatherRows];
    _mm256_storeu_ps(rows, low);
    _mm256_storeu_ps(rows + 8, high);
    const int64_t there = g.rows - first < kGatherRows ? g.rows - first : kGatherRows;
    const int32_t* row = g.row + first;
    for (int64_t i = 0; i < there; ++i) y[row[i]] = bias ? rows[i] + bias[row[i]] : rows[i];
  }
}

extern const SparseLoops avx2_sparse_loops{.name = "avx2",
                                           .strip_product = strip_product,
                                           .strip_dots = strip_dots,
                                           .transpose = transpose,
                                           .lanes = nullptr,
                                           .gather = gather_avx2};

}  // namespace sparlet
