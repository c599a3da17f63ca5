// global_avg_pool(x): the mean of each channel, (c,h,w) -> (c).
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1});
  check_map(node, in[0]);
  return {{in[0].shape[0]}, DType::f32, true};
}

class GlobalAvgPool final : public Kernel {
 public:
  explicit GlobalAvgPool(const Shape& x) : c_(x[0]), pixels_(x[1] * x[2]) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    const float scale = 1.f / float(pixels_);
    for (int64_t s = 0; s < io.n; ++s, y += c_) {
      std::fill_n(y, c_, 0.f);
      for (int64_t p = 0; p < pixels_; ++p, x += c_)
        for (int64_t c = 0; c < c_; ++c) y[c] += x[c];
      for (int64_t c = 0; c < c_; ++c) y[c] *= scale;
    }
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float* g = dy.f32();
    float* dx = din[0].f32();
    const float scale = 1.f / float(pixels_);
    for (int64_t s = 0; s < io.n; ++s, g += c_)
      for (int64_t p = 0; p < pixels_; ++p, dx += c_)
        for (int64_t c = 0; c < c_; ++c) dx[c] = scale * g[c];
  }

 private:
  const int64_t c_, pixels_;
};

std::unique_ptr<Kernel> make(const Node&, const MakeContext& context) {
  return std::make_unique<GlobalAvgPool>(context.in[0]->type.shape);
}

}  // namespace

const OpDef global_avg_pool_op{
    .name = "global_avg_pool",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"map", {{{6, 5, 4}}}}, {"one_channel", {{{1, 3, 3}}}}, {"pixel", {{{9, 1, 1}}}}}};

}  // namespace sparlet
