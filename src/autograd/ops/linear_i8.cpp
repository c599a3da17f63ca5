// linear_i8 and linear_bitmask_i8. On the host a bitmask is unpacked once: sums of whole numbers
// are the same, and the dense loop is the faster one.
#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

Type finish(const Node& node, std::span<const Type> in, size_t bias, int64_t out) {
  int8::check_constant(node, in, bias, DType::i32, {out});
  int8::check_constant(node, in, bias + 1, DType::f32, {out});
  quant_of(node);
  return {{out}, DType::i8, true};
}

Type infer_dense(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 4);
  const int64_t rows = in[1].shape.rank() == 2 ? in[1].shape[0] : 1;
  int8::check_constant(node, in, 1, DType::i8, {rows, count(in[0].shape)});
  return finish(node, in, 2, rows);
}

Type infer_bitmask(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 5);
  const int64_t out = node.integer("out", 0);
  require(out >= 1, "{}: wants the number of outputs as attribute out", node.name);
  int8::check_constant(node, in, 1, DType::u8, {(out * count(in[0].shape) + 7) / 8});
  int8::check_constant(node, in, 2, DType::i8, {count(in[2].shape)});
  return finish(node, in, 3, out);
}

int64_t macs(const Node& node, std::span<const Type> in) {
  return count(in[0].shape) * node.type.shape[0];
}

class Linear final : public int8::Kernel {
 public:
  Linear(const Node& node, const Node& in, bool bitmask) : name_(node.name), bitmask_(bitmask) {
    args_ = {.in = int32_t(count(in.type.shape)),
             .out = int32_t(node.type.shape[0]),
             .x_zero = quant_of(in).zero,
             .q = int8::quantized(quant_of(node))};
  }

 private:
  void load(const Io& io) override {
    const size_t bias = bitmask_ ? 3 : 2;
    channels_ = int8::channels_of(io.in[bias], io.in[bias + 1]);
    if (bitmask_)
      unpacked_ = int8::unpack(name_, io.in[1], io.in[2], int64_t(args_.in) * args_.out);
    args_.weights = {.values = bitmask_ ? unpacked_.data() : io.in[1].as<int8_t>(),
                     .channels = channels_.data()};
  }
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    rt::linear_i8(args_);
  }

  std::string name_;
  bool bitmask_;
  rt::LinearArgs args_;
  std::vector<rt::Channel> channels_;
  std::vector<int8_t> unpacked_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Linear>(node, *context.in[0], node.op == &linear_bitmask_i8_op);
}

using In = Sample::Input;
const In kRow{{24}, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}};
const In kMap{{2, 3, 4}, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}};
const In kWeight{{5, 24}, "constant", DType::i8, Fill::integer};
const In kBits{{15}, "constant", DType::u8, Fill::integer};
const In kValues{{120}, "constant", DType::i8, Fill::integer};
const In kBias{{5}, "constant", DType::i32, Fill::integer};
const In kScale{{5}, "constant", DType::f32, Fill::positive};
const Attrs kOut{{"scale", 0.125}, {"zero", -2.0}, {"low", -60.0}, {"high", 80.0}};

Attrs with_out() {
  Attrs attrs = kOut;
  attrs["out"] = 5.0;
  return attrs;
}

}  // namespace

const OpDef linear_i8_op{.name = "linear_i8",
                         .infer = infer_dense,
                         .macs = macs,
                         .make = make,
                         .samples = {{"row", {kRow, kWeight, kBias, kScale}, kOut},
                                     {"map", {kMap, kWeight, kBias, kScale}, kOut}},
                         .trainable = false};
const OpDef linear_bitmask_i8_op{
    .name = "linear_bitmask_i8",
    .infer = infer_bitmask,
    .macs = macs,
    .make = make,
    .samples = {{"row", {kRow, kBits, kValues, kBias, kScale}, with_out()}},
    .trainable = false};

}  // namespace sparlet
