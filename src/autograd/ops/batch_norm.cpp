// batch_norm(x, gamma, beta, mean, variance): Ioffe & Szegedy 2015.
//   y = gamma (x - m) / sqrt(v + epsilon) + beta, for each feature of (f) or channel of (c,l),
//   (c,h,w) or (c,d,h,w).
//   In training m and v are the batch's (v biased) and mean, variance (states) move towards m and
//   the unbiased v by `momentum`; else m = mean, v = variance. As PyTorch.
#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, gamma, beta, mean, variance", 5, 5, {"momentum", "epsilon"}});
  const Shape& x = in[0].shape;
  require(in[0].batched && x.rank() >= 1 && x.rank() <= 4,
          "{}: wants features (f), (c,l), (c,h,w) or (c,d,h,w) of each sample, found {}",
          place(node), to_string(x));
  for (size_t i = 1; i < 5; ++i)
    require(in[i].shape == Shape{x[0]} && !in[i].batched, "{}: wants [{}] as input {}, found {}",
            place(node), x[0], i, to_string(in[i].shape));
  const double momentum = node.number("momentum", 0.1), epsilon = node.number("epsilon", 1e-5);
  require(momentum >= 0 && momentum <= 1, "{}: momentum {}, wanted 0 to 1", place(node), momentum);
  require(epsilon > 0, "{}: epsilon {}, wanted more than 0", place(node), epsilon);
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

constexpr int64_t kRows = 64;

// Calls f for all channels, 16 at a time: what it keeps of them fits in registers.
template <class F>
void by_channels(int64_t channels, const F& f) {
  int64_t c = 0;
  for (; c + 16 <= channels; c += 16) f(std::integral_constant<int, 16>{}, c);
  for (; c < channels; ++c) f(std::integral_constant<int, 1>{}, c);
}
template <int W, class T>
std::array<float, W> near(const T* from) {
  std::array<float, W> out;
  for (int j = 0; j < W; ++j) out[j] = float(from[j]);
  return out;
}

class BatchNorm final : public Kernel {
 public:
  BatchNorm(const Node& node, bool train)
      : train_(train),
        c_(node.type.shape[0]),
        momentum_(node.number("momentum", 0.1)),
        epsilon_(node.number("epsilon", 1e-5)),
        mean_(size_t(c_)),
        inverse_(size_t(c_)),
        a_(size_t(c_)),
        b_(size_t(c_)),
        sum_(size_t(c_)),
        sum_x_(size_t(c_)) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    const int64_t rows = io.in[0].size() / c_;
    if (train_)
      batch_statistics(io, x, rows);
    else
      for (size_t c = 0; c < mean_.size(); ++c) {
        mean_[c] = io.in[3].f32()[c];
        inverse_[c] = float(1 / std::sqrt(double(io.in[4].f32()[c]) + epsilon_));
      }
    for (size_t c = 0; c < mean_.size(); ++c) a_[c] = io.in[1].f32()[c] * inverse_[c];
    const float* beta = io.in[2].f32();
    float* y = io.out.f32();
    by_channels(c_, [&]<int W>(std::integral_constant<int, W>, int64_t c) {
      const auto m = near<W>(&mean_[size_t(c)]), a = near<W>(&a_[size_t(c)]), b = near<W>(beta + c);
      for (int64_t i = c; i < rows * c_; i += c_) {
        auto v = near<W>(x + i);
        for (int j = 0; j < W; ++j) v[j] = (v[j] - m[j]) * a[j] + b[j];
        std::copy_n(v.begin(), W, y + i);
      }
    });
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / c_;
    const float *x = io.in[0].f32(), *g = dy.f32();
    by_channels(c_, [&]<int W>(std::integral_constant<int, W>, int64_t c) {
      const auto m = near<W>(&mean_[size_t(c)]), s = near<W>(&inverse_[size_t(c)]);
      column_sums<W>(rows, c, &sum_[size_t(c)], [&](int64_t i, int) { return g[i]; });
      column_sums<W>(rows, c, &sum_x_[size_t(c)],
                     [&](int64_t i, int j) { return g[i] * ((x[i] - m[j]) * s[j]); });
    });
    if (din[1]) std::ranges::copy(sum_x_, din[1].f32());
    if (din[2]) std::ranges::copy(sum_, din[2].f32());
    if (din[0]) data_grad(io, rows, x, g, din[0].f32());
  }

 private:
  void batch_statistics(const Io& io, const float* x, int64_t rows) {
    by_channels(c_, [&]<int W>(std::integral_constant<int, W>, int64_t c) {
      double* sum = &sum_[size_t(c)];
      column_sums<W>(rows, c, sum, [&](int64_t i, int) { return x[i]; });
      std::array<float, W> m;
      for (int j = 0; j < W; ++j) m[j] = float(sum[j] /= double(rows));
      column_sums<W>(rows, c, &sum_x_[size_t(c)], [&](int64_t i, int j) {
        const float d = x[i] - m[j];
        return d * d;
      });
    });
    float *mean = io.in[3].f32(), *variance = io.in[4].f32();
    const double unbiased = rows > 1 ? double(rows) / double(rows - 1) : 1;
    for (size_t c = 0; c < sum_.size(); ++c) {
      const double v = sum_x_[c] / double(rows);
      mean_[c] = float(sum_[c]);
      inverse_[c] = float(1 / std::sqrt(v + epsilon_));
      mean[c] = float(mean[c] + momentum_ * (sum_[c] - mean[c]));
      variance[c] = float(variance[c] + momentum_ * (v * unbiased - variance[c]));
    }
  }

  // sum[j] = the sum over rows of value(place of channel c + j, j): floats over few rows, doubles
  // over these.
  template <int W, class F>
  void column_sums(int64_t rows, int64_t c, double* sum, const F& value) const {
    std::fill_n(sum, W, 0.0);
    for (int64_t begin = 0; begin < rows; begin += kRows) {
      std::array<float, W> part{};
      for (int64_t r = begin; r < std::min(rows, begin + kRows); ++r)
        for (int j = 0; j < W; ++j) part[j] += value(r * c_ + c + j, j);
      for (int j = 0; j < W; ++j) sum[j] += double(part[j]);
    }
  }

  // Training: dx = gamma / s × (dy - mean(dy) - x̂ mean(dy x̂)); else gamma / s × dy.
  void data_grad(const Io& io, int64_t rows, const float* x, const float* g, float* dx) {
    for (int64_t c = 0; c < c_; ++c) {
      const auto i = size_t(c);
      const double scale = double(io.in[1].f32()[c]) * inverse_[i];
      const double slope = train_ ? sum_x_[i] / double(rows) * inverse_[i] : 0;
      const double offset = train_ ? sum_[i] / double(rows) : 0;
      // dx = scale g + a x + b
      a_[i] = float(-scale * slope);
      b_[i] = float(-scale * offset);
      sum_x_[i] = scale;
    }
    by_channels(c_, [&]<int W>(std::integral_constant<int, W>, int64_t c) {
      const auto m = near<W>(&mean_[size_t(c)]), a = near<W>(&a_[size_t(c)]),
                 b = near<W>(&b_[size_t(c)]), scale = near<W>(&sum_x_[size_t(c)]);
      for (int64_t i = c; i < rows * c_; i += c_) {
        auto v = near<W>(x + i);
        for (int j = 0; j < W; ++j) v[j] = scale[j] * g[i + j] + a[j] * (v[j] - m[j]) + b[j];
        std::copy_n(v.begin(), W, dx + i);
      }
    });
  }

  const bool train_;
  const int64_t c_;
  const double momentum_, epsilon_;
  std::vector<float> mean_, inverse_;  // of the last forward; inverse: 1 / sqrt(v + epsilon)
  std::vector<float> a_, b_;
  std::vector<double> sum_, sum_x_;
};

// The same for (c,l) and (c,d,h,w), which lie channel by channel: turned around and back.
class PlanarBatchNorm final : public Kernel {
 public:
  PlanarBatchNorm(const Node& node, const MakeContext& context)
      : c_(node.type.shape[0]),
        size_(count(node.type.shape)),
        batch_(context.batch),
        inner_(node, context.mode == Mode::train) {}

  // x, dy or y, dx: channels together.
  int64_t scratch_bytes() const override { return 3 * batch_ * size_ * int64_t(sizeof(float)); }

  void forward(const Io& io) override {
    const View y = part(io, 1);
    inner_.forward(turned(io, y));
    move(io.n, y.f32(), io.out.f32(), false);
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const View g = part(io, 1);
    move(io.n, dy.f32(), g.f32(), true);
    const Io inside = turned(io, {});
    std::ranges::copy(din, din_.begin());
    if (din[0]) din_[0] = part(io, 2);
    inner_.backward(inside, g, din_);
    if (din[0]) move(io.n, din_[0].f32(), din[0].f32(), false);
  }

 private:
  View part(const Io& io, int64_t which) const {
    return {io.out.shape, DType::f32, static_cast<float*>(io.scratch) + which * batch_ * size_};
  }
  Io turned(const Io& io, const View& out) {
    const View x = part(io, 0);
    move(io.n, io.in[0].f32(), x.f32(), true);
    std::ranges::copy(io.in, in_.begin());
    in_[0] = x;
    return {.n = io.n, .in = in_, .out = out};
  }
  void move(int64_t n, const float* from, float* to, bool in) const {
    const int64_t places = size_ / c_;
    for (int64_t s = 0; s < n; ++s, from += size_, to += size_)
      for (int64_t c = 0; c < c_; ++c)
        for (int64_t p = 0; p < places; ++p)
          (in ? to[p * c_ + c] : to[c * places + p]) = in ? from[c * places + p] : from[p * c_ + c];
  }

  const int64_t c_, size_, batch_;
  BatchNorm inner_;
  std::array<View, 5> in_, din_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const int rank = node.type.shape.rank();
  if (rank == 2 || rank == 4) return std::make_unique<PlanarBatchNorm>(node, context);
  return std::make_unique<BatchNorm>(node, context.mode == Mode::train);
}

std::vector<Sample::Input> operands(const Shape& x) {
  const Shape c{x[0]};
  return {{x}, {c, "param"}, {c, "param"}, {c, "state"}, {c, "state", DType::f32, Fill::positive}};
}

}  // namespace

const OpDef batch_norm_op{
    .name = "batch_norm",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {{"map", operands({3, 4, 5})},
                {"features", operands({7}), {{"momentum", 0.3}, {"epsilon", 1e-3}}},
                {"one_channel", operands({1, 6, 3})},
                {"line", operands({3, 7})},
                {"volume", operands({2, 3, 2, 4})}},
    .couples_batch = true,
    .in_place = first};

}  // namespace sparlet
