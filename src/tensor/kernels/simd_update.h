// The update of simd.h.
#pragma once
#include "tensor/kernels/simd.h"
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g², w -= step m / (sqrt(v) root +
// epsilon).
inline void adam_step(const SimdAdam& a, int64_t i, Mask mask, V grad) {
  const V w = load(a.weight + i, mask), g = fma(all(a.decay), w, grad);
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
class NoDenormals {
 public:
  NoDenormals() : mode_(_mm_getcsr()) { _mm_setcsr(mode_ | 0x8040); }  // results and operands
  ~NoDenormals() { _mm_setcsr(mode_); }

 private:
  const unsigned mode_;
};

// visit(first, mask) for each vector of n floats.
template <class Visit>
inline void each_vector(int64_t n, Visit visit) {
  const Mask whole = first_lanes(kWidth);
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) visit(i, whole);
  if (i < n) visit(i, first_lanes(n - i));
}

void adam(const SimdAdam& a) {
  const NoDenormals mode;
  each_vector(
      a.count, [&](int64_t i, Mask mask) __attribute__((always_inline)) {
        adam_step(a, i, mask, load(a.grad + i, mask));
      });
}

void adam_outer(const SimdAdam& a, const SimdOuter& o) {
  const NoDenormals mode;
  for (int64_t row = 0; row < o.out; ++row) {
    const int64_t first = row * o.in;
    each_vector(
        o.in, [&](int64_t i, Mask mask) __attribute__((always_inline)) {
          V grad = zero();
          for (int64_t r = 0; r < o.rows; ++r)
            grad = fma(all(o.dy[r * o.out + row]), load(o.x + r * o.in + i, mask), grad);
          adam_step(a, first + i, mask, grad);
        });
  }
}

}  // namespace
}  // namespace sparlet
