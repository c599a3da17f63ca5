// flatten(x): any shape -> (features), in the order of the shape: a map (c,h,w) channel by channel.
// Where the layers behind it take a map's memory order (layout.h), nothing moves.
#include <cstring>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1});
  return {{count(in[0].shape)}, DType::f32, in[0].batched};
}
int first(const Node&, std::span<const Type>) { return 0; }

class Flatten final : public Kernel {
 public:
  // order: element i in x's memory is element order[i] of y; empty: the same.
  explicit Flatten(std::vector<int32_t> order) : order_(std::move(order)) {}

  // One sample, kept while y is written over it.
  int64_t scratch_bytes() const override { return int64_t(order_.size() * sizeof(float)); }

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    if (order_.empty()) {
      if (x != y) std::memcpy(y, x, size_t(io.out.size()) * sizeof(float));
      return;
    }
    auto* sample = static_cast<float*>(io.scratch);
    const int64_t size = int64_t(order_.size());
    for (int64_t s = 0; s < io.n; ++s, x += size, y += size) {
      std::copy_n(x, size, sample);
      for (int64_t i = 0; i < size; ++i) y[order_[size_t(i)]] = sample[i];
    }
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float* g = dy.f32();
    float* dx = din[0].f32();
    if (order_.empty()) {
      std::memcpy(dx, g, size_t(dy.size()) * sizeof(float));
      return;
    }
    const int64_t size = int64_t(order_.size());
    for (int64_t s = 0; s < io.n; ++s, g += size, dx += size)
      for (int64_t i = 0; i < size; ++i) dx[i] = g[order_[size_t(i)]];
  }

 private:
  const std::vector<int32_t> order_;
};

std::unique_ptr<Kernel> make(const Node&, const MakeContext& context) {
  if (context.placement.layout == Layout::flat_hwc)
    return std::make_unique<Flatten>(std::vector<int32_t>{});
  return std::make_unique<Flatten>(
      memory_order(context.in_placement[0], context.in[0]->type.shape));
}

}  // namespace

const OpDef flatten_op{.name = "flatten",
                       .infer = infer,
                       .macs = no_macs,
                       .make = make,
                       .samples = {{"map", {{{3, 4, 5}}}},
                                   {"rows", {{{6, 5}}}},
                                   {"pixel", {{{7, 1, 1}}}},
                                   {"flat", {{{9}}}}},
                       .in_place = first};

}  // namespace sparlet
