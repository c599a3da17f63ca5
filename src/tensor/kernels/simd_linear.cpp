#include <vector>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/simd_kernels.h"

namespace sparlet {
namespace {

// Up to this many rows, turning the weight costs more than it gains.
constexpr int64_t kFewRows = 4;

class SimdLinear final : public LinearKernel {
 public:
  SimdLinear(const SimdLoops& loops, const LinearShape& shape, const KernelOptions& options)
      : loops_(loops), s_(shape), train_(options.train), few_(options.batch <= kFewRows) {
    const int64_t panels = (s_.out + loops.lanes - 1) / loops.lanes;
    if (train_ && s_.relu) grad_.resize(size_t(options.batch * s_.out));
    if (!few_) packed_.resize(size_t(panels * s_.in * loops.lanes));
  }

  void forward(int64_t rows, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (few_) return loops_.dots(rows, s_.in, s_.out, x, weight, bias, s_.relu, y);
    if (train_ || !ready_) loops_.pack_transposed(s_.out, s_.in, weight, s_.in, packed_.data());
    ready_ = true;
    loops_.product({.m = rows,
                    .n = s_.out,
                    .k_inner = s_.in,
                    .a = x,
                    .a_row = s_.in,
                    .b = packed_.data(),
                    .b_inner = loops_.lanes,
                    .b_panel = s_.in * loops_.lanes,
                    .padded = true,
                    .c = y,
                    .c_row = s_.out,
                    .bias = bias,
                    .relu = s_.relu});
  }

  void backward_data(int64_t rows, const float* weight, const float* dy, float* dx) override {
    loops_.product({.m = rows,
                    .n = s_.in,
                    .k_inner = s_.out,
                    .a = dy,
                    .a_row = s_.out,
                    .b = weight,
                    .b_inner = s_.in,
                    .b_panel = loops_.lanes,
                    .c = dx,
                    .c_row = s_.in});
  }

  void backward_weight(int64_t rows, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    loops_.product({.m = s_.out,
                    .n = s_.in,
                    .k_inner = rows,
                    .a = dy,
                    .a_row = 1,
                    .a_inner = s_.out,
                    .b = x,
                    .b_inner = s_.in,
                    .b_panel = loops_.lanes,
                    .c = dweight,
                    .c_row = s_.in});
    if (dbias) loops_.sum_rows(rows, s_.out, dy, dbias, false);
  }

  void backward(const LinearBackward& b) override {
    const float* dy = b.dy;
    if (s_.relu) {
      loops_.relu_backward(b.rows * s_.out, b.y, dy, grad_.data());
      dy = grad_.data();
    }
    if (b.dx) backward_data(b.rows, b.weight, dy, b.dx);
    if (b.dweight) backward_weight(b.rows, b.x, dy, b.dweight, b.dbias);
    if (!b.dweight && b.dbias) loops_.sum_rows(b.rows, s_.out, dy, b.dbias, false);
  }

  const float* result_grad(const float* dy) const override { return s_.relu ? grad_.data() : dy; }

  void weight_changed() override { ready_ = false; }
  bool holds_weight() const override { return ready_ && !few_ && !train_; }
  std::string_view description() const override { return loops_.name; }

 private:
  const SimdLoops& loops_;
  const LinearShape s_;
  const bool train_, few_;
  bool ready_ = false;
  Lines<float> packed_, grad_;
};

}  // namespace

std::unique_ptr<LinearKernel> simd_linear(const SimdLoops& loops, const LinearShape& shape,
                                          const KernelOptions& options) {
  return std::make_unique<SimdLinear>(loops, shape, options);
}

}  // namespace sparlet
