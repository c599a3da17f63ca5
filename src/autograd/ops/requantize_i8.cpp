#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 1);
  quant_of(node);
  return in[0];
}

class Requantize final : public int8::Kernel {
 public:
  Requantize(const Node& node, const Quant& x, const Quant& y) {
    args_ = {.count = int32_t(count(node.type.shape)),
             .x_zero = x.zero,
             .m = rt::ratio(int8::bits_of(x.scale), int8::bits_of(y.scale)),
             .q = int8::quantized(y)};
    require(rt::in_range(args_.m), "{}: scale {} to {}: too far apart", place(node), x.scale,
            y.scale);
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    rt::requantize_i8(args_);
  }
  rt::RequantizeArgs args_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Requantize>(node, quant_of(*context.in[0]), quant_of(node));
}

const Attrs kIn{{"scale", 0.0625}, {"zero", 3.0}};
const Attrs kOut{{"scale", 0.125}, {"zero", -20.0}, {"low", -20.0}};

}  // namespace

const OpDef requantize_i8_op{
    .name = "requantize_i8",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"map", {{{3, 4, 5}, "input", DType::i8, Fill::integer, kIn}}, kOut},
                {"row", {{{7}, "input", DType::i8, Fill::integer, kIn}}, kOut}},
    .elementwise = true,
    .trainable = false,
    .in_place = int8::over_first};

}  // namespace sparlet
