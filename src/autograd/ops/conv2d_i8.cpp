// conv2d_i8 and conv2d_bitmask_i8. On the host a bitmask is unpacked once, and where there is one
// group each patch is gathered (zero point outside the map) and given to the runtime's linear
// kernel: the same sums of whole numbers over longer rows.
#include <cstring>

#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

struct Layer {
  int8::Geometry g;
  int64_t groups = 1, fan_in = 1, out = 1;
};

Layer layer_of(const Node& node, const Shape& in, std::array<int64_t, 2> kernel, int64_t out) {
  require(in.rank() == 3, "{}: input is {}, wanted (c,h,w)", place(node), to_string(in));
  const int64_t groups = node.integer("groups", 1);
  require(groups >= 1 && in[0] % groups == 0 && out % groups == 0,
          "{}: {} groups do not divide {} channels into {}", place(node), groups, in[0], out);
  Layer layer{int8::geometry_of(window_of(node, in, kernel[0], kernel[1]), out), groups,
              kernel[0] * kernel[1] * (in[0] / groups), out};
  return layer;
}

Type finish(const Node& node, std::span<const Type> in, size_t bias, const Layer& layer) {
  int8::check_constant(node, in, bias, DType::i32, {layer.out});
  int8::check_constant(node, in, bias + 1, DType::f32, {layer.out});
  quant_of(node);
  return {{layer.out, layer.g.out.h, layer.g.out.w}, DType::i8, true};
}

Type infer_dense(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 4);
  require(in[1].shape.rank() == 4, "{}: weights are {}, wanted (o,kh,kw,i)", place(node),
          to_string(in[1].shape));
  const Shape& w = in[1].shape;
  const Layer layer = layer_of(node, in[0].shape, {w[1], w[2]}, w[0]);
  int8::check_constant(node, in, 1, DType::i8, {w[0], w[1], w[2], in[0].shape[0] / layer.groups});
  return finish(node, in, 2, layer);
}

Type infer_bitmask(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 5);
  const int64_t out = node.integer("out", 0);
  require(out >= 1 && node.has("kernel"), "{}: wants the attributes out and kernel", node.name);
  const Layer layer = layer_of(node, in[0].shape, node.pair("kernel", 1), out);
  int8::check_constant(node, in, 1, DType::u8, {(out * layer.fan_in + 7) / 8});
  int8::check_constant(node, in, 2, DType::i8, {count(in[2].shape)});
  return finish(node, in, 3, layer);
}

Layer layer_of(const Node& node, const MakeContext& context) {
  if (node.op == &conv2d_bitmask_i8_op)
    return layer_of(node, context.in[0]->type.shape, node.pair("kernel", 1),
                    node.integer("out", 1));
  const Shape& w = context.in[1]->type.shape;
  return layer_of(node, context.in[0]->type.shape, {w[1], w[2]}, w[0]);
}

int64_t macs(const Node& node, std::span<const Type> in) {
  const int64_t groups = node.integer("groups", 1);
  std::array<int64_t, 2> kernel = node.pair("kernel", 1);
  if (node.op == &conv2d_i8_op) kernel = {in[1].shape[1], in[1].shape[2]};
  return count(node.type.shape) * kernel[0] * kernel[1] * (in[0].shape[0] / groups);
}

constexpr int64_t kVector = 16;  // values that a row is filled up to

class Conv2d final : public int8::Kernel {
 public:
  Conv2d(const Node& node, const Node& in, const Layer& layer)
      : name_(node.name), bitmask_(node.op == &conv2d_bitmask_i8_op), layer_(layer) {
    args_ = {.in = layer.g.in,
             .out = layer.g.out,
             .window = layer.g.window,
             .groups = int32_t(layer.groups),
             .x_zero = quant_of(in).zero,
             .q = int8::quantized(quant_of(node))};
    if (layer.groups == 1) patch_.resize(size_t(layer.fan_in + kVector - 1) / kVector * kVector);
  }

 private:
  void load(const Io& io) override {
    const size_t bias = bitmask_ ? 3 : 2;
    channels_ = int8::channels_of(io.in[bias], io.in[bias + 1]);
    if (bitmask_) unpacked_ = int8::unpack(name_, io.in[1], io.in[2], layer_.out * layer_.fan_in);
    const int8_t* values = bitmask_ ? unpacked_.data() : io.in[1].as<int8_t>();
    if (layer_.groups == 1) {
      packed_.assign(size_t(layer_.out) * patch_.size(), 0);
      for (int64_t o = 0; o < layer_.out; ++o)
        std::copy_n(values + o * layer_.fan_in, layer_.fan_in, &packed_[size_t(o) * patch_.size()]);
      values = packed_.data();
    }
    args_.weights = {.values = values, .channels = channels_.data()};
  }

  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    if (layer_.groups > 1) return rt::conv2d_i8(args_);
    rt::LinearArgs row{.x = patch_.data(),
                       .y = y,
                       .in = int32_t(patch_.size()),
                       .out = args_.out.c,
                       .x_zero = args_.x_zero,
                       .q = args_.q,
                       .weights = args_.weights};
    for (int32_t oy = 0; oy < args_.out.h; ++oy)
      for (int32_t ox = 0; ox < args_.out.w; ++ox, row.y += args_.out.c) {
        gather(oy * args_.window.stride_h - args_.window.pad_top,
               ox * args_.window.stride_w - args_.window.pad_left);
        rt::linear_i8(row);
      }
  }

  // The patch whose first value stands at (y, x) of the input.
  void gather(int32_t y, int32_t x) {
    const rt::Window& w = args_.window;
    const rt::Map& in = args_.in;
    int8_t* to = patch_.data();
    for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
      const int32_t iy = y + ky * w.dilation_h;
      const bool row_inside = iy >= 0 && iy < in.h;
      if (row_inside && w.dilation_w == 1 && x >= 0 && x + w.kernel_w <= in.w) {
        std::memcpy(to, args_.x + (iy * in.w + x) * in.c, size_t(w.kernel_w * in.c));
        to += w.kernel_w * in.c;
        continue;
      }
      for (int32_t kx = 0; kx < w.kernel_w; ++kx, to += in.c) {
        const int32_t ix = x + kx * w.dilation_w;
        if (row_inside && ix >= 0 && ix < in.w)
          std::memcpy(to, args_.x + (iy * in.w + ix) * in.c, size_t(in.c));
        else
          std::memset(to, args_.x_zero, size_t(in.c));
      }
    }
  }

  std::string name_;
  bool bitmask_;
  Layer layer_;
  rt::Conv2dArgs args_;
  std::vector<rt::Channel> channels_;
  std::vector<int8_t> unpacked_, packed_, patch_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Conv2d>(node, *context.in[0], layer_of(node, context));
}

using In = Sample::Input;
In x(Shape shape) {
  return {shape, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}};
}
In constant(Shape shape, DType dtype, Fill fill = Fill::integer) {
  return {shape, "constant", dtype, fill};
}
std::vector<In> dense(Shape in, Shape w) {
  const int64_t out = w[0];
  return {x(in), constant(w, DType::i8), constant({out}, DType::i32),
          constant({out}, DType::f32, Fill::positive)};
}
std::vector<In> bitmask(Shape in, int64_t out, int64_t weights) {
  return {x(in), constant({(weights + 7) / 8}, DType::u8), constant({weights}, DType::i8),
          constant({out}, DType::i32), constant({out}, DType::f32, Fill::positive)};
}
Attrs with(Attrs attrs) {
  attrs["scale"] = 0.125;
  attrs["zero"] = -2.0;
  return attrs;
}

}  // namespace

const OpDef conv2d_i8_op{
    .name = "conv2d_i8",
    .infer = infer_dense,
    .macs = macs,
    .make = make,
    .samples = {{"3x3_pad1", dense({2, 6, 5}, {3, 3, 3, 2}), with({{"pad", 1.0}})},
                {"stride2_dilation2", dense({3, 9, 8}, {4, 3, 2, 3}),
                 with({{"stride", 2.0}, {"dilation", 2.0}})},
                {"groups2", dense({4, 5, 5}, {6, 3, 3, 2}), with({{"groups", 2.0}, {"pad", 1.0}})},
                {"depthwise", dense({4, 5, 5}, {4, 3, 3, 1}),
                 with({{"groups", 4.0}, {"pad", 1.0}, {"low", -2.0}})}},
    .trainable = false};
const OpDef conv2d_bitmask_i8_op{
    .name = "conv2d_bitmask_i8",
    .infer = infer_bitmask,
    .macs = macs,
    .make = make,
    .samples = {{"3x3_pad1", bitmask({2, 6, 5}, 3, 54),
                 with({{"pad", 1.0}, {"out", 3.0}, {"kernel", 3.0}})},
                {"depthwise", bitmask({4, 5, 5}, 4, 36),
                 with({{"groups", 4.0}, {"out", 4.0}, {"kernel", std::vector<double>{3, 3}}})}},
    .trainable = false};

}  // namespace sparlet
