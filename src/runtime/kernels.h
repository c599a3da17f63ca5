// The int8 kernels, portable C++: the device's code, the host's int8 path, and the oracle of both.
//
// One sample a call. Maps are [h][w][c] (NHWC with n = 1), a flat value is a row. Weights are
// [o][h][w][i] with i = in.c / groups, int8 with zero point 0. Activations have one scale and zero
// point a tensor. Every result is
//     y = clamp(y_zero + rescale(sum, factor), low, high)
// with rescale() of fixed_point.h, and is the same to the bit on every machine and by every path.
// Nothing is allocated, no scratch is needed.
//
// REQUIRES of all: y does not overlap x unless "in place" is said, and then y == x exactly.
#pragma once
#include <stddef.h>

#include "runtime/fixed_point.h"

namespace sparlet::rt {

struct Map {
  int32_t h = 1, w = 1, c = 1;
  int32_t size() const { return h * w * c; }
};

struct Window {
  int32_t kernel_h = 1, kernel_w = 1;
  int32_t stride_h = 1, stride_w = 1;
  int32_t pad_top = 0, pad_left = 0;  // bottom and right follow from the output's size
  int32_t dilation_h = 1, dilation_w = 1;
};

// As in the file: may_alias because it is read there in place.
struct __attribute__((may_alias)) Channel {
  int32_t bias;    // in units of s_x * s_w[channel]
  uint32_t scale;  // bits of the float s_x * s_w[channel] / s_y
};

// mask == nullptr: dense, every weight in `values`. Else one bit a weight, least significant first,
// over all output channels without padding between them, and the non-zero weights in that order.
struct Weights {
  const int8_t* values = nullptr;
  const uint8_t* mask = nullptr;
  const Channel* channels = nullptr;
};

struct Quantized {  // of an output
  int8_t zero = 0;
  int8_t low = -128, high = 127;
};

// y[o] = channels[o].bias + sum of weight * (x - x_zero); outside the map x is x_zero.
// REQUIRES out.c and in.c divisible by groups (depthwise: groups == in.c).
struct Conv2dArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  Map in, out;
  Window window;
  int32_t groups = 1;
  int8_t x_zero = 0;
  Quantized q;
  Weights weights;
};
void conv2d_i8(const Conv2dArgs&);

struct LinearArgs {
  const int8_t* x = nullptr;  // in values
  int8_t* y = nullptr;        // out values
  int32_t in = 1, out = 1;
  int8_t x_zero = 0;
  Quantized q;
  Weights weights;
};
void linear_i8(const LinearArgs&);

// Scale and zero point of y are those of x. In place when both pads are 0 and out is no wider.
// REQUIRES pads smaller than the kernel, dilation 1: every window holds a value.
struct MaxPoolArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  Map in, out;
  Window window;
  int8_t low = -128, high = 127;
};
void max_pool_i8(const MaxPoolArgs&);

// The mean of a window; include_pad counts what lies outside the map as real zeros, else it is left
// out. x_scale == y_scale and zero points alike: the integer mean, halves away from zero, as
// TFLite. Else the sum of x - x_zero is rescaled by x_scale / (y_scale * count). In place as
// max_pool. global_avg_pool: the window that is the map, out = {1, 1, c}.
struct AvgPoolArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  Map in, out;
  Window window;
  bool include_pad = false;
  uint32_t x_scale = 0, y_scale = 0;  // bits of floats
  int8_t x_zero = 0;
  Quantized q;
};
void avg_pool_i8(const AvgPoolArgs&);

// y = clamp(y_zero + rescale(x - x_zero, m)), m = ratio(x_scale, y_scale). In place. relu, relu6
// and a change of scale.
struct RequantizeArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  int32_t count = 0;
  int8_t x_zero = 0;
  Multiplier m;
  Quantized q;
};
void requantize_i8(const RequantizeArgs&);

// TFLite's add and sub: both inputs times 2^20, brought to the scale 2 * max(a_scale, b_scale),
// added, brought to y_scale; mul: (a - a_zero) * (b - b_zero) rescaled once. In place on either
// input (or both).
struct BinaryArgs {
  const int8_t* a = nullptr;
  const int8_t* b = nullptr;
  int8_t* y = nullptr;
  int32_t count = 0;
  uint32_t a_scale = 0, b_scale = 0, y_scale = 0;  // bits of floats
  int8_t a_zero = 0, b_zero = 0;
  Quantized q;
};
void add_i8(const BinaryArgs&);
void sub_i8(const BinaryArgs&);
void mul_i8(const BinaryArgs&);

struct AddFactors {
  Multiplier a, b, y;
};
AddFactors add_factors(uint32_t a_scale, uint32_t b_scale, uint32_t y_scale);

// One input of a concat along channels: channels [first, first + channels) of y, brought to y's
// scale by m = ratio(x_scale, y_scale). A flat value is a map with one position. Call once an
// input.
struct ConcatArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  int32_t positions = 1;  // h * w
  int32_t channels = 1;   // of x
  int32_t first = 0;
  int32_t y_channels = 1;
  int8_t x_zero = 0;
  Multiplier m;
  Quantized q;
};
void concat_i8(const ConcatArgs&);

// TFLite's int8 softmax over one row, beta 1: y has scale 1/256 and zero point -128. In place.
// REQUIRES softmax_in_range(x_scale): 2^-26 <= x_scale < 16.
struct SoftmaxArgs {
  const int8_t* x = nullptr;
  int8_t* y = nullptr;
  int32_t count = 0;
  uint32_t x_scale = 0;  // bits of the float
};
void softmax_i8(const SoftmaxArgs&);
bool softmax_in_range(uint32_t x_scale);

}  // namespace sparlet::rt
