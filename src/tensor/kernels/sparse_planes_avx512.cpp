#include <immintrin.h>

#include "tensor/kernels/sparse_planes.h"

namespace sparlet {
namespace {

struct V {
  using Type = __m512;
  static constexpr int kLanes = 16;
  static Type all(float x) { return _mm512_set1_ps(x); }
  static Type load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Type v) { _mm512_storeu_ps(to, v); }
  static Type multiply_add(Type a, Type b, Type c) { return _mm512_fmadd_ps(a, b, c); }
  static float sum(Type v) { return _mm512_reduce_add_ps(v); }
  static __mmask16 first(int64_t count) { return __mmask16((1u << count) - 1); }
  static Type load_first(const float* from, int64_t count) {
    return _mm512_maskz_loadu_ps(first(count), from);
  }
  static void store_first(float* to, Type v, int64_t count) {
    _mm512_mask_storeu_ps(to, first(count), v);
  }

  // Pairs of rows, then of pairs: afterwards a vector holds four rows of four columns each.
  static void transpose(Type* r) {
    Type s[16];
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 2) {
      s[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 4)
      for (int j = 0; j < 2; ++j) {
        const __m512d a = _mm512_castps_pd(s[i + j]), b = _mm512_castps_pd(s[i + j + 2]);
        r[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
      }
#pragma GCC unroll 16
    for (int i = 0; i < 16; i += 8)
      for (int j = 0; j < 4; ++j) {
        s[i + j] = _mm512_shuffle_f32x4(r[i + j], r[i + 4 + j], 0x88);
        s[i + 4 + j] = _mm512_shuffle_f32x4(r[i + j], r[i + 4 + j], 0xdd);
      }
#pragma GCC unroll 16
    for (int j = 0; j < 8; ++j) {
      r[j] = _mm512_shuffle_f32x4(s[j], s[8 + j], 0x88);
      r[8 + j] = _mm512_shuffle_f32x4(s[j], s[8 + j], 0xdd);
    }
  }
};

#include "tensor/kernels/sparse_planes_simd.h"

}  // namespace

extern const PlaneLoops planes_avx512{"avx512", gather, scatter, sums, dots};

}  // namespace sparlet
