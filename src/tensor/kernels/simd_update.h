// The update of simd.h.
#pragma once
#include "tensor/kernels/simd.h"
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g², w -= step m / (sqrt(v) root +
// epsilon).
inline void adam_step(const SimdAdam& a, int64_t i, Mask mask) {
  const V w = load(a.weight + i, mask), g = fma(all(a.decay), w, load(a.grad + i, mask));
  const V m = fma(all(a.beta1), load(a.m + i, mask), all(a.one_less1) * g);
  const V v = fma(all(a.beta2), load(a.v + i, mask), all(a.one_less2) * (g * g));
  store(a.m + i, m, mask);
  store(a.v + i, v, mask);
  // One Newton step behind each table look-up. Kept off 0 and infinity, where it gives NaN.
  const V inside = lesser(greater(v, all(1e-36f)), all(3e38f));
  const V r = rough_rsqrt(inside), half = inside * r * all(0.5f);
  const V rsqrt = r * (all(1.5f) - half * r);
  const V below = fma(inside * rsqrt, all(a.root), all(a.epsilon));
  const V q = rough_reciprocal(below), quotient = q * (all(2.f) - below * q);
  store(a.weight + i, w * all(a.keep) - all(a.step_size) * m * quotient, mask);
}

// A weight without gradient has an m that falls below the normal floats, where every operation
// costs a hundred: they are taken for 0 here.
void adam(const SimdAdam& a) {
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | 0x8040);  // results and operands that are denormal
  const Mask whole = first_lanes(kWidth);
  int64_t i = 0;
  for (; i + kWidth <= a.count; i += kWidth) adam_step(a, i, whole);
  if (i < a.count) adam_step(a, i, first_lanes(a.count - i));
  _mm_setcsr(mode);
}

}  // namespace
}  // namespace sparlet
