// max_pool_i8, avg_pool_i8, global_avg_pool_i8.
#include "autograd/ops/int8.h"

namespace sparlet {
namespace {

int8::Geometry pool_geometry(const Node& node, const Shape& in) {
  require(in.rank() == 3, "{}: input is {}, wanted (c,h,w)", place(node), to_string(in));
  require(!node.has("dilation"), "{}: a pool has no dilation", place(node));
  if (node.op == &global_avg_pool_i8_op) {
    int8::Geometry all{.in = int8::map_of(in), .out = {.c = int32_t(in[0])}};
    all.window = {.kernel_h = all.in.h, .kernel_w = all.in.w};
    return all;
  }
  return int8::geometry_of(pool_window(node, in), in[0]);
}

Type infer(const Node& node, std::span<const Type> in) {
  int8::check_inputs(node, in, 1);
  quant_of(node);
  const int8::Geometry g = pool_geometry(node, in[0].shape);
  if (node.op == &global_avg_pool_i8_op) return {{g.out.c}, DType::i8, true};
  return {{g.out.c, g.out.h, g.out.w}, DType::i8, true};
}

// The runtime reads at or behind what it writes where there is no padding (runtime/kernels.h).
int in_place(const Node& node, std::span<const Type> in) {
  const auto pad = node.sides("pad");
  return pad == std::array<int64_t, 4>{} && in[0].batched ? 0 : -1;
}

class MaxPool final : public int8::Kernel {
 public:
  MaxPool(const Node& node, const Node& in) {
    const Quant x = quant_of(in), y = quant_of(node);
    require(x.scale == y.scale && x.zero == y.zero,
            "{}: has another scale or zero point than its input {}", place(node), in.name);
    const int8::Geometry g = pool_geometry(node, in.type.shape);
    args_ = {.in = g.in, .out = g.out, .window = g.window, .low = y.low, .high = y.high};
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    rt::max_pool_i8(args_);
  }
  rt::MaxPoolArgs args_;
};

class AvgPool final : public int8::Kernel {
 public:
  AvgPool(const Node& node, const Node& in) {
    const Quant x = quant_of(in), y = quant_of(node);
    const int8::Geometry g = pool_geometry(node, in.type.shape);
    args_ = {.in = g.in,
             .out = g.out,
             .window = g.window,
             .include_pad = node.integer("count_pad", 1) != 0,
             .x_scale = int8::bits_of(x.scale),
             .y_scale = int8::bits_of(y.scale),
             .x_zero = x.zero,
             .q = int8::quantized(y)};
  }

 private:
  void one(std::span<const int8_t* const> x, int8_t* y) override {
    args_.x = x[0];
    args_.y = y;
    rt::avg_pool_i8(args_);
  }
  rt::AvgPoolArgs args_;
};

template <class Pool>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Pool>(node, *context.in[0]);
}

OpDef pool(std::string_view name, auto make, std::vector<Sample> samples) {
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make,
          .samples = std::move(samples),
          .trainable = false,
          .in_place = in_place};
}

Sample::Input input(Shape shape) {
  return {shape, "input", DType::i8, Fill::integer, {{"scale", 0.0625}, {"zero", 3.0}}};
}
Attrs with(Attrs attrs, double scale = 0.0625) {
  attrs["scale"] = scale;
  attrs["zero"] = 3.0;
  return attrs;
}

}  // namespace

const OpDef max_pool_i8_op = pool("max_pool_i8", make<MaxPool>,
                                  {{"2x2", {input({3, 6, 4})}, with({{"size", 2.0}})},
                                   {"3x3_stride1_pad1",
                                    {input({2, 5, 5})},
                                    with({{"size", 3.0}, {"stride", 1.0}, {"pad", 1.0}})}});
const OpDef avg_pool_i8_op =
    pool("avg_pool_i8", make<AvgPool>,
         {{"2x2", {input({3, 6, 4})}, with({{"size", 2.0}})},
          {"rescaled", {input({3, 6, 4})}, with({{"size", 2.0}}, 0.03125)},
          {"inside",
           {input({2, 5, 5})},
           with({{"size", 3.0}, {"stride", 2.0}, {"pad", 1.0}, {"count_pad", 0.0}})}});
const OpDef global_avg_pool_i8_op =
    pool("global_avg_pool_i8", make<AvgPool>, {{"map", {input({3, 5, 4})}, with({}, 0.03125)}});

}  // namespace sparlet
