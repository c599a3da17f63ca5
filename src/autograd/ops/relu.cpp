// relu(x) = max(x, 0); relu6(x) = min(max(x, 0), 6). NaN stays NaN.
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1});
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// The gradient needs y alone: it passes where 0 < y (< 6).
class Relu final : public Kernel {
 public:
  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    for (int64_t i = 0, n = io.out.size(); i < n; ++i) y[i] = x[i] < 0 ? 0 : x[i];
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float *y = io.out.f32(), *g = dy.f32();
    float* dx = din[0].f32();
    for (int64_t i = 0, n = dy.size(); i < n; ++i) dx[i] = y[i] > 0 ? g[i] : 0;
  }
};

class Relu6 final : public Kernel {
 public:
  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    for (int64_t i = 0, n = io.out.size(); i < n; ++i) {
      const float low = x[i] < 0 ? 0 : x[i];
      y[i] = low > 6 ? 6 : low;
    }
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float *y = io.out.f32(), *g = dy.f32();
    float* dx = din[0].f32();
    for (int64_t i = 0, n = dy.size(); i < n; ++i) dx[i] = (y[i] > 0) & (y[i] < 6) ? g[i] : 0;
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
