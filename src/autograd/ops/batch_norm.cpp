// batch_norm(x, gamma, beta, mean, variance): Ioffe & Szegedy 2015.
//   y = gamma (x - m) / sqrt(v + epsilon) + beta, for each feature of (f) or channel of (c,l),
//   (c,h,w) or (c,d,h,w).
//   In training m and v are the batch's (v biased) and mean, variance (states) move towards m and
//   the unbiased v by `momentum`; else m = mean, v = variance. As PyTorch.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/relu.h"
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

// Numbers lie in rows of channels, [rows][channels]; where channels are no multiple of 16, several
// rows are taken as one (class Rows), so that all of memory passes by in whole vectors. What is
// kept of 16 (or 1) of them fits in registers; sums are floats over a few rows, which fit in the
// first cache, and doubles over these.
constexpr int64_t kRows = 64;

#define EACH_WIDTH(channels, run)                \
  int64_t c = 0;                                 \
  for (; c + 16 <= (channels); c += 16) run(16); \
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

[[gnu::always_inline]] inline float scaled_one(float x, float mean, float a, float b) {
  return (x - mean) * a + b;
}

// Of each channel: y = (x - mean) a + b, or the relu of it.
template <int W, bool Relu>
[[gnu::always_inline]] inline void scaled_of(int64_t rows, int64_t channels, const float* x,
                                             const float* mean, const float* a, const float* b,
                                             float* y) {
  float m[W], f[W], o[W];
  std::copy_n(mean, W, m), std::copy_n(a, W, f), std::copy_n(b, W, o);
  for (int64_t i = 0; i < rows * channels; i += channels) {
    float v[W];
    for (int j = 0; j < W; ++j) v[j] = scaled_one(x[i + j], m[j], f[j], o[j]);
    for (int j = 0; Relu && j < W; ++j) v[j] = v[j] < 0 ? 0 : v[j];
    std::copy_n(v, W, y + i);  // y may be x
  }
}
SPARLET_WIDE void scaled(int64_t rows, int64_t channels, const float* x, const float* mean,
                         const float* a, const float* b, bool relu, float* y) {
#define RUN(W)                                                                    \
  relu ? scaled_of<W, true>(rows, channels, x + c, mean + c, a + c, b + c, y + c) \
       : scaled_of<W, false>(rows, channels, x + c, mean + c, a + c, b + c, y + c)
  EACH_WIDTH(channels, RUN);
#undef RUN
}

// The numbers of each channel that backward needs. Values: y = (x - mean) factor + beta.
struct Scales {
  std::vector<float> mean, inverse, factor, beta;  // inverse: 1 / sqrt(v + epsilon)
  std::vector<float> scale, a, b;                  // dx = scale g + a (x - mean) + b
};

// Sums of g, and of g (x - mean) inverse; with a relu behind, of what that lets through: its value
// is had more cheaply from x, which is read anyway, than from memory.
template <int W, bool Relu>
[[gnu::always_inline]] inline void sums_of(int64_t rows, int64_t channels, const Scales& of,
                                           int64_t c, const float* g, const float* x, double* sum,
                                           double* sum_x) {
  float m[W], s[W], f[W], o[W];
  std::copy_n(&of.mean[size_t(c)], W, m), std::copy_n(&of.inverse[size_t(c)], W, s);
  std::copy_n(&of.factor[size_t(c)], W, f), std::copy_n(&of.beta[size_t(c)], W, o);
  std::fill_n(sum + c, W, 0.0), std::fill_n(sum_x + c, W, 0.0);
  for (int64_t begin = 0; begin < rows; begin += kRows) {
    float part[W] = {}, part_x[W] = {};
    for (int64_t r = begin; r < std::min(rows, begin + kRows); ++r)
      for (int j = 0; j < W; ++j) {
        const int64_t i = r * channels + c + j;
        const float all = g[i], v = Relu ? passed(all, scaled_one(x[i], m[j], f[j], o[j])) : all;
        part[j] += v;
        part_x[j] += v * ((x[i] - m[j]) * s[j]);
      }
    for (int j = 0; j < W; ++j) sum[c + j] += double(part[j]), sum_x[c + j] += double(part_x[j]);
  }
}
SPARLET_WIDE void sums(int64_t rows, int64_t channels, const Scales& of, bool relu, const float* g,
                       const float* x, double* sum, double* sum_x) {
#define RUN(W)                                                     \
  relu ? sums_of<W, true>(rows, channels, of, c, g, x, sum, sum_x) \
       : sums_of<W, false>(rows, channels, of, c, g, x, sum, sum_x)
  EACH_WIDTH(channels, RUN);
#undef RUN
}

template <int W, bool Relu>
[[gnu::always_inline]] inline void data_grad_of(int64_t rows, int64_t channels, const Scales& of,
                                                int64_t c, const float* g, const float* x,
                                                float* dx) {
  float m[W], f[W], o[W], s[W], a[W], b[W];
  std::copy_n(&of.mean[size_t(c)], W, m), std::copy_n(&of.factor[size_t(c)], W, f);
  std::copy_n(&of.beta[size_t(c)], W, o), std::copy_n(&of.scale[size_t(c)], W, s);
  std::copy_n(&of.a[size_t(c)], W, a), std::copy_n(&of.b[size_t(c)], W, b);
  for (int64_t i = c; i < rows * channels; i += channels) {
    float v[W];
    for (int j = 0; j < W; ++j) {
      const float value = scaled_one(x[i + j], m[j], f[j], o[j]);
      const float through = Relu ? passed(g[i + j], value) : g[i + j];
      v[j] = s[j] * through + a[j] * (x[i + j] - m[j]) + b[j];
    }
    std::copy_n(v, W, dx + i);
  }
}
SPARLET_WIDE void data_grad(int64_t rows, int64_t channels, const Scales& of, bool relu,
                            const float* g, const float* x, float* dx) {
#define RUN(W)                                                  \
  relu ? data_grad_of<W, true>(rows, channels, of, c, g, x, dx) \
       : data_grad_of<W, false>(rows, channels, of, c, g, x, dx)
  EACH_WIDTH(channels, RUN);
#undef RUN
}
#undef EACH_WIDTH

// How rows of `channels` are cut: `together` of them are one wide row, a multiple of 16 long (the
// rest, fewer than that, is done row by row).
struct Rows {
  int64_t channels, together;

  explicit Rows(int64_t c) : channels(c), together(16 / std::gcd(c, int64_t(16))) {}
  int64_t wide() const { return channels * together; }
  // Of each channel -> of each number of a wide row.
  template <class T>
  void repeat(const T* of_channels, std::vector<float>& to) const {
    for (int64_t i = 0; i < wide(); ++i) to[size_t(i)] = float(of_channels[i % channels]);
  }
  // Calls run(rows, channels, where they begin) for the wide rows, and for the rest.
  template <class F>
  void each(int64_t rows, const F& run) const {
    const int64_t whole = rows / together, rest = rows % together;
    if (whole > 0) run(whole, wide(), int64_t(0));
    if (rest > 0) run(rest, channels, whole * wide());
  }
};

class BatchNorm final : public Kernel {
 public:
  // relu: the kernel does the one behind it as well.
  BatchNorm(const Node& node, bool train, bool relu = false)
      : train_(train),
        relu_(relu),
        c_(node.type.shape[0]),
        rows_(c_),
        momentum_(node.number("momentum", 0.1)),
        epsilon_(node.number("epsilon", 1e-5)),
        sum_(size_t(c_)),
        sum_x_(size_t(c_)),
        part_(size_t(rows_.wide())),
        part_x_(size_t(rows_.wide())) {
    for (auto* each : {&of_.mean, &of_.inverse, &of_.factor, &of_.beta, &of_.scale, &of_.a, &of_.b})
      each->resize(size_t(rows_.wide()));
  }

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    const int64_t rows = io.in[0].size() / c_;
    if (train_) {
      batch_statistics(io, x, rows);
    } else {
      for (size_t c = 0; c < sum_.size(); ++c)
        sum_x_[c] = 1 / std::sqrt(double(io.in[4].f32()[c]) + epsilon_);
      rows_.repeat(io.in[3].f32(), of_.mean);
      rows_.repeat(sum_x_.data(), of_.inverse);
    }
    rows_.repeat(io.in[1].f32(), of_.factor);
    for (size_t i = 0; i < of_.factor.size(); ++i) of_.factor[i] *= of_.inverse[i];
    rows_.repeat(io.in[2].f32(), of_.beta);
    float* y = io.out.f32();
    rows_.each(rows, [&](int64_t n, int64_t columns, int64_t at) {
      scaled(n, columns, x + at, of_.mean.data(), of_.factor.data(), of_.beta.data(), relu_,
             y + at);
    });
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / c_;
    const float *x = io.in[0].f32(), *g = dy.f32();
    std::ranges::fill(sum_, 0.0), std::ranges::fill(sum_x_, 0.0);
    rows_.each(rows, [&](int64_t n, int64_t columns, int64_t at) {
      sums(n, columns, of_, relu_, g + at, x + at, part_.data(), part_x_.data());
      for (int64_t i = 0; i < columns; ++i) {
        sum_[size_t(i % c_)] += part_[size_t(i)];
        sum_x_[size_t(i % c_)] += part_x_[size_t(i)];
      }
    });
    if (din[1]) std::ranges::copy(sum_x_, din[1].f32());
    if (din[2]) std::ranges::copy(sum_, din[2].f32());
    if (din[0]) data_gradient(io, rows, g, x, din[0].f32());
  }

 private:
  void batch_statistics(const Io& io, const float* x, int64_t rows) {
    std::ranges::fill(sum_, 0.0), std::ranges::fill(sum_x_, 0.0);
    double seen = 0;
    rows_.each(rows, [&](int64_t n, int64_t columns, int64_t at) {
      moments(n, columns, x + at, part_.data(), part_x_.data());
      for (int64_t i = 0; i < columns; ++i) {  // a strand more of the channel i % c_
        if (i > 0 && i % c_ == 0) seen += double(n);
        double &mean = sum_[size_t(i % c_)], &squares = sum_x_[size_t(i % c_)];
        const double step = part_[size_t(i)] - mean, all = seen + double(n);
        mean += step * double(n) / all;
        squares += part_x_[size_t(i)] + step * step * seen * double(n) / all;
      }
      seen += double(n);
    });
    float *mean = io.in[3].f32(), *variance = io.in[4].f32();
    const double unbiased = rows > 1 ? double(rows) / double(rows - 1) : 1;
    rows_.repeat(sum_.data(), of_.mean);
    for (size_t c = 0; c < sum_.size(); ++c) {
      const double v = sum_x_[c] / double(rows);
      mean[c] = float(mean[c] + momentum_ * (sum_[c] - mean[c]));
      variance[c] = float(variance[c] + momentum_ * (v * unbiased - variance[c]));
      sum_x_[c] = 1 / std::sqrt(v + epsilon_);
    }
    rows_.repeat(sum_x_.data(), of_.inverse);
  }

  // Training: dx = gamma / s × (dy - mean(dy) - x̂ mean(dy x̂)); else gamma / s × dy. From the sums.
  void data_gradient(const Io& io, int64_t rows, const float* g, const float* x, float* dx) {
    for (int64_t i = 0; i < rows_.wide(); ++i) {
      const auto c = size_t(i % c_), to = size_t(i);
      const double inverse = of_.inverse[c], scale = double(io.in[1].f32()[c]) * inverse;
      of_.scale[to] = float(scale);
      of_.a[to] = train_ ? float(-scale * (sum_x_[c] / double(rows) * inverse)) : 0;
      of_.b[to] = train_ ? float(-scale * (sum_[c] / double(rows))) : 0;
    }
    rows_.each(rows, [&](int64_t n, int64_t columns, int64_t at) {
      data_grad(n, columns, of_, relu_, g + at, x + at, dx + at);
    });
  }

  const bool train_, relu_;
  const int64_t c_;
  const Rows rows_;
  const double momentum_, epsilon_;
  Scales of_;  // of each number of a wide row: the last forward's, the last backward's
  std::vector<double> sum_, sum_x_;    // of each channel
  std::vector<double> part_, part_x_;  // of each number of a wide row
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
  return std::make_unique<BatchNorm>(node, context.mode == Mode::train, !context.then.empty());
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
