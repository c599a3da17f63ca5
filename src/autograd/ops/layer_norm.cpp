// layer_norm(x[, gamma, beta]): y = gamma (x - m) / sqrt(v + epsilon) + beta with the mean m and
// the biased variance v of each sample's last axes (Ba et al. 2016).
//   gamma, beta: their shape is that of the last axes. Without them: axes, how many (default 1)
//   epsilon (default 1e-5)
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

int64_t axes_of(const Node& node, std::span<const Type> in) {
  return in.size() > 1 ? in[1].shape.rank() : node.integer("axes", 1);
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x[, gamma, beta]", 1, 3, {"axes", "epsilon"}});
  require(in.size() != 2, "{}: wants x alone or with gamma and beta, found 2 inputs", place(node));
  require(in.size() == 1 || !node.has("axes"), "{}: axes is said by gamma's shape", place(node));
  const Shape& x = in[0].shape;
  const int64_t axes = axes_of(node, in);
  require(in[0].batched && axes >= 1 && axes <= x.rank(),
          "{}: wants x of each sample with at least {} axes, found {}", place(node),
          std::max<int64_t>(axes, 1), to_string(x));
  Shape last;
  for (int i = x.rank() - int(axes); i < x.rank(); ++i) last.push_back(x[i]);
  for (size_t i = 1; i < in.size(); ++i)
    require(in[i].shape == last && !in[i].batched, "{}: wants {} {}, found {}", place(node),
            i == 1 ? "gamma" : "beta", to_string(last), to_string(in[i].shape));
  require(node.number("epsilon", 1e-5) > 0, "{}: epsilon {}, wanted more than 0", place(node),
          node.number("epsilon", 1e-5));
  return in[0];
}

class LayerNorm final : public Kernel {
 public:
  LayerNorm(const Node& node, const MakeContext& context, int64_t row)
      : row_(row),
        size_(count(node.type.shape)),
        epsilon_(node.number("epsilon", 1e-5)),
        order_(memory_order(context.placement, node.type.shape)),
        rows_(size_t(context.batch * size_ / row)),
        gamma_(size_t(row), 0.0),
        beta_(size_t(row), 0.0) {}

  // A sample of x and one of dy, row by row, where they lie otherwise.
  int64_t scratch_bytes() const override {
    return order_.empty() ? 0 : 2 * size_ * int64_t(sizeof(float));
  }

  void forward(const Io& io) override {
    const bool affine = io.in.size() > 1;
    for (int64_t s = 0; s < io.n; ++s) {
      const float* x = by_rows(io, io.in[0].f32() + s * size_, 0);
      float* y = io.out.f32() + s * size_;
      for (int64_t at = 0; at < size_; at += row_) {
        const Row& row = rows_[size_t((s * size_ + at) / row_)] = statistics(x + at);
        for (int64_t i = 0; i < row_; ++i) {
          const float normal = (x[at + i] - row.mean) * row.inverse;
          y[place(at + i)] = affine ? normal * io.in[1].f32()[i] + io.in[2].f32()[i] : normal;
        }
      }
    }
  }

  // With x̂ = (x - m) / s and h = gamma dy: dx = (h - mean(h) - x̂ mean(h x̂)) / s
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const bool affine = io.in.size() > 1;
    std::ranges::fill(gamma_, 0.0);
    std::ranges::fill(beta_, 0.0);
    for (int64_t s = 0; s < io.n; ++s) {
      const float* x = by_rows(io, io.in[0].f32() + s * size_, 0);
      const float* g = by_rows(io, dy.f32() + s * size_, 1);
      for (int64_t at = 0; at < size_; at += row_) {
        const Row& row = rows_[size_t((s * size_ + at) / row_)];
        double sum = 0, sum_x = 0;
        for (int64_t i = 0; i < row_; ++i) {
          const double normal = (x[at + i] - row.mean) * row.inverse, gi = g[at + i];
          const double h = affine ? gi * io.in[1].f32()[i] : gi;
          sum += h;
          sum_x += h * normal;
          gamma_[size_t(i)] += gi * normal;
          beta_[size_t(i)] += gi;
        }
        if (!din[0]) continue;
        float* dx = din[0].f32() + s * size_;
        const float mean = float(sum / double(row_)), slope = float(sum_x / double(row_));
        for (int64_t i = 0; i < row_; ++i) {
          const float normal = (x[at + i] - row.mean) * row.inverse;
          const float h = affine ? g[at + i] * io.in[1].f32()[i] : g[at + i];
          dx[place(at + i)] = (h - mean - normal * slope) * row.inverse;
        }
      }
    }
    if (affine && din[1]) std::ranges::copy(gamma_, din[1].f32());
    if (affine && din[2]) std::ranges::copy(beta_, din[2].f32());
  }

 private:
  struct Row {
    float mean = 0, inverse = 0;  // inverse: 1 / sqrt(v + epsilon)
  };

  Row statistics(const float* x) const {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < row_; ++i) sum += x[i];
    const double mean = sum / double(row_);
    for (int64_t i = 0; i < row_; ++i) squares += (x[i] - mean) * (x[i] - mean);
    return {float(mean), float(1 / std::sqrt(squares / double(row_) + epsilon_))};
  }

  const float* by_rows(const Io& io, const float* sample, int64_t which) const {
    if (order_.empty()) return sample;
    float* rows = static_cast<float*>(io.scratch) + which * size_;
    for (int64_t i = 0; i < size_; ++i) rows[order_[size_t(i)]] = sample[i];
    return rows;
  }
  int64_t place(int64_t plain) const { return places_.empty() ? plain : places_[size_t(plain)]; }

  static std::vector<int32_t> inverse_of(const std::vector<int32_t>& order) {
    std::vector<int32_t> places(order.size());
    for (size_t i = 0; i < order.size(); ++i) places[size_t(order[i])] = int32_t(i);
    return places;
  }

  const int64_t row_, size_;
  const double epsilon_;
  const std::vector<int32_t> order_;  // memory_order
  const std::vector<int32_t> places_ = inverse_of(order_);
  std::vector<Row> rows_;  // of the last forward
  std::vector<double> gamma_, beta_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  std::vector<Type> in;
  for (const Node* from : context.in) in.push_back(from->type);
  const Shape& x = node.type.shape;
  int64_t row = 1;
  for (int i = x.rank() - int(axes_of(node, in)); i < x.rank(); ++i) row *= x[i];
  return std::make_unique<LayerNorm>(node, context, row);
}

std::vector<Sample::Input> operands(const Shape& x, const Shape& last) {
  return {{x}, {last, "param"}, {last, "param"}};
}

}  // namespace

const OpDef layer_norm_op{.name = "layer_norm",
                          .infer = infer,
                          .macs = no_macs,
                          .make = make,
                          .samples = {{"features", operands({12}, {12})},
                                      {"rows", operands({5, 7}, {7})},
                                      {"all_rows", operands({3, 5}, {3, 5})},
                                      {"map", operands({3, 4, 5}, {3, 4, 5})},
                                      {"pixels", operands({3, 4, 5}, {4, 5})},
                                      {"alone", {{{4, 9}}}, {{"epsilon", 1e-3}}},
                                      {"map_alone", {{{2, 3, 5}}}, {{"axes", 2.0}}}}};

}  // namespace sparlet
