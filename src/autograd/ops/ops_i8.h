// The int8 ops: what quant::to_int8 lowers to, each on ordinary tensors. Activations are i8 with
// one scale and zero point a tensor, kept as attributes of the node that makes them (an input leaf,
// too):
//   scale=S zero=Z      real = S * (value - Z); S is a float32, Z in [-128, 127]
//   low=L high=H        the result is clamped to [L, H]; -128 and 127 where they are missing
// All of them call the runtime's kernels (runtime/kernels.h), sample by sample: the host computes
// what the device computes, to the bit.
//
// clang-format off
//   conv2d_i8 x w bias scale
//       x (c,h,w); w i8 [o,kh,kw,i], bias i32 [o] in units of s_x s_w, scale f32 [o] = s_x s_w / s_y;
//       stride pad dilation groups
//   conv2d_bitmask_i8 x bits values bias scale
//       the same weights, one bit each (u8, least significant first) and the non-zero ones;
//       kernel=[kh,kw] out=o. `values` may have spare elements at its end
//   linear_i8 x w bias scale
//       x of any rank, read in memory order (maps: h,w,c); w i8 [o,i]
//   linear_bitmask_i8 x bits values bias scale
//       out=o
//   max_pool_i8, avg_pool_i8 x          size stride pad (count_pad); max_pool keeps scale and zero
//   global_avg_pool_i8 x                (c,h,w) -> (c)
//   requantize_i8 x                     another scale, zero point or clamp: a relu that stands alone
//   add_i8, sub_i8, mul_i8 a b          of one shape
//   concat_i8 x...                      along channels, 2 to 8 inputs, each with its own scale
//   softmax_i8 x                        over a row; scale=1/256 zero=-128
//   copy_i8 x                           the same values in memory order under shape=[...]
//   part_i8 x                           start=S shape=[...]: that many values of x's memory from S on
// clang-format on
#pragma once
#include "autograd/ops/ops.h"

namespace sparlet {

// Scale, zero point and clamp of a value.
struct Quant {
  float scale = 1;
  int8_t zero = 0;
  int8_t low = -128, high = 127;
};
// Throws Error naming the node: no scale or zero point, a scale that is no normal positive float32,
// a zero point or clamp outside [-128, 127], low above high.
Quant quant_of(const Node&);

// Whether bit i (least significant first) is set.
inline bool bit_at(const uint8_t* bits, int64_t i) { return ((bits[i >> 3] >> (i & 7)) & 1) != 0; }
// Number of set bits among the first n.
int64_t count_bits(const uint8_t* bits, int64_t n);

}  // namespace sparlet
