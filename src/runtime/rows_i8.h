// The inner loops that conv2d and linear share: products of a run of weights with a run of values.
#pragma once
#include "runtime/kernels.h"

namespace sparlet::rt {

// The end of every output. The bounds move to the sum's side: zero + rescale() could overflow.
inline int8_t finish(int32_t sum, Multiplier m, const Quantized& q) {
  const int32_t v = rescale(sum, m);
  const int32_t low = q.low - q.zero, high = q.high - q.zero;
  return int8_t((v < low ? low : v > high ? high : v) + q.zero);
}

// 16-bit factors: compilers make this one multiply-add of pairs (pmaddwd, smlad, smlal).
inline int32_t dot(const int8_t* x, const int8_t* w, int32_t n, int32_t x_zero) {
  const auto zero = int16_t(x_zero);
  int32_t sum = 0;
  for (int32_t k = 0; k < n; ++k) sum += int16_t(x[k] - zero) * int16_t(w[k]);
  return sum;
}

// Four outputs' sums at once share the reading of x: w, w + apart, ... are their weights.
struct Four {
  int32_t sum[4] = {};
};
template <class X>
void dot(const X* x, const int8_t* w, size_t apart, int32_t n, int32_t x_zero, Four& f) {
  const auto zero = int16_t(x_zero);
  int32_t a = 0, b = 0, c = 0, d = 0;
  for (int32_t k = 0; k < n; ++k) {
    const auto v = int16_t(x[k] - zero);
    a += v * int16_t(w[k]);
    b += v * int16_t(w[k + apart]);
    c += v * int16_t(w[k + 2 * apart]);
    d += v * int16_t(w[k + 3 * apart]);
  }
  f.sum[0] += a;
  f.sum[1] += b;
  f.sum[2] += c;
  f.sum[3] += d;
}

// Reads a bitmask from its first bit to its last, and with it the values.
struct MaskReader {
  const uint8_t* mask;
  const int8_t* values;
  uint32_t at = 0;  // bit

  // The next n weights times x[base + k * step], k in [low, high) of [0, n); the others count for
  // nothing but are read past. Zero bytes of the mask cost one test.
  int32_t dot(int32_t n, int32_t low, int32_t high, const int8_t* x, int32_t base, int32_t step,
              int32_t x_zero) {
    if (low == 0 && high == n) return scan<false>(n, low, high, x, base, step, x_zero);
    return scan<true>(n, low, high, x, base, step, x_zero);
  }

 private:
  template <bool bounded>
  int32_t scan(int32_t n, int32_t low, int32_t high, const int8_t* x, int32_t base, int32_t step,
               int32_t x_zero) {
    int32_t sum = 0;
    const int8_t* v = values;
    for (int32_t k = 0; k < n;) {
      const int32_t first = int32_t(at & 7);
      const int32_t take = 8 - first < n - k ? 8 - first : n - k;
      uint32_t bits = (uint32_t(mask[at >> 3]) >> first) & ((1u << take) - 1);
      for (; bits != 0; bits &= bits - 1, ++v) {
        const int32_t i = k + __builtin_ctz(bits);
        if (!bounded || (i >= low && i < high)) sum += *v * (x[base + i * step] - x_zero);
      }
      k += take;
      at += uint32_t(take);
    }
    values = v;
    return sum;
  }
};

}  // namespace sparlet::rt
