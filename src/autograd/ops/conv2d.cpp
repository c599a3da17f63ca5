// conv2d(x, w[, b]): 2-D convolution (cross-correlation).
//   x (c,h,w), w (o, c/groups, kh, kw), b (o) -> (o, oh, ow)
//   stride, pad, dilation: see window.h; groups. groups = c is a depthwise convolution.
//   Without training a batch-norm behind it goes into weight and bias (fusion.h).
#include "tensor/kernels/conv.h"

#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/window.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

// REQUIRES: infer() has accepted the node.
ConvShape shape_of(const Node& node, const Shape& x, const Shape& w, bool bias) {
  return {.window = window_of(node, x, w[2], w[3]),
          .o = w[0],
          .groups = node.integer("groups", 1),
          .bias = bias};
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, w[, b]", 2, 3, {"stride", "pad", "dilation", "groups"}});
  check_map(node, in[0]);
  const Shape &x = in[0].shape, &w = in[1].shape;
  require(w.rank() == 4 && !in[1].batched, "{}: wants a weight (o,c/groups,kh,kw), found {}",
          place(node), to_string(w));
  const int64_t groups = node.integer("groups", 1);
  require(groups >= 1 && x[0] % groups == 0 && w[0] % groups == 0,
          "{}: {} channels of {} and {} filters of {} do not divide into {} groups", place(node),
          x[0], to_string(x), w[0], to_string(w), groups);
  require(w[1] == x[0] / groups, "{}: the weight {} wants {} channels a group, the map {} has {}",
          place(node), to_string(w), w[1], to_string(x), x[0] / groups);
  if (in.size() == 3)
    require(in[2].shape == Shape{w[0]} && !in[2].batched, "{}: wants a bias [{}], found {}",
            place(node), w[0], to_string(in[2].shape));
  const Window window = window_of(node, x, w[2], w[3]);
  return {{w[0], window.out_h(), window.out_w()}, DType::f32, true};
}

int64_t macs(const Node& node, std::span<const Type> in) {
  const ConvShape s = shape_of(node, in[0].shape, in[1].shape, false);
  return s.window.out_h() * s.window.out_w() * s.o * s.patch();
}

class Conv2d final : public Kernel {
 public:
  Conv2d(const ConvShape& shape, const MakeContext& context)
      : fused_(!context.then.empty()),
        kernel_(context.kernels->conv2d(
            shape, {.batch = context.batch,
                    .train = context.mode == Mode::train,
                    .input_grad = context.in_grad.empty() || context.in_grad[0]})) {}

  void operands_changed() override { kernel_->weight_changed(); }
  bool packed(size_t operand) const override { return operand == 1 && kernel_->holds_weight(); }
  void forward(const Io& io) override {
    kernel_->forward(io.n, io.in[0].f32(), io.in[1].f32(), bias(io), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    float* dbias = din.size() > 2 ? din[2].f32() : nullptr;
    const bool bias_alone = dbias && !din[1] && !fused_;
    kernel_->backward({io.n, io.in[0].f32(), io.in[1].f32(), io.out.f32(), dy.f32(), din[0].f32(),
                       din[1].f32(), bias_alone ? nullptr : dbias});
    if (bias_alone) sum_rows(dy.size() / din[2].size(), din[2].size(), dy.f32(), dbias);
  }

 private:
  static const float* bias(const Io& io) { return io.in.size() > 2 ? io.in[2].f32() : nullptr; }
  const bool fused_;
  std::unique_ptr<ConvKernel> kernel_;
};

// Inference of a convolution and the batch-norm behind it, gamma (y - mean) / sqrt(variance +
// epsilon) + beta: that is another weight and another bias (Ioffe & Szegedy 2015, section 3.1).
class NormedConv2d final : public Kernel {
 public:
  NormedConv2d(const ConvShape& shape, const Node& norm, bool own_bias, const MakeContext& context)
      : o_(shape.o),
        patch_(shape.patch()),
        own_bias_(own_bias),
        epsilon_(norm.number("epsilon", 1e-5)),
        kernel_(context.kernels->conv2d(shape, {.batch = context.batch})),
        bias_(size_t(shape.o)) {}

  void operands_changed() override {
    ready_ = false;
    kernel_->weight_changed();
  }
  bool packed(size_t operand) const override { return operand > 0 && ready_; }
  void forward(const Io& io) override {
    if (!ready_) fold(io);
    ready_ = true;
    kernel_->forward(io.n, io.in[0].f32(), weight_.data(), bias_.data(), io.out.f32());
    if (kernel_->holds_weight()) weight_ = {};
  }

 private:
  void fold(const Io& io) {
    const float *weight = io.in[1].f32(), *bias = own_bias_ ? io.in[2].f32() : nullptr;
    const std::span<const View> norm = io.in.subspan(own_bias_ ? 3 : 2);
    const float *gamma = norm[0].f32(), *beta = norm[1].f32(), *mean = norm[2].f32(),
                *variance = norm[3].f32();
    weight_.resize(size_t(o_ * patch_));
    for (int64_t o = 0; o < o_; ++o) {
      const double factor = gamma[o] / std::sqrt(double(variance[o]) + epsilon_);
      for (int64_t i = o * patch_; i < (o + 1) * patch_; ++i)
        weight_[size_t(i)] = float(weight[i] * factor);
      bias_[size_t(o)] = float(((bias ? double(bias[o]) : 0) - mean[o]) * factor + beta[o]);
    }
  }

  const int64_t o_, patch_;
  const bool own_bias_;
  const double epsilon_;
  std::unique_ptr<ConvKernel> kernel_;
  std::vector<float> weight_, bias_;  // with the batch-norm
  bool ready_ = false;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const bool bias = node.in.size() > 2;
  ConvShape shape = shape_of(node, context.in[0]->type.shape, context.in[1]->type.shape, bias);
  const Node* norm = nullptr;
  for (const Node* next : context.then)
    if (next->op == &batch_norm_op)
      norm = next;
    else if (next->op == &relu_op)
      shape.relu = true;
    else
      shape.pool = pool_window(*next, node.type.shape);
  if (norm) {
    shape.bias = true;
    return std::make_unique<NormedConv2d>(shape, *norm, bias, context);
  }
  return std::make_unique<Conv2d>(shape, context);
}

// x, w and, where `bias`, b.
std::vector<Sample::Input> operands(const Shape& x, const Shape& w, bool bias = true) {
  std::vector<Sample::Input> in{{x}, {w, "param"}};
  if (bias) in.push_back({{w[0]}, "param"});
  return in;
}
std::vector<double> list(std::initializer_list<double> values) { return values; }

}  // namespace

const OpDef conv2d_op{
    .name = "conv2d",
    .infer = infer,
    .macs = macs,
    .make = make,
    .samples = {
        {"k3", operands({3, 7, 6}, {8, 3, 3, 3}), {{"pad", 1.0}}},
        {"k5_one_channel", operands({1, 12, 12}, {6, 1, 5, 5})},
        {"k5_no_bias", operands({6, 9, 9}, {16, 6, 5, 5}, false)},
        {"k1", operands({5, 4, 4}, {7, 5, 1, 1})},
        {"k1_wide", operands({16, 6, 6}, {32, 16, 1, 1})},
        {"stride2", operands({4, 8, 8}, {6, 4, 3, 3}), {{"stride", 2.0}, {"pad", 1.0}}},
        {"stride_rest", operands({2, 8, 9}, {3, 2, 3, 3}), {{"stride", list({2, 3})}}},
        {"rectangle", operands({3, 8, 5}, {4, 3, 3, 1})},
        {"pad_uneven", operands({2, 5, 6}, {4, 2, 3, 3}), {{"pad", list({0, 1, 2, 0})}}},
        {"dilated", operands({3, 9, 9}, {5, 3, 3, 3}), {{"dilation", 2.0}, {"pad", 2.0}}},
        {"groups2", operands({4, 6, 6}, {6, 2, 3, 3}), {{"groups", 2.0}, {"pad", 1.0}}},
        {"depthwise", operands({16, 6, 7}, {16, 1, 3, 3}), {{"groups", 16.0}, {"pad", 1.0}}},
        {"depthwise_odd",
         operands({5, 6, 6}, {5, 1, 3, 3}, false),
         {{"groups", 5.0}, {"pad", 1.0}, {"stride", 2.0}}},
        {"depthwise_x2", operands({4, 6, 6}, {8, 1, 3, 3}), {{"groups", 4.0}, {"pad", 1.0}}},
        {"whole_map", operands({3, 4, 4}, {2, 3, 4, 4})},
        {"wide", operands({32, 6, 6}, {48, 32, 3, 3}), {{"pad", 1.0}}},
    }};

}  // namespace sparlet
