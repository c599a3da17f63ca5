// dropout(x): in training each element is 0 with probability `rate`, else x / (1 - rate)
// (Srivastava et al. 2014, inverted); else x.
#include <cstring>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"rate"}});
  const double rate = node.number("rate");
  require(rate >= 0 && rate < 1, "{}: rate {}, wanted 0 to less than 1", place(node), rate);
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

class Dropout final : public Kernel {
 public:
  Dropout(const Node& node, const MakeContext& context)
      : rate_(context.mode == Mode::train ? node.number("rate") : 0),
        scale_(rate_ > 0 ? size_t(count(node.type.shape) * context.batch) : 0) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    const int64_t n = io.out.size();
    if (scale_.empty()) {
      if (x != y) std::memcpy(y, x, size_t(n) * sizeof(float));
      return;
    }
    const float keep = float(1 / (1 - rate_));
    for (int64_t i = 0; i < n; ++i) scale_[size_t(i)] = io.rng->uniform() < rate_ ? 0 : keep;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale_[size_t(i)];
  }
  void backward(const Io&, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float* g = dy.f32();
    float* dx = din[0].f32();
    for (int64_t i = 0, n = dy.size(); i < n; ++i)
      dx[i] = scale_.empty() ? g[i] : g[i] * scale_[size_t(i)];
  }

 private:
  const double rate_;
  std::vector<float> scale_;  // of the last forward, by element
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Dropout>(node, context);
}

}  // namespace

const OpDef dropout_op{.name = "dropout",
                       .infer = infer,
                       .macs = no_macs,
                       .make = make,
                       .samples = {{"map", {{{3, 4, 5}}}, {{"rate", 0.25}}},
                                   {"features", {{{40}}}, {{"rate", 0.5}}},
                                   {"none", {{{6}}}, {{"rate", 0.0}}}},
                       .random = true,
                       .elementwise = true,
                       .in_place = first};

}  // namespace sparlet
