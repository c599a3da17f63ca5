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
#include "tensor/kernels/lanes.h"

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

// Channels lie beside each other, [rows][channels]. What is kept of 16 (4, 1) of them fits in
// registers; sums are floats over a few rows, which fit in the first cache, and doubles over these.
constexpr int64_t kRows = 64;

#define EACH_WIDTH(channels, run)                \
  int64_t c = 0;                                 \
  for (; c + 16 <= (channels); c += 16) run(16); \
  for (; c + 4 <= (channels); c += 4) run(4);    \
  for (; c < (channels); ++c) run(1)

// Mean and sum of squared deviations; blocks of rows put together as Chan, Golub & LeVeque 1979,
// eq. 2.1, so that x is read from memory once.
template <int W>
[[gnu::always_inline]] inline void moments_of(int64_t rows, int64_t channels, const float* x,
                                              double* mean, double* squares) {
  std::fill_n(mean, W, 0.0), std::fill_n(squares, W, 0.0);
  for (int64_t begin = 0; begin < rows; begin += kRows) {
    const int64_t n = std::min(kRows, rows - begin);
    const float* block = x + begin * channels;
    float sum[W] = {}, centre[W], square[W] = {};
    for (int64_t r = 0; r < n; ++r)
      for (int j = 0; j < W; ++j) sum[j] += block[r * channels + j];
    for (int j = 0; j < W; ++j) centre[j] = sum[j] / float(n);
    for (int64_t r = 0; r < n; ++r)
      for (int j = 0; j < W; ++j) {
        const float d = block[r * channels + j] - centre[j];
        square[j] += d * d;
      }
    for (int j = 0; j < W; ++j) {
      const double step = double(sum[j]) / double(n) - mean[j];
      mean[j] += step * double(n) / double(begin + n);
      squares[j] += double(square[j]) + step * step * double(begin) * double(n) / double(begin + n);
    }
  }
}
SPARLET_WIDE void moments(int64_t rows, int64_t channels, const float* x, double* mean,
                          double* squares) {
#define RUN(W) moments_of<W>(rows, channels, x + c, mean + c, squares + c)
  EACH_WIDTH(channels, RUN);
#undef RUN
}

// Of each channel: y = (x - mean) a + b
template <int W>
[[gnu::always_inline]] inline void scaled_of(int64_t rows, int64_t channels, const float* x,
                                             const float* mean, const float* a, const float* b,
                                             float* y) {
  float m[W], f[W], o[W];
  std::copy_n(mean, W, m), std::copy_n(a, W, f), std::copy_n(b, W, o);
  for (int64_t i = 0; i < rows * channels; i += channels) {
    float v[W];
    for (int j = 0; j < W; ++j) v[j] = (x[i + j] - m[j]) * f[j] + o[j];
    std::copy_n(v, W, y + i);  // y may be x
  }
}
SPARLET_WIDE void scaled(int64_t rows, int64_t channels, const float* x, const float* mean,
                         const float* a, const float* b, float* y) {
#define RUN(W) scaled_of<W>(rows, channels, x + c, mean + c, a + c, b + c, y + c)
  EACH_WIDTH(channels, RUN);
#undef RUN
}

// Sums of g, and of g (x - mean) scale.
template <int W>
[[gnu::always_inline]] inline void sums_of(int64_t rows, int64_t channels, const float* g,
                                           const float* x, const float* mean, const float* scale,
                                           double* sum, double* sum_x) {
  float m[W], s[W];
  std::copy_n(mean, W, m), std::copy_n(scale, W, s);
  std::fill_n(sum, W, 0.0), std::fill_n(sum_x, W, 0.0);
  for (int64_t begin = 0; begin < rows; begin += kRows) {
    float part[W] = {}, part_x[W] = {};
    for (int64_t r = begin; r < std::min(rows, begin + kRows); ++r)
      for (int j = 0; j < W; ++j) {
        const float v = g[r * channels + j];
        part[j] += v;
        part_x[j] += v * ((x[r * channels + j] - m[j]) * s[j]);
      }
    for (int j = 0; j < W; ++j) sum[j] += double(part[j]), sum_x[j] += double(part_x[j]);
  }
}
SPARLET_WIDE void sums(int64_t rows, int64_t channels, const float* g, const float* x,
                       const float* mean, const float* scale, double* sum, double* sum_x) {
#define RUN(W) sums_of<W>(rows, channels, g + c, x + c, mean + c, scale + c, sum + c, sum_x + c)
  EACH_WIDTH(channels, RUN);
#undef RUN
}

// Of each channel: dx = scale g + a (x - mean) + b
struct DataGrad {
  std::vector<float> mean, scale, a, b;
};
template <int W>
[[gnu::always_inline]] inline void data_grad_of(int64_t rows, int64_t channels, const DataGrad& d,
                                                int64_t c, const float* g, const float* x,
                                                float* dx) {
  float m[W], s[W], a[W], b[W];
  std::copy_n(&d.mean[size_t(c)], W, m), std::copy_n(&d.scale[size_t(c)], W, s);
  std::copy_n(&d.a[size_t(c)], W, a), std::copy_n(&d.b[size_t(c)], W, b);
  for (int64_t i = c; i < rows * channels; i += channels) {
    float v[W];
    for (int j = 0; j < W; ++j) v[j] = s[j] * g[i + j] + a[j] * (x[i + j] - m[j]) + b[j];
    std::copy_n(v, W, dx + i);
  }
}
SPARLET_WIDE void data_grad(int64_t rows, int64_t channels, const DataGrad& d, const float* g,
                            const float* x, float* dx) {
#define RUN(W) data_grad_of<W>(rows, channels, d, c, g, x, dx)
  EACH_WIDTH(channels, RUN);
#undef RUN
}
#undef EACH_WIDTH

class BatchNorm final : public Kernel {
 public:
  BatchNorm(const Node& node, bool train)
      : train_(train),
        c_(node.type.shape[0]),
        momentum_(node.number("momentum", 0.1)),
        epsilon_(node.number("epsilon", 1e-5)),
        inverse_(size_t(c_)),
        sum_(size_t(c_)),
        sum_x_(size_t(c_)) {
    for (auto* each : {&d_.mean, &d_.scale, &d_.a, &d_.b}) each->resize(size_t(c_));
  }

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    const int64_t rows = io.in[0].size() / c_;
    if (train_)
      batch_statistics(io, x, rows);
    else
      for (size_t c = 0; c < inverse_.size(); ++c) {
        d_.mean[c] = io.in[3].f32()[c];
        inverse_[c] = float(1 / std::sqrt(double(io.in[4].f32()[c]) + epsilon_));
      }
    for (size_t c = 0; c < inverse_.size(); ++c) d_.a[c] = io.in[1].f32()[c] * inverse_[c];
    scaled(rows, c_, x, d_.mean.data(), d_.a.data(), io.in[2].f32(), io.out.f32());
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / c_;
    const float *x = io.in[0].f32(), *g = dy.f32();
    sums(rows, c_, g, x, d_.mean.data(), inverse_.data(), sum_.data(), sum_x_.data());
    if (din[1]) std::ranges::copy(sum_x_, din[1].f32());
    if (din[2]) std::ranges::copy(sum_, din[2].f32());
    if (!din[0]) return;
    // Training: dx = gamma / s × (dy - mean(dy) - x̂ mean(dy x̂)); else gamma / s × dy.
    for (size_t c = 0; c < inverse_.size(); ++c) {
      const double scale = double(io.in[1].f32()[c]) * inverse_[c];
      d_.scale[c] = float(scale);
      d_.a[c] = train_ ? float(-scale * (sum_x_[c] / double(rows) * inverse_[c])) : 0;
      d_.b[c] = train_ ? float(-scale * (sum_[c] / double(rows))) : 0;
    }
    data_grad(rows, c_, d_, g, x, din[0].f32());
  }

 private:
  void batch_statistics(const Io& io, const float* x, int64_t rows) {
    moments(rows, c_, x, sum_.data(), sum_x_.data());
    float *mean = io.in[3].f32(), *variance = io.in[4].f32();
    const double unbiased = rows > 1 ? double(rows) / double(rows - 1) : 1;
    for (size_t c = 0; c < inverse_.size(); ++c) {
      const double m = sum_[c], v = sum_x_[c] / double(rows);
      d_.mean[c] = float(m);
      inverse_[c] = float(1 / std::sqrt(v + epsilon_));
      mean[c] = float(mean[c] + momentum_ * (m - mean[c]));
      variance[c] = float(variance[c] + momentum_ * (v * unbiased - variance[c]));
    }
  }

  const bool train_;
  const int64_t c_;
  const double momentum_, epsilon_;
  DataGrad d_;                  // mean: of the last forward
  std::vector<float> inverse_;  // of the last forward: 1 / sqrt(v + epsilon)
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
