#include "runtime/rows_i8.h"

namespace sparlet::rt {

void requantize_i8(const RequantizeArgs& a) {
  for (int32_t i = 0; i < a.count; ++i) a.y[i] = finish(a.x[i] - a.x_zero, a.m, a.q);
}

constexpr int32_t add_bits = 20;  // of headroom, as TFLite

AddFactors add_factors(uint32_t a_scale, uint32_t b_scale, uint32_t y_scale) {
  const uint32_t most =
      a_scale > b_scale ? a_scale : b_scale;  // positive floats order as their bits
  AddFactors f{.a = ratio(a_scale, most), .b = ratio(b_scale, most), .y = ratio(most, y_scale)};
  f.a.shift -= 1;  // the common scale is 2 * most
  f.b.shift -= 1;
  f.y.shift += 1 - add_bits;
  return f;
}

static void add_signed(const BinaryArgs& a, int32_t sign) {
  const AddFactors f = add_factors(a.a_scale, a.b_scale, a.y_scale);
  for (int32_t i = 0; i < a.count; ++i) {
    const int32_t left = rescale((a.a[i] - a.a_zero) * (1 << add_bits), f.a);
    const int32_t right = rescale((a.b[i] - a.b_zero) * (1 << add_bits), f.b);
    a.y[i] = finish(left + sign * right, f.y, a.q);
  }
}

void add_i8(const BinaryArgs& a) { add_signed(a, 1); }
void sub_i8(const BinaryArgs& a) { add_signed(a, -1); }

void mul_i8(const BinaryArgs& a) {
  const Multiplier m = product_ratio(a.a_scale, a.b_scale, a.y_scale);
  for (int32_t i = 0; i < a.count; ++i)
    a.y[i] = finish((a.a[i] - a.a_zero) * (a.b[i] - a.b_zero), m, a.q);
}

}  // namespace sparlet::rt
