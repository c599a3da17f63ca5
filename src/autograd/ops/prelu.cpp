// prelu(x, slope): x where x > 0, else slope x (He et al. 2015).
//   slope: one number (1), or one for each entry of x's first axis (features, channels)
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, slope", 2, 2});
  const Shape &x = in[0].shape, &slope = in[1].shape;
  require(x.rank() >= 1 && in[0].batched, "{}: wants x that differs between samples, found {}",
          place(node), to_string(x));
  require(!in[1].batched && (slope == Shape{1} || slope == Shape{x[0]}),
          "{}: wants slope [1] or [{}], found {}", place(node), x[0], to_string(slope));
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// In memory x is rows of `slopes` runs, all of a run with one slope: channels lie innermost in a
// map (runs of 1), outermost elsewhere.
class Prelu final : public Kernel {
 public:
  Prelu(const Shape& x, int64_t slopes, Layout layout)
      : slopes_(slopes),
        run_(slopes > 1 && layout == Layout::hwc ? 1 : count(x) / slopes),
        sums_(size_t(slopes)) {}

  void forward(const Io& io) override {
    const float *x = io.in[0].f32(), *slope = io.in[1].f32();
    float* y = io.out.f32();
    for (int64_t i = 0, k = 0; i < io.out.size(); i += run_, k = k + 1 == slopes_ ? 0 : k + 1)
      for (int64_t e = i; e < i + run_; ++e) y[e] = x[e] > 0 ? x[e] : slope[k] * x[e];
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const float *x = io.in[0].f32(), *slope = io.in[1].f32(), *g = dy.f32();
    float* dx = din[0].f32();
    std::ranges::fill(sums_, 0.0);
    for (int64_t i = 0, k = 0; i < dy.size(); i += run_, k = k + 1 == slopes_ ? 0 : k + 1)
      for (int64_t e = i; e < i + run_; ++e) {
        if (dx) dx[e] = x[e] > 0 ? g[e] : slope[k] * g[e];
        sums_[size_t(k)] += x[e] > 0 ? 0.0 : double(g[e]) * x[e];
      }
    if (din[1]) std::ranges::copy(sums_, din[1].f32());
  }

 private:
  const int64_t slopes_, run_;
  std::vector<double> sums_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Prelu>(node.type.shape, context.in[1]->type.shape[0],
                                 context.placement.layout);
}

}  // namespace

const OpDef prelu_op{.name = "prelu",
                     .infer = infer,
                     .macs = no_macs,
                     .make = make,
                     .samples = {{"map", {{{3, 4, 5}}, {{3}, "param"}}},
                                 {"map_one", {{{3, 4, 5}}, {{1}, "param"}}},
                                 {"features", {{{13}}, {{13}, "param"}}},
                                 {"line", {{{4, 5}}, {{4}, "param"}}},
                                 {"line_one", {{{4, 5}}, {{1}, "param"}}},
                                 {"volume", {{{2, 3, 2, 3}}, {{2}, "param"}}}},
                     .elementwise = true,
                     .in_place = first};

}  // namespace sparlet
