// gaussian(mean, variance): in training a sample of N(mean, variance), element by element, through
// which gradients pass (Kingma & Welling 2014, §2.4); else the mean.
#include <cmath>
#include <cstring>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

constexpr float kLeast = 1e-8f;  // added to the variance, whose root has no slope at 0

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"mean, variance", 2, 2});
  require(in[0].shape == in[1].shape && in[0].batched && in[1].batched,
          "{}: wants mean and variance of one shape for each sample, found {} and {}", place(node),
          to_string(in[0].shape), to_string(in[1].shape));
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

class Gaussian final : public Kernel {
 public:
  Gaussian(const Node& node, const MakeContext& context)
      : drawn_(context.mode == Mode::train ? size_t(count(node.type.shape) * context.batch) : 0) {}

  void forward(const Io& io) override {
    const float *mean = io.in[0].f32(), *variance = io.in[1].f32();
    float* y = io.out.f32();
    const int64_t n = io.out.size();
    if (drawn_.empty()) {
      if (mean != y) std::memcpy(y, mean, size_t(n) * sizeof(float));
      return;
    }
    for (int64_t i = 0; i < n; ++i) drawn_[size_t(i)] = float(io.rng->normal());
    for (int64_t i = 0; i < n; ++i)
      y[i] = mean[i] + std::sqrt(variance[i] + kLeast) * drawn_[size_t(i)];
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const float *g = dy.f32(), *variance = io.in[1].f32();
    if (din[0]) std::memcpy(din[0].data, g, size_t(dy.size()) * sizeof(float));
    if (!din[1]) return;
    for (int64_t i = 0, n = dy.size(); i < n; ++i)
      din[1].f32()[i] = g[i] * drawn_[size_t(i)] * 0.5f / std::sqrt(variance[i] + kLeast);
  }

 private:
  std::vector<float> drawn_;  // of the last forward, by element
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Gaussian>(node, context);
}

std::vector<Sample::Input> both(const Shape& shape) {
  return {{shape}, {shape, "input", DType::f32, Fill::positive}};
}

}  // namespace

const OpDef gaussian_op{.name = "gaussian",
                        .infer = infer,
                        .macs = no_macs,
                        .make = make,
                        .samples = {{"map", both({3, 4, 5})}, {"features", both({13})}},
                        .random = true,
                        .elementwise = true,
                        .in_place = first};

}  // namespace sparlet
