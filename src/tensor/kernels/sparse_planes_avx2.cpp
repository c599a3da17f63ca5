#include <immintrin.h>

#include "tensor/kernels/sparse_planes.h"

namespace sparlet {
namespace {

alignas(32) constexpr int32_t kFirst[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

struct V {
  using Type = __m256;
  static constexpr int kLanes = 8;
  static Type all(float x) { return _mm256_set1_ps(x); }
  static Type load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Type v) { _mm256_storeu_ps(to, v); }
  static Type multiply_add(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }
  static float sum(Type v) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  static __m256i first(int64_t count) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kFirst + 8 - count));
  }
  static Type load_first(const float* from, int64_t count) {
    return _mm256_maskload_ps(from, first(count));
  }
  static void store_first(float* to, Type v, int64_t count) {
    _mm256_maskstore_ps(to, first(count), v);
  }

  static void transpose(Type* r) {
    Type s[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 2) {
      s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i += 4)
      for (int j = 0; j < 2; ++j) {
        const __m256d a = _mm256_castps_pd(s[i + j]), b = _mm256_castps_pd(s[i + j + 2]);
        r[i + 2 * j] = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
        r[i + 2 * j + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
      }
#pragma GCC unroll 8
    for (int j = 0; j < 4; ++j) {
      s[j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x20);
      s[4 + j] = _mm256_permute2f128_ps(r[j], r[4 + j], 0x31);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) r[i] = s[i];
  }
};

#include "tensor/kernels/sparse_planes_simd.h"

}  // namespace

extern const PlaneLoops planes_avx2{"avx2", gather, scatter, sums, dots};

}  // namespace sparlet
