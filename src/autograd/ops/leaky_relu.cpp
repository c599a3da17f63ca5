// leaky_relu(x) = x where x > 0, else slope x.
//   slope (default 0.01)
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"slope"}});
  node.number("slope", 0.01);  // a number, or an Error
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// Operands may be the same place (in place), never half over each other: hence ivdep.
SPARLET_WIDE void forward_all(int64_t n, float slope, const float* x, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] > 0 ? x[i] : slope * x[i];
}
SPARLET_WIDE void backward_all(int64_t n, float slope, const float* __restrict x,
                               const float* __restrict g, float* __restrict dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0 ? g[i] : slope * g[i];
}

class LeakyRelu final : public Kernel {
 public:
  explicit LeakyRelu(float slope) : slope_(slope) {}

  void forward(const Io& io) override {
    forward_all(io.out.size(), slope_, io.in[0].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) backward_all(dy.size(), slope_, io.in[0].f32(), dy.f32(), din[0].f32());
  }

 private:
  const float slope_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext&) {
  return std::make_unique<LeakyRelu>(float(node.number("slope", 0.01)));
}

}  // namespace

const OpDef leaky_relu_op{
    .name = "leaky_relu",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"map", {{{3, 4, 5}}}}, {"features", {{{13}}}, {{"slope", 0.2}}}},
    .elementwise = true,
    .in_place = first};

}  // namespace sparlet
