// add_i8, sub_i8, mul_i8: one kernel shape, three functions of the runtime.
#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

using Function = void (*)(const rt::BinaryArgs&);

Type infer(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 2);
  require(in[1] == in[0], "{}: reads {} and {} {}, wanted two batched i8 of one shape", place(node),
          to_string(in[0].shape), name_of(in[1].dtype), to_string(in[1].shape));
  quant_of(node);
  return in[0];
}

class Binary final : public int8::Kernel {
 public:
  Binary(Function function, const Node& node, const Quant& a, const Quant& b)
      : function_(function) {
    const Quant y = quant_of(node);
    args_ = {.count = int32_t(count(node.type.shape)),
             .a_scale = int8::bits_of(a.scale),
             .b_scale = int8::bits_of(b.scale),
             .y_scale = int8::bits_of(y.scale),
             .a_zero = a.zero,
             .b_zero = b.zero,
             .q = int8::quantized(y)};
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.a = x[0];
    args_.b = x[1];
    args_.y = y;
    function_(args_);
  }
  Function function_;
  rt::BinaryArgs args_;
};

template <Function function>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Binary>(function, node, quant_of(*context.in[0]),
                                  quant_of(*context.in[1]));
}

OpDef binary(std::string_view name, auto make) {
  const Attrs a{{"scale", 0.0625}, {"zero", 3.0}}, b{{"scale", 0.05078125}, {"zero", -7.0}};
  const Attrs y{{"scale", 0.125}, {"zero", 5.0}};
  const auto input = [](Shape shape, const Attrs& attrs) {
    return Sample::Input{shape, "input", DType::i8, Fill::integer, attrs};
  };
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make,
          .samples = {{"map", {input({3, 4, 5}, a), input({3, 4, 5}, b)}, y},
                      {"row", {input({7}, a), input({7}, b)}, y}},
          .elementwise = true,
          .trainable = false,
          .in_place = int8::over_first};
}

}  // namespace

const OpDef add_i8_op = binary("add_i8", make<rt::add_i8>);
const OpDef sub_i8_op = binary("sub_i8", make<rt::sub_i8>);
const OpDef mul_i8_op = binary("mul_i8", make<rt::mul_i8>);

}  // namespace sparlet
