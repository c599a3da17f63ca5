// relu(x) = max(x, 0); relu6(x) = min(max(x, 0), 6). NaN stays NaN.
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1});
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// Operands may be the same place (in place), never half over each other: hence ivdep.
SPARLET_WIDE void relu_forward(int64_t n, const float* x, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] < 0 ? 0 : x[i];
}
SPARLET_WIDE void relu6_forward(int64_t n, const float* x, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const float low = x[i] < 0 ? 0 : x[i];
    y[i] = low > 6 ? 6 : low;
  }
}
// The gradient needs y alone: it passes where 0 < y < top.
SPARLET_WIDE void pass_between(int64_t n, float top, const float* __restrict y,
                               const float* __restrict g, float* __restrict dx) {
  for (int64_t i = 0; i < n; ++i) {
    const float through = g[i];
    dx[i] = (y[i] > 0) & (y[i] < top) ? through : 0;
  }
}

class Relu final : public Kernel {
 public:
  void forward(const Io& io) override { relu_forward(io.out.size(), io.in[0].f32(), io.out.f32()); }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) pass_between(dy.size(), INFINITY, io.out.f32(), dy.f32(), din[0].f32());
  }
};

class Relu6 final : public Kernel {
 public:
  void forward(const Io& io) override {
    relu6_forward(io.out.size(), io.in[0].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) pass_between(dy.size(), 6, io.out.f32(), dy.f32(), din[0].f32());
  }
};

template <class T>
std::unique_ptr<Kernel> make(const Node&, const MakeContext&) {
  return std::make_unique<T>();
}

}  // namespace

const OpDef relu_op{.name = "relu",
                    .infer = infer,
                    .macs = no_macs,
                    .make = make<Relu>,
                    .samples = {{"map", {{{3, 4, 5}}}}, {"features", {{{13}}}}},
                    .elementwise = true,
                    .in_place = first};
const OpDef relu6_op{.name = "relu6",
                     .infer = infer,
                     .macs = no_macs,
                     .make = make<Relu6>,
                     .samples = {{"map", {{{3, 4, 5}}}}, {"features", {{{13}}}}},
                     .elementwise = true,
                     .in_place = first};

}  // namespace sparlet
