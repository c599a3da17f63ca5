// TFLite's reference softmax for int8, on gemmlowp's fixed-point exp and reciprocal
// (github.com/google/gemmlowp, fixedpoint/fixedpoint.h). Qm.n: m integer bits, n = 31 - m behind
// the point.
#include "runtime/kernels.h"

namespace sparlet::rt {
namespace {

constexpr int32_t difference_bits = 5;  // differences are Q5.26
constexpr int32_t sum_bits = 12;        // the sum of exps is Q12.19

int32_t shift_left(int32_t v, int32_t bits) { return saturate(int64_t(v) * (int64_t(1) << bits)); }

// exp(a) for a in [-1/4, 0), Q0.31 both: Taylor's series about -1/8.
int32_t exp_of_quarter(int32_t a) {
  constexpr int32_t exp_of_minus_eighth = 1895147668, third = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = high_mul(x, x), x3 = high_mul(x2, x), x4 = high_mul(x2, x2);
  const int32_t higher = divide_by_power(high_mul(divide_by_power(x4, 2) + x3, third) + x2, 1);
  return exp_of_minus_eighth + high_mul(exp_of_minus_eighth, x + higher);
}

// exp(a) for a <= 0 in Q5.26; result Q0.31. The multiple of 1/4 goes bit by bit through a table.
int32_t exp_of_negative(int32_t a) {
  static const int32_t exp_of_minus_power[7] = {1672461947, 1302514674, 790015084, 290630308,
                                                39332535,   720401,     242};  // 2^-2 .. 2^4
  if (a == 0) return INT32_MAX;
  constexpr int32_t quarter = 1 << 24;
  const int32_t fraction = (a & (quarter - 1)) - quarter;
  int32_t result = exp_of_quarter(shift_left(fraction, difference_bits));
  const int32_t rest = fraction - a;
  for (int32_t bit = 0; bit < 7; ++bit)
    if (rest & (quarter << bit)) result = high_mul(result, exp_of_minus_power[bit]);
  return result;
}

// 1 / (1 + a) for a in [0, 1), Q0.31 both: three steps of Newton-Raphson.
int32_t reciprocal_of_one_plus(int32_t a) {
  const auto half = int32_t((int64_t(a) + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + high_mul(half, -1010580540);  // Q2.29: 48/17 - 32/17 * half
  for (int step = 0; step < 3; ++step) {
    const int32_t rest = (1 << 29) - high_mul(half, x);
    x += shift_left(high_mul(x, rest), 2);
  }
  return shift_left(x, 1);
}

// Differences to the largest value, brought to Q5.26.
Multiplier difference_factor(uint32_t scale) {
  Multiplier m = multiplier_of(scale);
  m.shift += 31 - difference_bits;
  return m;
}

int32_t scaled(int32_t difference, Multiplier m) {
  return high_mul(difference * (1 << m.shift), m.q31);
}

}  // namespace

bool softmax_in_range(uint32_t x_scale) {
  if (!is_scale(x_scale)) return false;
  const int32_t shift = difference_factor(x_scale).shift;
  return shift >= 1 && shift <= 30;
}

void softmax_i8(const SoftmaxArgs& a) {
  const Multiplier m = difference_factor(a.x_scale);
  // Below this a value's share is nothing, and its product would overflow.
  const int32_t least =
      -int32_t((int64_t((1 << difference_bits) - 1) << (31 - difference_bits)) >> m.shift);
  int32_t most = -128;
  for (int32_t i = 0; i < a.count; ++i) most = a.x[i] > most ? a.x[i] : most;

  int32_t sum = 0;  // Q12.19; saturates where more than 4095 values share the maximum
  for (int32_t i = 0; i < a.count; ++i) {
    const int32_t difference = a.x[i] - most;
    if (difference >= least)
      sum = saturate(int64_t(sum) +
                     divide_by_power(exp_of_negative(scaled(difference, m)), sum_bits));
  }
  const int32_t zeros = __builtin_clz(uint32_t(sum));  // sum >= 1: the maximum's own share
  const int32_t share = reciprocal_of_one_plus(int32_t((uint32_t(sum) << zeros) - (1u << 31)));
  const int32_t over = sum_bits - zeros + 31 - 8;
  for (int32_t i = 0; i < a.count; ++i) {
    const int32_t difference = a.x[i] - most;
    int32_t v = 0;
    if (difference >= least && over <= 31)  // else every share is below 1/512
      v = divide_by_power(high_mul(share, exp_of_negative(scaled(difference, m))), over);
    a.y[i] = clamp(v - 128, -128, 127);
  }
}

}  // namespace sparlet::rt
