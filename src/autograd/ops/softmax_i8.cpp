#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 1);
  require(in[0].shape.rank() == 1, "{}: input is {}, wanted a row (n)", place(node),
          to_string(in[0].shape));
  const Quant q = quant_of(node);
  require(q.scale == 1.0f / 256 && q.zero == -128 && q.low == -128 && q.high == 127,
          "{}: wants scale 1/256, zero point -128 and no clamp", node.name);
  return in[0];
}

class Softmax final : public int8::Kernel {
 public:
  Softmax(const Node& node, const Quant& x) {
    args_ = {.count = int32_t(count(node.type.shape)), .x_scale = int8::bits_of(x.scale)};
    require(rt::softmax_in_range(args_.x_scale), "{}: the input's scale is {}, wanted less than 16",
            place(node), x.scale);
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    rt::softmax_i8(args_);
  }
  rt::SoftmaxArgs args_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Softmax>(node, quant_of(*context.in[0]));
}

}  // namespace

const OpDef softmax_i8_op{
    .name = "softmax_i8",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"row",
                 {{{10}, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}}},
                 {{"scale", 0.00390625}, {"zero", -128.0}}}},
    .trainable = false,
    .in_place = int8::over_first};

}  // namespace sparlet
