#include "tensor/kernels/depthwise.h"

#include <algorithm>
#include <vector>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

SPARLET_WIDE void multiply_add(int64_t n, const float* __restrict a, const float* __restrict b,
                               float* __restrict sum) {
  for (int64_t i = 0; i < n; ++i) sum[i] += a[i] * b[i];
}

// Weights are turned to [kh][kw][c], so that every tap is one product of vectors over the channels.
class Depthwise final : public ConvKernel {
 public:
  Depthwise(const ConvShape& shape, const KernelOptions& options)
      : w_(shape.window),
        taps_(w_.kh * w_.kw),
        train_(options.train),
        weight_(size_t(taps_ * w_.c)) {}

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (train_ || !ready_) pack(weight);
    ready_ = true;
    for (int64_t p = 0; p < n * w_.out_h() * w_.out_w(); ++p)
      if (bias)
        std::copy_n(bias, w_.c, y + p * w_.c);
      else
        std::fill_n(y + p * w_.c, w_.c, 0.f);
    each_tap(n, [&](int64_t tap, int64_t from, int64_t to) {
      multiply_add(w_.c, x + from, weight_.data() + tap * w_.c, y + to);
    });
  }

  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) override {
    pack(weight);
    std::fill_n(dx, n * w_.h * w_.w * w_.c, 0.f);
    each_tap(n, [&](int64_t tap, int64_t from, int64_t to) {
      multiply_add(w_.c, dy + to, weight_.data() + tap * w_.c, dx + from);
    });
  }

  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    std::fill(weight_.begin(), weight_.end(), 0.f);
    each_tap(n, [&](int64_t tap, int64_t from, int64_t to) {
      multiply_add(w_.c, x + from, dy + to, weight_.data() + tap * w_.c);
    });
    for (int64_t c = 0; c < w_.c; ++c)
      for (int64_t tap = 0; tap < taps_; ++tap)
        dweight[c * taps_ + tap] = weight_[size_t(tap * w_.c + c)];
    if (dbias) sum_rows(n * w_.out_h() * w_.out_w(), w_.c, dy, dbias);
  }

  void weight_changed() override { ready_ = false; }

 private:
  void pack(const float* weight) {
    for (int64_t c = 0; c < w_.c; ++c)
      for (int64_t tap = 0; tap < taps_; ++tap)
        weight_[size_t(tap * w_.c + c)] = weight[c * taps_ + tap];
  }

  // visit(tap, offset of the pixel in x, offset of the pixel in y)
  template <class Visit>
  void each_tap(int64_t n, Visit visit) const {
    const int64_t out_h = w_.out_h(), out_w = w_.out_w();
    for (int64_t row = 0; row < n * out_h; ++row)
      for (int64_t kh = 0; kh < w_.kh; ++kh) {
        const int64_t h = w_.row(row % out_h, kh);
        if (h < 0 || h >= w_.h) continue;
        for (int64_t ow = 0; ow < out_w; ++ow)
          for (int64_t kw = 0; kw < w_.kw; ++kw) {
            const int64_t w = w_.column(ow, kw);
            if (w < 0 || w >= w_.w) continue;
            visit(kh * w_.kw + kw, (((row / out_h) * w_.h + h) * w_.w + w) * w_.c,
                  (row * out_w + ow) * w_.c);
          }
      }
  }

  const Window w_;
  const int64_t taps_;
  const bool train_;
  bool ready_ = false;
  std::vector<float> weight_;
};

}  // namespace

std::unique_ptr<ConvKernel> portable_depthwise(const ConvShape& shape,
                                               const KernelOptions& options) {
  return std::make_unique<Depthwise>(shape, options);
}

}  // namespace sparlet
