// softmax(x): exp(x) / Σ exp(x) over the features of (f), or over the channels of each pixel of
// (c,h,w).
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"axis"}});
  require(node.integer("axis", 0) == 0, "{}: axis {}, wanted 0 (features or channels)", place(node),
          node.integer("axis", 0));
  const Shape& x = in[0].shape;
  require(x.rank() == 1 || (x.rank() == 3 && in[0].batched),
          "{}: wants features (f) or a map (c,h,w) of each sample, found {}", place(node),
          to_string(x));
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// What is summed over lies together in memory: rows of c.
class Softmax final : public Kernel {
 public:
  explicit Softmax(const Shape& x) : c_(x[0]) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    for (int64_t r = 0, rows = io.out.size() / c_; r < rows; ++r, x += c_, y += c_) {
      const float top = *std::max_element(x, x + c_);
      float sum = 0;
      for (int64_t i = 0; i < c_; ++i) sum += y[i] = std::exp(x[i] - top);
      for (int64_t i = 0; i < c_; ++i) y[i] /= sum;
    }
  }
  // dx = y (dy - Σ dy y)
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float *y = io.out.f32(), *g = dy.f32();
    float* dx = din[0].f32();
    for (int64_t r = 0, rows = dy.size() / c_; r < rows; ++r, y += c_, g += c_, dx += c_) {
      float dot = 0;
      for (int64_t i = 0; i < c_; ++i) dot += g[i] * y[i];
      for (int64_t i = 0; i < c_; ++i) dx[i] = y[i] * (g[i] - dot);
    }
  }

 private:
  const int64_t c_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext&) {
  return std::make_unique<Softmax>(node.type.shape);
}

}  // namespace

const OpDef softmax_op{
    .name = "softmax",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"features", {{{10}}}}, {"map", {{{4, 3, 2}}}}, {"one", {{{1}}}}},
    .in_place = first};

}  // namespace sparlet
