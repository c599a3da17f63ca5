#include "tensor/kernels/sparse.h"

#include <algorithm>

#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

class PortableSparse final : public SparseKernel {
 public:
  explicit PortableSparse(const SparsePattern& pattern) : p_(pattern) {}

  void forward(int64_t rows, const float* x, const float* values, const float* bias,
               float* y) override {
    for (int64_t r = 0; r < rows; ++r, x += p_.in, y += p_.out)
      for (int64_t o = 0; o < p_.out; ++o) {
        float sum = 0;
        for (int32_t k = p_.row_begin[size_t(o)]; k < p_.row_begin[size_t(o) + 1]; ++k)
          sum += values[k] * x[p_.column[size_t(k)]];
        y[o] = bias ? sum + bias[o] : sum;
      }
  }

  void backward_data(int64_t rows, const float* values, const float* dy, float* dx) override {
    std::fill_n(dx, rows * p_.in, 0.f);
    for (int64_t r = 0; r < rows; ++r, dx += p_.in, dy += p_.out)
      for (int64_t o = 0; o < p_.out; ++o)
        for (int32_t k = p_.row_begin[size_t(o)]; k < p_.row_begin[size_t(o) + 1]; ++k)
          dx[p_.column[size_t(k)]] += values[k] * dy[o];
  }

  void backward_weight(int64_t rows, const float* x, const float* dy, float* dvalues,
                       float* dbias) override {
    if (dvalues)
      for (int64_t o = 0; o < p_.out; ++o)
        for (int32_t k = p_.row_begin[size_t(o)]; k < p_.row_begin[size_t(o) + 1]; ++k) {
          float sum = 0;
          for (int64_t r = 0; r < rows; ++r)
            sum += x[r * p_.in + p_.column[size_t(k)]] * dy[r * p_.out + o];
          dvalues[k] = sum;
        }
    if (dbias) sum_rows(rows, p_.out, dy, dbias);
  }

  int64_t bytes() const override {
    return int64_t(p_.row_begin.size() + p_.column.size()) * int64_t(sizeof(int32_t));
  }

 private:
  const SparsePattern p_;
};

}  // namespace

std::unique_ptr<SparseKernel> portable_sparse(const SparsePattern& pattern, const KernelOptions&) {
  return std::make_unique<PortableSparse>(pattern);
}

}  // namespace sparlet
