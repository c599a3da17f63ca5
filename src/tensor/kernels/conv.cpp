#include "tensor/kernels/conv.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "tensor/kernels/depthwise.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

constexpr int64_t kChunk = 64;  // output pixels whose patches are in hand at a time

int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

// The patches that the window sees, as rows of a matrix; then every pass is a matrix product:
//   y = patches × weightᵀ,   dpatches = dy × weight,   dweight = dyᵀ × patches.
// Rows are padded with zeros to whole vectors.
class PatchConv final : public ConvKernel {
 public:
  PatchConv(const GemmPath& path, const ConvShape& shape, const KernelOptions& options)
      : path_(path),
        s_(shape),
        w_(shape.window),
        pixels_(w_.out_h() * w_.out_w()),
        patch_(shape.patch()),
        patch_row_(padded(patch_)),
        out_row_(padded(shape.group_o())),
        train_(options.train) {
    patches_.resize(size_t(kChunk * patch_row_));
    packed_.resize(size_t(s_.groups * patch_ * out_row_));
    out_.resize(size_t(kChunk * out_row_));
    if (train_) weight_.resize(size_t(s_.o * patch_row_));
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (train_ || !ready_) pack(weight);
    ready_ = true;
    for (int64_t g = 0; g < s_.groups; ++g)
      each_chunk(n, [&](int64_t sample, int64_t first, int64_t rows) {
        gather(x + sample * map(), g, first, rows);
        const int64_t og = s_.group_o();
        for (int64_t r = 0; r < rows; ++r) {
          float* row = out_.data() + r * out_row_;
          if (bias)
            std::copy_n(bias + g * og, og, row);
          else
            std::fill_n(row, og, 0.f);
        }
        path_.gemm({.m = rows,
                    .n = out_row_,
                    .k = patch_,
                    .a = {patches_.data(), patch_row_, 1},
                    .b = packed_.data() + g * patch_ * out_row_,
                    .b_row = out_row_,
                    .c = out_.data(),
                    .c_row = out_row_,
                    .accumulate = true});
        float* to = y + (sample * pixels_ + first) * s_.o + g * og;
        for (int64_t r = 0; r < rows; ++r)
          std::copy_n(out_.data() + r * out_row_, og, to + r * s_.o);
      });
  }

  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) override {
    for (int64_t o = 0; o < s_.o; ++o)
      std::copy_n(weight + o * patch_, patch_, weight_.data() + o * patch_row_);
    std::fill_n(dx, n * map(), 0.f);
    for (int64_t g = 0; g < s_.groups; ++g)
      each_chunk(n, [&](int64_t sample, int64_t first, int64_t rows) {
        path_.gemm({.m = rows,
                    .n = patch_row_,
                    .k = s_.group_o(),
                    .a = {dy + (sample * pixels_ + first) * s_.o + g * s_.group_o(), s_.o, 1},
                    .b = weight_.data() + g * s_.group_o() * patch_row_,
                    .b_row = patch_row_,
                    .c = patches_.data(),
                    .c_row = patch_row_});
        scatter(dx + sample * map(), g, first, rows);
      });
  }

  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    std::fill(weight_.begin(), weight_.end(), 0.f);
    for (int64_t g = 0; g < s_.groups; ++g)
      each_chunk(n, [&](int64_t sample, int64_t first, int64_t rows) {
        gather(x + sample * map(), g, first, rows);
        path_.gemm({.m = s_.group_o(),
                    .n = patch_row_,
                    .k = rows,
                    .a = {dy + (sample * pixels_ + first) * s_.o + g * s_.group_o(), 1, s_.o},
                    .b = patches_.data(),
                    .b_row = patch_row_,
                    .c = weight_.data() + g * s_.group_o() * patch_row_,
                    .c_row = patch_row_,
                    .accumulate = true});
      });
    for (int64_t o = 0; o < s_.o; ++o)
      std::copy_n(weight_.data() + o * patch_row_, patch_, dweight + o * patch_);
    if (dbias) sum_rows(n * pixels_, s_.o, dy, dbias);
  }

  void weight_changed() override { ready_ = false; }
  std::string_view description() const override { return path_.name; }

 private:
  int64_t map() const { return w_.c * w_.h * w_.w; }

  template <class Visit>
  void each_chunk(int64_t n, Visit visit) {
    for (int64_t sample = 0; sample < n; ++sample)
      for (int64_t first = 0; first < pixels_; first += kChunk)
        visit(sample, first, std::min(kChunk, pixels_ - first));
  }

  // packed[g][k][o]: the product's right side, outputs together.
  void pack(const float* weight) {
    const int64_t og = s_.group_o();
    for (int64_t o = 0; o < s_.o; ++o)
      for (int64_t k = 0; k < patch_; ++k)
        packed_[size_t(((o / og) * patch_ + k) * out_row_ + o % og)] = weight[o * patch_ + k];
  }

  // Calls visit(place in the map or -1, place in the patch, count) for the runs of floats that lie
  // together in both.
  template <class Visit>
  void each_run(int64_t g, int64_t pixel, Visit visit) const {
    const int64_t oh = pixel / w_.out_w(), ow = pixel % w_.out_w(), cg = s_.group_c();
    const bool together = s_.groups == 1 && w_.dilation[1] == 1;
    for (int64_t kh = 0; kh < w_.kh; ++kh) {
      const int64_t row = w_.row(oh, kh), at = kh * w_.kw * cg;
      if (row < 0 || row >= w_.h) {
        visit(-1, at, w_.kw * cg);
      } else if (together) {
        const int64_t column = w_.column(ow, 0);
        const int64_t begin = std::clamp<int64_t>(-column, 0, w_.kw);
        const int64_t end = std::clamp<int64_t>(w_.w - column, begin, w_.kw);
        if (begin > 0) visit(-1, at, begin * cg);
        if (end > begin)
          visit((row * w_.w + column + begin) * cg, at + begin * cg, (end - begin) * cg);
        if (end < w_.kw) visit(-1, at + end * cg, (w_.kw - end) * cg);
      } else {
        for (int64_t kw = 0; kw < w_.kw; ++kw) {
          const int64_t column = w_.column(ow, kw);
          const bool inside = column >= 0 && column < w_.w;
          visit(inside ? (row * w_.w + column) * w_.c + g * cg : -1, at + kw * cg, cg);
        }
      }
    }
  }

  void gather(const float* x, int64_t g, int64_t first, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      float* to = patches_.data() + r * patch_row_;
      each_run(g, first + r, [&](int64_t from, int64_t at, int64_t count) {
        if (from < 0)
          std::fill_n(to + at, count, 0.f);
        else
          std::copy_n(x + from, count, to + at);
      });
      std::fill_n(to + patch_, patch_row_ - patch_, 0.f);
    }
  }

  void scatter(float* dx, int64_t g, int64_t first, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      const float* from = patches_.data() + r * patch_row_;
      each_run(g, first + r, [&](int64_t to, int64_t at, int64_t count) {
        if (to >= 0)
          for (int64_t i = 0; i < count; ++i) dx[to + i] += from[at + i];
      });
    }
  }

  const GemmPath& path_;
  const ConvShape s_;
  const Window w_;
  const int64_t pixels_, patch_, patch_row_, out_row_;
  const bool train_;
  bool ready_ = false;
  std::vector<float> patches_, packed_, out_, weight_;
};

}  // namespace

void ConvKernel::backward(const ConvBackward& b) {
  if (b.dx) backward_data(b.n, b.weight, b.dy, b.dx);
  if (b.dweight) backward_weight(b.n, b.x, b.dy, b.dweight, b.dbias);
}

std::unique_ptr<ConvKernel> portable_conv2d(const ConvShape& shape, const KernelOptions& options) {
  return conv2d_by(portable_gemm, shape, options);
}

std::unique_ptr<ConvKernel> conv2d_by(const GemmPath& path, const ConvShape& shape,
                                      const KernelOptions& options) {
  if (shape.depthwise()) return portable_depthwise(shape, options);
  return std::make_unique<PatchConv>(path, shape, options);
}

}  // namespace sparlet
