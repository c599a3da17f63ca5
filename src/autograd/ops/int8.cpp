#include "autograd/ops/int8.h"

#include <bit>
#include <cmath>

#include "tensor/error.h"

namespace sparlet {

Quant quant_of(const Node& node) {
  const auto whole = [&](std::string_view key, double fallback) {
    const double value = node.number(key, fallback);
    require(value == std::floor(value) && value >= -128 && value <= 127,
            "{}: {} is {}, wanted a whole number in [-128, 127]", place(node), key, value);
    return int8_t(value);
  };
  const double scale = node.number("scale");
  require(scale >= 0x1p-126 && scale < 0x1p127 && double(float(scale)) == scale,
          "{}: scale is {}, wanted a positive float32", place(node), scale);
  require(node.has("zero"), "{}: wants a zero point as attribute zero", place(node));
  const Quant quant{float(scale), whole("zero", 0), whole("low", -128), whole("high", 127)};
  require(quant.low <= quant.high, "{}: low {} is above high {}", place(node), quant.low,
          quant.high);
  return quant;
}

int64_t count_bits(const uint8_t* bits, int64_t n) {
  int64_t set = 0;
  for (int64_t i = 0; i < n / 8; ++i) set += std::popcount(bits[i]);
  for (int64_t i = n / 8 * 8; i < n; ++i) set += bit_at(bits, i);
  return set;
}

namespace int8 {

void check_inputs(const Node& node, std::span<const Type> in, size_t wanted) {
  require(in.size() == wanted, "{}: {} inputs, wanted {}", place(node), in.size(), wanted);
  require(in[0].batched && in[0].dtype == DType::i8, "{}: reads {} {}, wanted batched i8",
          place(node), in[0].batched ? "batched" : "constant", name_of(in[0].dtype));
}

void check_constant(const Node& node, std::span<const Type> in, size_t k, DType dtype,
                    const Shape& shape) {
  if (!in[k].batched && in[k].dtype == dtype && in[k].shape == shape) return;
  fail("{}: input {} is {}{} {}, wanted constant {} {}", place(node), k,
       in[k].batched ? "batched " : "", name_of(in[k].dtype), to_string(in[k].shape),
       name_of(dtype), to_string(shape));
}

uint32_t bits_of(float value) { return std::bit_cast<uint32_t>(value); }
rt::Quantized quantized(const Quant& q) { return {.zero = q.zero, .low = q.low, .high = q.high}; }

rt::Map map_of(const Shape& shape) {
  if (shape.rank() == 3)
    return {.h = int32_t(shape[1]), .w = int32_t(shape[2]), .c = int32_t(shape[0])};
  return {.c = int32_t(count(shape))};
}

Geometry geometry_of(const Window& w, int64_t out_channels) {
  return {.in = {.h = int32_t(w.h), .w = int32_t(w.w), .c = int32_t(w.c)},
          .out = {.h = int32_t(w.out_h()), .w = int32_t(w.out_w()), .c = int32_t(out_channels)},
          .window = {.kernel_h = int32_t(w.kh),
                     .kernel_w = int32_t(w.kw),
                     .stride_h = int32_t(w.stride[0]),
                     .stride_w = int32_t(w.stride[1]),
                     .pad_top = int32_t(w.pad[0]),
                     .pad_left = int32_t(w.pad[2]),
                     .dilation_h = int32_t(w.dilation[0]),
                     .dilation_w = int32_t(w.dilation[1])}};
}

std::vector<rt::Channel> channels_of(const View& bias, const View& scale) {
  std::vector<rt::Channel> channels;
  for (int64_t o = 0; o < bias.size(); ++o)
    channels.push_back({.bias = bias.as<int32_t>()[o], .scale = bits_of(scale.f32()[o])});
  return channels;
}

std::vector<int8_t> unpack(const std::string& name, const View& bits, const View& values,
                           int64_t n) {
  const auto* mask = bits.as<uint8_t>();
  const int64_t set = count_bits(mask, n);
  require(set <= values.size(), "{}: {} weights by its bits, but only {} values", name, set,
          values.size());
  std::vector<int8_t> weights(static_cast<size_t>(n));
  const int8_t* next = values.as<int8_t>();
  for (int64_t i = 0; i < n; ++i)
    if (bit_at(mask, i)) weights[size_t(i)] = *next++;
  return weights;
}

int over_first(const Node&, std::span<const Type>) { return 0; }

void Kernel::forward(const Io& io) {
  if (!loaded_) load(io);
  loaded_ = true;
  std::array<const int8_t*, rt::max_inputs> x{};
  std::array<int64_t, rt::max_inputs> step{};
  const size_t inputs = std::min(io.in.size(), x.size());
  for (size_t k = 0; k < inputs; ++k) {
    x[k] = io.in[k].as<int8_t>();
    step[k] = io.in[k].size() / io.n;
  }
  auto* y = io.out.as<int8_t>();
  const int64_t y_step = io.out.size() / io.n;
  for (int64_t s = 0; s < io.n; ++s, y += y_step) {
    one({x.data(), inputs}, y);
    for (size_t k = 0; k < inputs; ++k) x[k] += step[k];
  }
}

}  // namespace int8
}  // namespace sparlet
