#include <string.h>

#include "runtime/walk.h"

namespace sparlet::rt {
namespace {

// One op on its way: where its operands lie, and where the next weights begin.
struct Step {
  const Model& model;
  const Record& r;
  ValueInfo y;
  const Channel*& channels;
  const uint8_t*& weights;

  ValueInfo input(uint32_t i) const { return value_at(model.file, r.input[i]); }
  int8_t* data(const ValueInfo& v) const {
    return reinterpret_cast<int8_t*>(model.arena + v.offset);
  }
  Quantized quantized() const { return {.zero = y.zero, .low = r.low, .high = r.high}; }

  Weights take_weights(const ValueInfo& x) {
    Weights w{.values = reinterpret_cast<const int8_t*>(weights), .channels = channels};
    if (r.has(record_bitmask)) {
      w.mask = weights;
      w.values += mask_bytes(fan_in_of(r, x) * r.c);
    }
    weights += weight_bytes(r, x);
    channels += r.c;
    return w;
  }
};

void run_conv2d(Step& s) {
  const ValueInfo x = s.input(0);
  conv2d_i8({.x = s.data(x),
             .y = s.data(s.y),
             .in = map_of(x),
             .out = map_of(s.y),
             .window = window_of(s.r),
             .groups = int32_t(s.r.groups),
             .x_zero = x.zero,
             .q = s.quantized(),
             .weights = s.take_weights(x)});
}

void run_linear(Step& s) {
  const ValueInfo x = s.input(0);
  linear_i8({.x = s.data(x),
             .y = s.data(s.y),
             .in = int32_t(x.count),
             .out = int32_t(s.y.count),
             .x_zero = x.zero,
             .q = s.quantized(),
             .weights = s.take_weights(x)});
}

void run_max_pool(Step& s) {
  const ValueInfo x = s.input(0);
  max_pool_i8({.x = s.data(x),
               .y = s.data(s.y),
               .in = map_of(x),
               .out = map_of(s.y),
               .window = window_of(s.r),
               .low = s.r.low,
               .high = s.r.high});
}

void run_avg_pool(Step& s) {
  const ValueInfo x = s.input(0);
  Map out = map_of(s.y);
  Window window = window_of(s.r);
  if (s.r.op == Op::global_avg_pool) {
    out = {.c = int32_t(x.c)};
    window = {.kernel_h = int32_t(x.h), .kernel_w = int32_t(x.w)};
  }
  avg_pool_i8({.x = s.data(x),
               .y = s.data(s.y),
               .in = map_of(x),
               .out = out,
               .window = window,
               .include_pad = s.r.has(record_include_pad),
               .x_scale = x.scale,
               .y_scale = s.y.scale,
               .x_zero = x.zero,
               .q = s.quantized()});
}

void run_requantize(Step& s) {
  const ValueInfo x = s.input(0);
  requantize_i8({.x = s.data(x),
                 .y = s.data(s.y),
                 .count = int32_t(x.count),
                 .x_zero = x.zero,
                 .m = ratio(x.scale, s.y.scale),
                 .q = s.quantized()});
}

void run_binary(Step& s) {
  const ValueInfo a = s.input(0), b = s.input(1);
  const BinaryArgs args{.a = s.data(a),
                        .b = s.data(b),
                        .y = s.data(s.y),
                        .count = int32_t(s.y.count),
                        .a_scale = a.scale,
                        .b_scale = b.scale,
                        .y_scale = s.y.scale,
                        .a_zero = a.zero,
                        .b_zero = b.zero,
                        .q = s.quantized()};
  if (s.r.op == Op::add) return add_i8(args);
  if (s.r.op == Op::sub) return sub_i8(args);
  mul_i8(args);
}

void run_concat(Step& s) {
  int32_t first = 0;
  for (uint32_t i = 0; i < s.r.inputs; ++i) {
    const ValueInfo x = s.input(i);
    concat_i8({.x = s.data(x),
               .y = s.data(s.y),
               .positions = int32_t(s.y.h * s.y.w),
               .channels = int32_t(x.c),
               .first = first,
               .y_channels = int32_t(s.y.c),
               .x_zero = x.zero,
               .m = ratio(x.scale, s.y.scale),
               .q = s.quantized()});
    first += int32_t(x.c);
  }
}

void run_softmax(Step& s) {
  const ValueInfo x = s.input(0);
  softmax_i8({.x = s.data(x), .y = s.data(s.y), .count = int32_t(x.count), .x_scale = x.scale});
}

// part and copy: the regions may overlap.
void run_copy(Step& s) {
  const int8_t* from = s.data(s.input(0)) + s.r.start;
  if (from != s.data(s.y)) memmove(s.data(s.y), from, s.y.count);
}

void run_step(Step& s) {
  switch (s.r.op) {
    case Op::input:
      return;
    case Op::conv2d:
      return run_conv2d(s);
    case Op::linear:
      return run_linear(s);
    case Op::max_pool:
      return run_max_pool(s);
    case Op::avg_pool:
    case Op::global_avg_pool:
      return run_avg_pool(s);
    case Op::requantize:
      return run_requantize(s);
    case Op::add:
    case Op::sub:
    case Op::mul:
      return run_binary(s);
    case Op::concat:
      return run_concat(s);
    case Op::softmax:
      return run_softmax(s);
    case Op::part:
    case Op::copy:
      return run_copy(s);
  }
}

Value value(const Model& model, uint32_t index) {
  const ValueInfo v = value_at(model.file, index);
  Value result{.data = reinterpret_cast<int8_t*>(model.arena + v.offset),
               .bytes = v.count,
               .h = v.h,
               .w = v.w,
               .c = v.c,
               .flat = v.flat,
               .scale = 0,
               .zero = v.zero};
  memcpy(&result.scale, &v.scale, sizeof result.scale);
  return result;
}

}  // namespace

void run(const Model& model) {
  const uint8_t* file = model.file;
  const Channel* channels = channels_of(file);
  const uint8_t* weights = weights_of(file);
  const uint8_t* end = weights;
  Record r;
  for (const uint8_t* at = records_of(file); at != end; at += *at) {
    decode(at, end, r);
    Step step{
        .model = model, .r = r, .y = info_of(file, r), .channels = channels, .weights = weights};
    run_step(step);
  }
}

Value input(const Model& model) { return value(model, 0); }
Value output(const Model& model) { return value(model, header_of(model.file).values - 1u); }

}  // namespace sparlet::rt
