// linear(x, w[, b]): y = x wᵀ + b.
//   x (in) -> (out), or x (rows, in) -> (rows, out); w (out, in), b (out)
#include "tensor/kernels/linear.h"

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

int64_t rows_of(const Shape& x) { return x.rank() == 2 ? x[0] : 1; }

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, w[, b]", 2, 3});
  const Shape &x = in[0].shape, &w = in[1].shape;
  require(x.rank() == 1 || x.rank() == 2, "{}: wants x (in) or (rows,in), found {}{}", place(node),
          to_string(x), x.rank() == 3 ? "; flatten it first" : "");
  require(w.rank() == 2 && !in[1].batched, "{}: wants a weight (out,in), found {}", place(node),
          to_string(w));
  require(x[x.rank() - 1] == w[1], "{}: the weight {} wants {} inputs, x {} has {}", place(node),
          to_string(w), w[1], to_string(x), x[x.rank() - 1]);
  if (in.size() == 3)
    require(in[2].shape == Shape{w[0]} && !in[2].batched, "{}: wants a bias [{}], found {}",
            place(node), w[0], to_string(in[2].shape));
  return {x.rank() == 2 ? Shape{x[0], w[0]} : Shape{w[0]}, DType::f32, in[0].batched};
}

int64_t macs(const Node&, std::span<const Type> in) {
  return rows_of(in[0].shape) * count(in[1].shape);
}

class Linear final : public Kernel {
 public:
  Linear(const LinearShape& shape, const KernelOptions& options, const Kernels& kernels)
      : in_(shape.in),
        out_(shape.out),
        few_(options.batch <= kFewRows),
        fused_(shape.relu),
        kernel_(kernels.linear(shape, options)) {}

  void operands_changed() override { kernel_->weight_changed(); }
  bool packed(size_t operand) const override { return operand == 1 && kernel_->holds_weight(); }
  void forward(const Io& io) override {
    const float* bias = io.in.size() > 2 ? io.in[2].f32() : nullptr;
    kernel_->forward(io.in[0].size() / in_, io.in[0].f32(), io.in[1].f32(), bias, io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / out_;
    float* dbias = din.size() > 2 ? din[2].f32() : nullptr;
    const bool bias_alone = dbias && !din[1] && !fused_;
    kernel_->backward({rows, io.in[0].f32(), io.in[1].f32(), io.out.f32(), dy.f32(), din[0].f32(),
                       din[1].f32(), bias_alone ? nullptr : dbias});
    if (bias_alone) sum_rows(rows, out_, dy.f32(), dbias);
  }

  // More rows: the product keeps them in registers better than the update does.
  bool puts_off(size_t operand) const override { return operand == 1 && few_; }
  OuterGrad put_off(const Io& io, const View& dy, size_t) const override {
    return {dy.size() / out_, out_, in_, kernel_->result_grad(dy.f32()), io.in[0].f32()};
  }

 private:
  static constexpr int64_t kFewRows = 4;
  const int64_t in_, out_;
  const bool few_;
  const bool fused_;
  std::unique_ptr<LinearKernel> kernel_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const Type& x = context.in[0]->type;
  const Shape& w = context.in[1]->type.shape;
  const int64_t batch = (x.batched ? context.batch : 1) * rows_of(x.shape);
  return std::make_unique<Linear>(
      LinearShape{
          .in = w[1], .out = w[0], .bias = node.in.size() > 2, .relu = !context.then.empty()},
      KernelOptions{.batch = batch, .train = context.mode == Mode::train}, *context.kernels);
}

}  // namespace

const OpDef linear_op{.name = "linear",
                      .infer = infer,
                      .macs = macs,
                      .make = make,
                      .samples = {
                          {"small", {{{7}}, {{5, 7}, "param"}, {{5}, "param"}}},
                          {"no_bias", {{{12}}, {{4, 12}, "param"}}},
                          {"one", {{{1}}, {{1, 1}, "param"}, {{1}, "param"}}},
                          {"wide", {{{64}}, {{48, 64}, "param"}, {{48}, "param"}}},
                          {"odd", {{{33}}, {{17, 33}, "param"}, {{17}, "param"}}},
                          {"rows", {{{3, 6}}, {{4, 6}, "param"}, {{4}, "param"}}},
                      }};

}  // namespace sparlet
