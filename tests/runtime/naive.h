// What the kernels should compute, written the plain way: every index spelt out, sums in 64 bits,
// rounding by floating-point functions that share nothing with fixed_point.h.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/kernels.h"

namespace naive {

using sparlet::rt::Channel;
using sparlet::rt::Map;
using sparlet::rt::Multiplier;
using sparlet::rt::Window;

inline uint32_t bits(float v) { return std::bit_cast<uint32_t>(v); }

// A factor as TFLite's QuantizeMultiplier makes it from a double.
inline Multiplier quantize(double factor) {
  int shift = 0;
  auto q = int64_t(std::llround(std::frexp(factor, &shift) * 2147483648.0));
  if (q == int64_t(1) << 31) {
    q /= 2;
    ++shift;
  }
  return {.q31 = int32_t(q), .shift = shift};
}

inline long double saturate(long double v) {
  return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? (long double)INT32_MIN : v;
}

// Double rounding: first to a whole number, halves up, then the division, halves away from zero. A
// long double holds the 62-bit product exactly.
inline int64_t rescale(int64_t v, Multiplier m) {
  const long double wide = saturate((long double)v * (m.shift > 0 ? std::exp2l(m.shift) : 1));
  const long double whole = saturate(std::floor(wide * m.q31 / 2147483648.0L + 0.5L));
  return int64_t(m.shift < 0 ? std::round(whole / std::exp2l(-m.shift)) : whole);
}

inline int8_t clamp(int64_t v, int low, int high) {
  return int8_t(v < low ? low : v > high ? high : v);
}

struct Side {
  int32_t in, kernel, stride, before, after, dilation;
  int32_t out() const { return (in + before + after - (kernel - 1) * dilation - 1) / stride + 1; }
  bool fits() const { return in + before + after >= (kernel - 1) * dilation + 1; }
};

inline std::vector<int8_t> conv2d(const std::vector<int8_t>& x, const std::vector<int8_t>& weights,
                                  const std::vector<Channel>& channels,
                                  const sparlet::rt::Conv2dArgs& a) {
  const Window& w = a.window;
  const int32_t ic = a.in.c / a.groups, oc = a.out.c / a.groups;
  std::vector<int8_t> y;
  for (int32_t oy = 0; oy < a.out.h; ++oy)
    for (int32_t ox = 0; ox < a.out.w; ++ox)
      for (int32_t o = 0; o < a.out.c; ++o) {
        int64_t sum = channels[size_t(o)].bias;
        for (int32_t ky = 0; ky < w.kernel_h; ++ky)
          for (int32_t kx = 0; kx < w.kernel_w; ++kx)
            for (int32_t i = 0; i < ic; ++i) {
              const int32_t iy = oy * w.stride_h - w.pad_top + ky * w.dilation_h;
              const int32_t ix = ox * w.stride_w - w.pad_left + kx * w.dilation_w;
              if (iy < 0 || ix < 0 || iy >= a.in.h || ix >= a.in.w) continue;
              const int32_t from = (iy * a.in.w + ix) * a.in.c + o / oc * ic + i;
              const int32_t at = ((o * w.kernel_h + ky) * w.kernel_w + kx) * ic + i;
              sum += int64_t(weights[size_t(at)]) * (x[size_t(from)] - a.x_zero);
            }
        const double factor = std::bit_cast<float>(channels[size_t(o)].scale);
        y.push_back(clamp(rescale(sum, quantize(factor)) + a.q.zero, a.q.low, a.q.high));
      }
  return y;
}

// One window at a time: the values inside the map, and how many places it has.
template <class F>
std::vector<int8_t> pool(const std::vector<int8_t>& x, Map in, Map out, Window w, F value) {
  std::vector<int8_t> y;
  for (int32_t oy = 0; oy < out.h; ++oy)
    for (int32_t ox = 0; ox < out.w; ++ox)
      for (int32_t c = 0; c < out.c; ++c) {
        std::vector<int> inside;
        for (int32_t ky = 0; ky < w.kernel_h; ++ky)
          for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
            const int32_t iy = oy * w.stride_h - w.pad_top + ky;
            const int32_t ix = ox * w.stride_w - w.pad_left + kx;
            if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w) continue;
            inside.push_back(x[size_t((iy * in.w + ix) * in.c + c)]);
          }
        y.push_back(value(inside, w.kernel_h * w.kernel_w));
      }
  return y;
}

}  // namespace naive

// Random things that tests ask for.
struct Dice {
  std::mt19937 engine;
  explicit Dice(uint32_t seed) : engine(seed) {}
  int32_t operator()(int32_t low, int32_t high) {
    return std::uniform_int_distribution<int32_t>(low, high)(engine);
  }
  float real(float low, float high) {
    return std::exp(std::uniform_real_distribution<float>(std::log(low), std::log(high))(engine));
  }
  std::vector<int8_t> values(int32_t count, int32_t low = -128) {
    std::vector<int8_t> v(static_cast<size_t>(count));
    for (auto& e : v) e = int8_t((*this)(low, 127));
    return v;
  }
  // Weights in ±127, about `zeros` of 8 of them 0.
  std::vector<int8_t> weights(int32_t count, int32_t zeros) {
    auto v = values(count, -127);
    for (auto& e : v)
      if ((*this)(0, 7) < zeros) e = 0;
    return v;
  }
};
