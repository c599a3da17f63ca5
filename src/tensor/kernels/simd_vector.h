// A vector of floats of the instruction set that a file is built for. Only simd_avx*.cpp include
// this, through the loops; everything has internal linkage (see kernels.h).
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace sparlet {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
using V = __m512;
using Mask = __mmask16;
// The first `count` lanes.
inline Mask first_lanes(int64_t count) {
  return count >= kWidth ? Mask(0xffff) : Mask((1u << count) - 1);
}
inline V zero() { return _mm512_setzero_ps(); }
inline V all(float v) { return _mm512_set1_ps(v); }
inline V load(const float* p) { return _mm512_loadu_ps(p); }
inline V load(const float* p, Mask m) { return _mm512_maskz_loadu_ps(m, p); }
inline void store(float* p, V v) { _mm512_storeu_ps(p, v); }
inline void store(float* p, V v, Mask m) { _mm512_mask_storeu_ps(p, m, v); }
inline V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
inline V greater(V a, V b) { return _mm512_max_ps(a, b); }  // b where either is NaN
inline V lesser(V a, V b) { return _mm512_min_ps(a, b); }
inline V rough_rsqrt(V v) { return _mm512_rsqrt14_ps(v); }
inline V rough_reciprocal(V v) { return _mm512_rcp14_ps(v); }
inline float sum_of(V v) { return _mm512_reduce_add_ps(v); }
// Whole numbers beside the floats, and lanes to choose by.
using I = __m512i;
using Choice = __mmask16;
inline I all_int(int32_t v) { return _mm512_set1_epi32(v); }
inline I load_int(const int32_t* p, Mask m) { return _mm512_maskz_loadu_epi32(m, p); }
inline void store_int(int32_t* p, I v, Mask m) { _mm512_mask_storeu_epi32(p, m, v); }
inline I plus(I a, I b) { return _mm512_add_epi32(a, b); }
inline Choice same(I a, I b) { return _mm512_cmpeq_epi32_mask(a, b); }
inline Choice above(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
// b takes a's place: it is greater, or it is the first NaN.
inline Choice beaten(V a, V b) {
  return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b, _CMP_NGE_UQ);
}
inline V choose(Choice which, V yes, V no) { return _mm512_mask_blend_ps(which, no, yes); }
inline I choose(Choice which, I yes, I no) { return _mm512_mask_blend_epi32(which, no, yes); }
#else
constexpr int kWidth = 8;
using V = __m256;
using Mask = __m256i;
inline Mask first_lanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count < kWidth ? count : kWidth)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline V zero() { return _mm256_setzero_ps(); }
inline V all(float v) { return _mm256_set1_ps(v); }
inline V load(const float* p) { return _mm256_loadu_ps(p); }
inline V load(const float* p, Mask m) { return _mm256_maskload_ps(p, m); }
inline void store(float* p, V v) { _mm256_storeu_ps(p, v); }
inline void store(float* p, V v, Mask m) { _mm256_maskstore_ps(p, m, v); }
inline V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
inline V greater(V a, V b) { return _mm256_max_ps(a, b); }
inline V lesser(V a, V b) { return _mm256_min_ps(a, b); }
inline V rough_rsqrt(V v) { return _mm256_rsqrt_ps(v); }
inline V rough_reciprocal(V v) { return _mm256_rcp_ps(v); }
inline float sum_of(V v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
using I = __m256i;
using Choice = __m256;
inline I all_int(int32_t v) { return _mm256_set1_epi32(v); }
inline I load_int(const int32_t* p, Mask m) { return _mm256_maskload_epi32(p, m); }
inline void store_int(int32_t* p, I v, Mask m) { _mm256_maskstore_epi32(p, m, v); }
inline I plus(I a, I b) { return _mm256_add_epi32(a, b); }
inline Choice same(I a, I b) { return _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)); }
inline Choice above(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
inline Choice beaten(V a, V b) {
  return _mm256_and_ps(_mm256_cmp_ps(a, a, _CMP_ORD_Q), _mm256_cmp_ps(a, b, _CMP_NGE_UQ));
}
inline V choose(Choice which, V yes, V no) { return _mm256_blendv_ps(no, yes, which); }
inline I choose(Choice which, I yes, I no) {
  return _mm256_blendv_epi8(no, yes, _mm256_castps_si256(which));
}
#endif
constexpr int64_t kLanesWide = kWidth;
// Loads once what is used several times: GCC would read it from memory at each use.
#if defined(__AVX512F__)
inline V once(V v) {
  asm("" : "+v"(v));
  return v;
}
#else
inline V once(V v) {
  asm("" : "+x"(v));
  return v;
}
#endif

}  // namespace
}  // namespace sparlet
