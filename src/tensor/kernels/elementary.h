// exp, sigmoid and tanh of a float, without branches or calls, so that loops over them become
// vector code. Within 2 units in the last place of the exact value (tanh: 4).
#pragma once
#include <bit>
#include <cstdint>
#include <limits>

namespace sparlet {

// e^x by x = n ln 2 + r and a polynomial of r (Moshier, Cephes expf). Infinite where that is beyond
// the floats, 0 below them; NaN stays NaN.
[[gnu::always_inline]] inline float fast_exp(float x) {
  const float low = x < -104.f ? -104.f : x, inside = low > 89.f ? 89.f : low;
  constexpr float rounder = 12582912.f;  // 1.5 · 2^23: adding it rounds to whole numbers
  const float shifted = inside * 1.44269504088896341f + rounder;
  const float n = shifted - rounder;
  const float r = (inside - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.f;
  // 2^n in two factors, as n may be beyond what one float's exponent holds.
  const int32_t whole = std::bit_cast<int32_t>(shifted) - std::bit_cast<int32_t>(rounder);
  const int32_t half = whole >> 1;
  const float a = std::bit_cast<float>(uint32_t(half + 127) << 23);
  const float b = std::bit_cast<float>(uint32_t(whole - half + 127) << 23);
  return p * a * b;
}

[[gnu::always_inline]] inline float fast_sigmoid(float x) { return 1.f / (1.f + fast_exp(-x)); }

[[gnu::always_inline]] inline float fast_tanh(float x) {
  const float size = x < 0 ? -x : x, square = x * x;
  const float t = fast_exp(-2.f * size), large = (1.f - t) / (1.f + t);
  // Near 0 the difference would lose digits: Taylor's series.
  float small = 62.f / 2835.f;
  small = small * square - 17.f / 315.f;
  small = small * square + 2.f / 15.f;
  small = small * square - 1.f / 3.f;
  small = x + x * square * small;
  return size < 0.25f ? small : x < 0 ? -large : large;
}

}  // namespace sparlet
