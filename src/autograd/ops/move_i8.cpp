// copy_i8 and part_i8: values that stand elsewhere or are seen under another shape, in memory
// order.
#include <cstring>

#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 1);
  quant_of(node);
  const Shape shape = node.shape("shape");
  require(shape.rank() == 1 || shape.rank() == 3, "{}: shape is {}, wanted (n) or (c,h,w)",
          place(node), to_string(shape));
  const int64_t have = count(in[0].shape), begin = node.integer("begin", 0);
  if (node.op == &copy_i8_op)
    require(count(shape) == have, "{}: {} under the shape {}", place(node), to_string(in[0].shape),
            to_string(shape));
  require(begin >= 0 && begin + count(shape) <= have, "{}: values {} to {} of {}", place(node),
          begin, begin + count(shape) - 1, have);
  return {shape, DType::i8, true};
}

class Move final : public int8::Kernel {
 public:
  Move(const Node& node, const Node& in)
      : begin_(node.integer("begin", 0)), size_(size_t(count(node.type.shape))) {
    const Quant x = quant_of(in), y = quant_of(node);
    require(x.scale == y.scale && x.zero == y.zero,
            "{}: has another scale or zero point than its input {}", place(node), in.name);
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    if (y != x[0] + begin_) std::memmove(y, x[0] + begin_, size_);
  }
  int64_t begin_;
  size_t size_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Move>(node, *context.in[0]);
}

OpDef move(std::string_view name, Attrs attrs) {
  attrs["scale"] = 0.0625;
  attrs["zero"] = 3.0;
  return {
      .name = name,
      .infer = infer,
      .macs = no_macs,
      .make = make,
      .samples =
          {{"map",
            {{{2, 3, 4}, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}}},
            attrs}},
      .trainable = false,
      .in_place = int8::over_first};
}

}  // namespace

const OpDef copy_i8_op = move("copy_i8", {{"shape", attr(Shape{24})}});
const OpDef part_i8_op = move("part_i8", {{"shape", attr(Shape{5})}, {"begin", 8.0}});

}  // namespace sparlet
