#include "runtime/fixed_point.h"

namespace sparlet::rt {

static uint64_t mantissa(uint32_t bits) { return (bits & 0x7fffffu) | 0x800000u; }
static int32_t exponent(uint32_t bits) { return int32_t(bits >> 23) - 127; }

// num / den * 2^shift. Long division bit by bit: exact, and no 64-bit division in the device's
// program. REQUIRES 0 < num, den < 2^62.
static Multiplier quotient(uint64_t num, uint64_t den, int32_t shift) {
  for (; num < den; num <<= 1) --shift;
  for (; num >= den << 1; den <<= 1) ++shift;
  uint64_t q = 0;  // num / den in [1, 2) with 31 bits behind the point
  for (int bit = 0; bit < 32; ++bit) {
    q <<= 1;
    if (num >= den) {
      q |= 1;
      num -= den;
    }
    num <<= 1;
  }
  const uint64_t rounded = (q + 1) >> 1;
  if (rounded == uint64_t(1) << 31) return {.q31 = int32_t(1) << 30, .shift = shift + 2};
  return {.q31 = int32_t(rounded), .shift = shift + 1};
}

Multiplier ratio(uint32_t a, uint32_t b, uint32_t divisor) {
  return quotient(mantissa(a), mantissa(b) * divisor, exponent(a) - exponent(b));
}

Multiplier product_ratio(uint32_t a, uint32_t b, uint32_t d) {
  return quotient(mantissa(a) * mantissa(b), mantissa(d) << 23,
                  exponent(a) + exponent(b) - exponent(d));
}

}  // namespace sparlet::rt
