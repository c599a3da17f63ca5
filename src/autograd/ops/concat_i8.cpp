// Each input is brought to the output's scale while it is put in its place.
#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  require(in.size() >= 2 && in.size() <= rt::max_inputs, "{}: {} inputs, wanted 2 to {}",
          place(node), in.size(), rt::max_inputs);
  int64_t channels = 0;
  for (const Type& type : in) {
    require(type.batched && type.dtype == DType::i8, "{}: reads {}, wanted batched i8", place(node),
            name_of(type.dtype));
    bool fits = type.shape.rank() == in[0].shape.rank() &&
                (type.shape.rank() == 1 || type.shape.rank() == 3);
    for (int i = 1; fits && i < type.shape.rank(); ++i) fits = type.shape[i] == in[0].shape[i];
    require(fits, "{}: {} beside {}", place(node), to_string(type.shape), to_string(in[0].shape));
    channels += type.shape[0];
  }
  quant_of(node);
  Shape shape{channels};
  for (int i = 1; i < in[0].shape.rank(); ++i) shape.push_back(in[0].shape[i]);
  return {shape, DType::i8, true};
}

class Concat final : public int8::Kernel {
 public:
  Concat(const Node& node, const MakeContext& context) {
    const Quant y = quant_of(node);
    const rt::Map out = int8::map_of(node.type.shape);
    int32_t first = 0;
    for (const Node* in : context.in) {
      const Quant x = quant_of(*in);
      const rt::Map map = int8::map_of(in->type.shape);
      args_.push_back({.positions = out.h * out.w,
                       .channels = map.c,
                       .first = first,
                       .y_channels = out.c,
                       .x_zero = x.zero,
                       .m = rt::ratio(int8::bits_of(x.scale), int8::bits_of(y.scale)),
                       .q = int8::quantized(y)});
      require(rt::in_range(args_.back().m), "{}: scale {} to {}: too far apart", place(node),
              x.scale, y.scale);
      first += map.c;
    }
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    for (size_t k = 0; k < args_.size(); ++k) {
      args_[k].x = x[k];
      args_[k].y = y;
      rt::concat_i8(args_[k]);
    }
  }
  std::vector<rt::ConcatArgs> args_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Concat>(node, context);
}

Sample::Input input(Shape shape, double scale, double zero) {
  return {shape, "input", DType::i8, Fill::integer, {{"scale", scale}, {"zero", zero}}};
}
const Attrs kOut{{"scale", 0.0625}, {"zero", 3.0}};

}  // namespace

const OpDef concat_i8_op{
    .name = "concat_i8",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"maps",
                 {input({2, 3, 4}, 0.0625, 3), input({1, 3, 4}, 0.125, -1),
                  input({3, 3, 4}, 0.03125, 0)},
                 kOut},
                {"rows", {input({5}, 0.0625, 3), input({2}, 0.125, -1)}, kOut}},
    .trainable = false};

}  // namespace sparlet
