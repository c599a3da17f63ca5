// conv_transpose2d(x, w[, b]): the adjoint of conv2d, which makes small maps large.
//   x (c,h,w), w (c, o/groups, kh, kw), b (o) -> (o, oh, ow),
//   oh = (h - 1) stride - pad (top and bottom) + dilation (kh - 1) + 1 + output_padding
//   stride, pad, dilation: see window.h; output_padding: n or [h,w], below the stride; groups
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/window.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

// The convolution whose adjoint the node is: from the result's map to x's.
ConvShape adjoint_of(const Node& node, const Shape& x, const Shape& w) {
  const auto stride = node.pair("stride", 1), dilation = node.pair("dilation", 1);
  const auto more = node.pair("output_padding", 0);
  const auto pad = node.sides("pad");
  const int64_t groups = node.integer("groups", 1);
  std::array<int64_t, 2> size;
  check_reach(node, std::array{w[2], w[3]}, "window");
  check_reach(node, stride, "stride");
  check_reach(node, dilation, "dilation");
  check_reach(node, pad, "pad");
  for (size_t i = 0; i < 2; ++i) {
    require(stride[i] >= 1, "{}: stride {}, wanted at least 1", place(node), stride[i]);
    require(dilation[i] >= 1, "{}: dilation {}, wanted at least 1", place(node), dilation[i]);
    require(more[i] >= 0 && more[i] < stride[i],
            "{}: output_padding {}, wanted 0 to {} (below the stride)", place(node), more[i],
            stride[i] - 1);
    require(pad[2 * i] >= 0 && pad[2 * i + 1] >= 0, "{}: pad {}, wanted 0 or more", place(node),
            std::min(pad[2 * i], pad[2 * i + 1]));
    size[i] = (x[int(i) + 1] - 1) * stride[i] - pad[2 * i] - pad[2 * i + 1] +
              dilation[i] * (w[int(i) + 2] - 1) + 1 + more[i];
    require(size[i] >= 1, "{}: the padding leaves nothing of the map {}", place(node),
            to_string(x));
  }
  return {.window = {.c = w[1] * groups,
                     .h = size[0],
                     .w = size[1],
                     .kh = w[2],
                     .kw = w[3],
                     .stride = stride,
                     .pad = pad,
                     .dilation = dilation},
          .o = x[0],
          .groups = groups};
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, w[, b]", 2, 3, {"stride", "pad", "dilation", "groups", "output_padding"}});
  check_map(node, in[0]);
  const Shape &x = in[0].shape, &w = in[1].shape;
  require(w.rank() == 4 && !in[1].batched, "{}: wants a weight (c,o/groups,kh,kw), found {}",
          place(node), to_string(w));
  require(w[0] == x[0], "{}: the weight {} wants {} channels, the map {} has {}", place(node),
          to_string(w), w[0], to_string(x), x[0]);
  const int64_t groups = node.integer("groups", 1);
  require(groups >= 1 && x[0] % groups == 0, "{}: {} channels of {} do not divide into {} groups",
          place(node), x[0], to_string(x), groups);
  const Window& y = adjoint_of(node, x, w).window;
  if (in.size() == 3)
    require(in[2].shape == Shape{y.c} && !in[2].batched, "{}: wants a bias [{}], found {}",
            place(node), y.c, to_string(in[2].shape));
  return {{y.c, y.h, y.w}, DType::f32, true};
}

int64_t macs(const Node&, std::span<const Type> in) {
  return in[0].shape[1] * in[0].shape[2] * count(in[1].shape);
}

class ConvTranspose2d final : public Kernel {
 public:
  ConvTranspose2d(const ConvShape& adjoint, const MakeContext& context)
      : o_(adjoint.window.c),  // train: all three passes are needed, forward is one of backward's
        kernel_(context.kernels->conv2d(adjoint, {.batch = context.batch, .train = true})) {}

  void forward(const Io& io) override {
    float* y = io.out.f32();
    kernel_->backward_data(io.n, io.in[1].f32(), io.in[0].f32(), y);
    if (io.in.size() < 3) return;
    const float* bias = io.in[2].f32();
    for (int64_t row = 0, rows = io.out.size() / o_; row < rows; ++row, y += o_)
      for (int64_t i = 0; i < o_; ++i) y[i] += bias[i];
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) kernel_->forward(io.n, dy.f32(), io.in[1].f32(), nullptr, din[0].f32());
    if (din[1]) kernel_->backward_weight(io.n, dy.f32(), io.in[0].f32(), din[1].f32(), nullptr);
    if (din.size() > 2 && din[2]) sum_rows(dy.size() / o_, o_, dy.f32(), din[2].f32());
  }

 private:
  const int64_t o_;
  std::unique_ptr<ConvKernel> kernel_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<ConvTranspose2d>(
      adjoint_of(node, context.in[0]->type.shape, context.in[1]->type.shape), context);
}

std::vector<double> list(std::initializer_list<double> values) { return values; }

}  // namespace

const OpDef conv_transpose2d_op{
    .name = "conv_transpose2d",
    .infer = infer,
    .macs = macs,
    .make = make,
    .samples = {
        {"k2s2", {{{4, 5, 6}}, {{4, 3, 2, 2}, "param"}, {{3}, "param"}}, {{"stride", 2.0}}},
        {"k3s2",
         {{{6, 4, 4}}, {{6, 2, 3, 3}, "param"}, {{4}, "param"}},
         {{"stride", 2.0}, {"pad", 1.0}, {"output_padding", 1.0}, {"groups", 2.0}}},
        {"k3", {{{3, 4, 5}}, {{3, 8, 3, 3}, "param"}}, {{"pad", 1.0}}},
        {"uneven",
         {{{2, 3, 4}}, {{2, 3, 2, 3}, "param"}, {{3}, "param"}},
         {{"stride", list({2, 3})}, {"pad", list({0, 1, 1, 0})}, {"output_padding", list({1, 2})}}},
        {"dilated", {{{2, 3, 3}}, {{2, 4, 3, 2}, "param"}}, {{"dilation", 2.0}}},
        {"depthwise",
         {{{4, 4, 4}}, {{4, 1, 4, 4}, "param"}, {{4}, "param"}},
         {{"stride", 2.0}, {"pad", 1.0}, {"groups", 4.0}}},
    }};

}  // namespace sparlet
