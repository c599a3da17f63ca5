// Rescaling of integers without floating-point instructions, as TFLite does it (double rounding):
// a real factor is q31 / 2^31 * 2^shift with q31 in [2^30, 2^31).
#pragma once
#include <stdint.h>

namespace sparlet::rt {

struct Multiplier {
  int32_t q31;
  int32_t shift;
};

// The factor that a float32 (given by its bits) stands for, exactly: its 24-bit mantissa times 2^7.
// REQUIRES a normal, positive, finite float.
constexpr Multiplier multiplier_of(uint32_t scale) {
  return {.q31 = int32_t(((scale & 0x7fffffu) | 0x800000u) << 7),
          .shift = int32_t(scale >> 23) - 126};
}

// a / b / divisor, and a * b / d of floats given by their bits, rounded to nearest, integers only.
// REQUIRES the same of every float; 1 <= divisor < 2^31.
Multiplier ratio(uint32_t a, uint32_t b, uint32_t divisor = 1);
Multiplier product_ratio(uint32_t a, uint32_t b, uint32_t d);

// Positive, finite, not subnormal.
constexpr bool is_scale(uint32_t bits) { return bits >= 0x00800000u && bits < 0x7f800000u; }
constexpr bool in_range(Multiplier m) { return m.shift >= -31 && m.shift <= 30; }

constexpr int32_t saturate(int64_t v) {
  return int32_t(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
}

// round(a * b / 2^31), halves upwards; saturates (gemmlowp's SaturatingRoundingDoublingHighMul).
constexpr int32_t high_mul(int32_t a, int32_t b) {
  return saturate((int64_t(a) * b + (int64_t(1) << 30)) >> 31);
}

// round(v / 2^exponent), halves away from zero (RoundingDivideByPOT). REQUIRES 0 <= exponent <= 31.
constexpr int32_t divide_by_power(int32_t v, int32_t exponent) {
  const int32_t mask = int32_t((uint32_t(1) << exponent) - 1);
  return (v >> exponent) + ((v & mask) > (mask >> 1) + (v < 0));
}

// v * m. Where m is above 1 the product with 2^shift saturates. REQUIRES in_range(m).
constexpr int32_t rescale(int32_t v, Multiplier m) {
  if (m.shift > 0) v = saturate(int64_t(v) << m.shift);
  // high_mul without its saturation: q31 is positive.
  const auto high = int32_t((int64_t(v) * m.q31 + (int64_t(1) << 30)) >> 31);
  return divide_by_power(high, m.shift > 0 ? 0 : -m.shift);
}

constexpr int8_t clamp(int32_t v, int8_t low, int8_t high) {
  return int8_t(v < low ? low : v > high ? high : v);
}

}  // namespace sparlet::rt
