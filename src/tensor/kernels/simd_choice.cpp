// Convolution sample by sample, vectors along the channels, or many samples side by side? Estimated
// by vector operations; the constants are fitted to 24 layers of 1 to 32 channels (AVX-512,
// docs/performance.md).
#include <algorithm>

#include "tensor/kernels/simd_kernels.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {

namespace {

// A tile of so few rows waits for its own sums.
constexpr int64_t kLatency = 8, kMostRows = 14;

// Of a product of that many rows with one vector of columns, in multiply-adds a step.
int64_t cost_of_rows(int64_t rows) {
  const int64_t tiles = (rows + kMostRows - 1) / kMostRows;
  return tiles * std::max((rows + tiles - 1) / std::max<int64_t>(tiles, 1), kLatency);
}

}  // namespace

Side::Side(const ConvShape& s, int64_t lanes) : columns(s.window.kw) {
  const Window& w = s.window;
  row_cost = w.out_w() * w.kw * ((s.o + lanes - 1) / lanes);
  if (s.o > lanes) return;
  row_cost = cost_of_rows(w.out_w()) * w.kw;
  if (s.groups != 1 || w.dilation[1] != 1) return;
  for (int64_t p = 2; p * s.o <= lanes && p <= w.out_w(); ++p) {
    const int64_t wide = w.kw + (p - 1) * w.stride[1], rest = w.out_w() % p;
    const int64_t cost = cost_of_rows(w.out_w() / p) * wide +
                         (rest ? cost_of_rows(1) * (w.kw + (rest - 1) * w.stride[1]) : 0);
    if (cost < row_cost) pixels = p, columns = wide, row_cost = cost;
  }
}

namespace {

struct Cost {
  double each, together;  // of one sample
};

class Estimate {
 public:
  Estimate(const ConvShape& s, int64_t lanes)
      : w_(s.window),
        lanes_(lanes),
        side_(s, lanes),
        o_(s.o),
        pixels_(w_.out_h() * w_.out_w()),
        patch_(s.patch()),
        x_(double(w_.c * w_.h * w_.w)),
        y_(double(s.o * (s.pool ? s.pool->out_h() * s.pool->out_w() : pixels_))) {}

  Cost forward() const {
    const double one_vector = vectors(o_) == 1 ? 1.25 : 1;  // its tiles wait for loads
    const double tiles = double(pixels_) / double(side_.pixels);
    return {double(w_.out_h() * w_.kh) * double(side_.row_cost * w_.c) * one_vector +
                tiles * 2 * double(w_.kh) + y_,
            product() + kTurn * (x_ + y_)};
  }
  Cost backward(bool input_grad) const {
    const int64_t run = w_.kw * w_.c;
    const auto weight = double(pixels_ * o_ * std::min(vectors(patch_) + 1, w_.kh * vectors(run)));
    auto data = double(pixels_ * w_.kh * vectors(run) * (o_ + 8));  // spread over the windows
    if (w_.stride[0] == 1 && w_.stride[1] == 1)
      data = std::min(data, double(w_.h * w_.w * w_.kh * w_.kw * o_ * vectors(w_.c)));
    const double result = 2 * double(pixels_ * vectors(o_));
    return {weight + result + (input_grad ? data : 0),
            product() * (input_grad ? 2 : 1) + kTurn * (x_ + y_ + (input_grad ? x_ : 0))};
  }

 private:
  static constexpr double kTurn = 2;  // of one float, in or out
  int64_t vectors(int64_t n) const { return (n + lanes_ - 1) / lanes_; }
  double product() const { return 1.1 * double(pixels_ * patch_ * o_) / double(lanes_); }

  const Window& w_;
  const int64_t lanes_;
  const Side side_;
  const int64_t o_, pixels_, patch_;
  const double x_, y_;
};

// How much of the other way's cost is worth it: where the two are level the estimate is low.
constexpr double kLevel = 0.93;

}  // namespace

bool lanes_pay(const ConvShape& shape, const KernelOptions& options, int64_t lanes) {
  const Window& w = shape.window;
  if (shape.groups != 1 || w.dilation[0] != 1 || w.dilation[1] != 1 || options.batch == 1)
    return false;
  const Estimate estimate(shape, lanes);
  Cost cost = estimate.forward();
  if (options.train) {
    const Cost back = estimate.backward(options.input_grad);
    cost.each += back.each;
    cost.together += back.together;
  }
  const int64_t groups = (options.batch + lanes - 1) / lanes;
  return cost.each * double(options.batch) > kLevel * cost.together * double(groups * lanes);
}

}  // namespace sparlet
