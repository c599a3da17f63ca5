// Weights turned into panels of `lanes` columns for the product of simd.h.
#pragma once
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

// At most kWidth rows × kWidth columns, turned in registers. Rows that are missing give zeros;
// `lanes` says how much of a row of `to` is written.
inline void transpose_block(const float* from, int64_t row, int64_t rows, int64_t columns,
                            float* to, int64_t to_row, Mask lanes) {
#if defined(__AVX512F__)
  const Mask wide = first_lanes(columns);
  V a[16], b[16];
  for (int r = 0; r < 16; ++r) a[r] = r < rows ? load(from + r * row, wide) : zero();
  for (int r = 0; r < 16; r += 2) {
    b[r] = _mm512_unpacklo_ps(a[r], a[r + 1]);
    b[r + 1] = _mm512_unpackhi_ps(a[r], a[r + 1]);
  }
  for (int r = 0; r < 16; r += 4) {  // a[r + q]: columns q, 4 + q, 8 + q, 12 + q of rows r .. r+3
    a[r] = _mm512_shuffle_ps(b[r], b[r + 2], 0x44);
    a[r + 1] = _mm512_shuffle_ps(b[r], b[r + 2], 0xee);
    a[r + 2] = _mm512_shuffle_ps(b[r + 1], b[r + 3], 0x44);
    a[r + 3] = _mm512_shuffle_ps(b[r + 1], b[r + 3], 0xee);
  }
  for (int q = 0; q < 4; ++q) {
    const V low = _mm512_shuffle_f32x4(a[q], a[4 + q], 0x88);        // rows 0-7, columns q, 8 + q
    const V low4 = _mm512_shuffle_f32x4(a[q], a[4 + q], 0xdd);       // columns 4 + q, 12 + q
    const V high = _mm512_shuffle_f32x4(a[8 + q], a[12 + q], 0x88);  // rows 8-15
    const V high4 = _mm512_shuffle_f32x4(a[8 + q], a[12 + q], 0xdd);
    b[q] = _mm512_shuffle_f32x4(low, high, 0x88);
    b[8 + q] = _mm512_shuffle_f32x4(low, high, 0xdd);
    b[4 + q] = _mm512_shuffle_f32x4(low4, high4, 0x88);
    b[12 + q] = _mm512_shuffle_f32x4(low4, high4, 0xdd);
  }
  for (int64_t k = 0; k < 16; ++k)
    if (k < columns) store(to + k * to_row, b[k], lanes);
#else
  const Mask wide = first_lanes(columns);
  V a[8], b[8];
  for (int r = 0; r < 8; ++r) a[r] = r < rows ? load(from + r * row, wide) : zero();
  for (int r = 0; r < 8; r += 2) {
    b[r] = _mm256_unpacklo_ps(a[r], a[r + 1]);
    b[r + 1] = _mm256_unpackhi_ps(a[r], a[r + 1]);
  }
  for (int r = 0; r < 8; r += 4) {
    a[r] = _mm256_shuffle_ps(b[r], b[r + 2], 0x44);
    a[r + 1] = _mm256_shuffle_ps(b[r], b[r + 2], 0xee);
    a[r + 2] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0x44);
    a[r + 3] = _mm256_shuffle_ps(b[r + 1], b[r + 3], 0xee);
  }
  for (int q = 0; q < 4; ++q) {
    b[q] = _mm256_permute2f128_ps(a[q], a[4 + q], 0x20);
    b[4 + q] = _mm256_permute2f128_ps(a[q], a[4 + q], 0x31);
  }
  for (int64_t k = 0; k < 8; ++k)
    if (k < columns) store(to + k * to_row, b[k], lanes);
#endif
}

void pack_transposed(int64_t rows, int64_t columns, const float* from, int64_t row, float* to) {
  for (int64_t r = 0; r < rows; r += kWidth)
    for (int64_t k = 0; k < columns; k += kWidth, to += kWidth * kWidth) {
      const int64_t many = columns - k < kWidth ? columns - k : kWidth;
      transpose_block(from + r * row + k, row, rows - r, many, to, kWidth, first_lanes(kWidth));
      if (many < kWidth) to -= (kWidth - many) * kWidth;
    }
}

void transpose_rows(int64_t rows, int64_t columns, const float* from, int64_t row, float* to,
                    int64_t to_row) {
  for (int64_t r = 0; r < rows; r += kWidth)
    for (int64_t k = 0; k < columns; k += kWidth)
      transpose_block(from + r * row + k, row, rows - r,
                      columns - k < kWidth ? columns - k : kWidth, to + k * to_row + r, to_row,
                      first_lanes(rows - r));
}

void transpose(int64_t rows, int64_t columns, const float* from, int64_t row, float* to) {
  transpose_rows(rows, columns, from, row, to, rows);
}

}  // namespace
}  // namespace sparlet
