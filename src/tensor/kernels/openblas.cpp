#include "tensor/kernels/openblas.h"

#include <cblas.h>

#include <algorithm>

namespace sparlet {
namespace {

void one_thread() {
  static const bool once = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)once;
}

void blas_gemm(const GemmArgs& g) {
  if (g.m == 0 || g.n == 0) return;
  const bool turned = g.a.column != 1;
  // BLAS knows a left side by rows or by columns; one row or column may pass as either.
  if (turned && g.a.row != 1 && g.m > 1) return gemm(g);
  const int64_t step = turned ? g.a.column : std::max(g.a.row, g.k);
  cblas_sgemm(CblasRowMajor, turned ? CblasTrans : CblasNoTrans, CblasNoTrans, int(g.m), int(g.n),
              int(g.k), 1.f, g.a.data, int(std::max<int64_t>(step, 1)), g.b, int(g.b_row),
              g.accumulate ? 1.f : 0.f, g.c, int(g.c_row));
}

constexpr GemmPath path{"openblas", blas_gemm, transpose};

class BlasLinear final : public LinearKernel {
 public:
  explicit BlasLinear(const LinearShape& shape) : s_(shape) {}

  void forward(int64_t rows, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (bias)
      for (int64_t r = 0; r < rows; ++r) std::copy_n(bias, s_.out, y + r * s_.out);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, int(rows), int(s_.out), int(s_.in), 1.f, x,
                int(s_.in), weight, int(s_.in), bias ? 1.f : 0.f, y, int(s_.out));
  }
  void backward_data(int64_t rows, const float* weight, const float* dy, float* dx) override {
    blas_gemm({.m = rows,
               .n = s_.in,
               .k = s_.out,
               .a = {dy, s_.out, 1},
               .b = weight,
               .b_row = s_.in,
               .c = dx,
               .c_row = s_.in});
  }
  void backward_weight(int64_t rows, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, int(s_.out), int(s_.in), int(rows), 1.f,
                dy, int(s_.out), x, int(s_.in), 0.f, dweight, int(s_.in));
    if (dbias) sum_rows(rows, s_.out, dy, dbias);
  }
  std::string_view description() const override { return path.name; }

 private:
  LinearShape s_;
};

}  // namespace

std::unique_ptr<ConvKernel> openblas_conv2d(const ConvShape& shape, const KernelOptions& options) {
  one_thread();
  return conv2d_by(path, shape, options);
}
std::unique_ptr<LinearKernel> openblas_linear(const LinearShape& shape, const KernelOptions&) {
  one_thread();
  return std::make_unique<BlasLinear>(shape);
}
std::unique_ptr<RecurrentKernel> openblas_recurrent(const RecurrentShape& shape,
                                                    const KernelOptions& options) {
  one_thread();
  return recurrent_by(path, shape, options);
}

}  // namespace sparlet
