// Products with a sparse weight matrix on raw pointers: y = x weightᵀ + bias, its data gradient,
// and its weight gradient at the non-zeros alone. Nothing here ever holds the dense matrix.
//   x [rows][in], y [rows][out], values [nonzeros], bias [out] or null
#pragma once
#include <span>
#include <string_view>
#include <vector>

#include "tensor/kernels/kernels.h"

namespace sparlet {

// Where the non-zeros of a matrix (out, in) are: row o holds entries row_begin[o] ..
// row_begin[o+1], entry k stands in column column[k]; columns rise within a row.
struct SparsePattern {
  int64_t out = 1, in = 1;
  std::vector<int32_t> row_begin, column;

  int64_t nonzeros() const { return int64_t(column.size()); }
};

// Made once for a pattern. `values` are in the order of the pattern. rows: of the call, 1 ..
// KernelOptions::batch. Allocates nothing after it was made. A row's result does not depend on the
// rows beside it.
class SparseKernel {
 public:
  virtual ~SparseKernel() = default;
  virtual void forward(int64_t rows, const float* x, const float* values, const float* bias,
                       float* y) = 0;
  // The same with samples in columns, the layout that a product with a sparse matrix reads without
  // rearranging: y [out][samples] = S x [in][samples] (+ bias), samples: 1 .. batch.
  virtual void forward_columns(int64_t samples, const float* x, const float* values,
                               const float* bias, float* y) = 0;
  virtual void backward_data(int64_t rows, const float* values, const float* dy, float* dx) = 0;
  // x and rows: those of the last forward(), which may have kept x in the order it reads; it is the
  // faster for it where backward_data() comes after. dvalues and dbias may be null.
  virtual void backward_weight(int64_t rows, const float* x, const float* dy, float* dvalues,
                               float* dbias) = 0;
  // Without training: the values are new.
  virtual void values_changed() {}
  // After a forward without training: `values` is not read again before values_changed().
  virtual bool holds_values() const { return false; }
  // Held by the packed forms: indices, and copies of values where there are any.
  virtual int64_t bytes() const = 0;
  // The packed form: for tests and reports.
  virtual std::string_view description() const = 0;
};

// Strips of plain CSR, for every CPU.
std::unique_ptr<SparseKernel> portable_sparse(const SparsePattern&, const KernelOptions&);
// Where SPARLET_SIMD and the CPU has it.
std::unique_ptr<SparseKernel> avx2_sparse(const SparsePattern&, const KernelOptions&);
std::unique_ptr<SparseKernel> avx512_sparse(const SparsePattern&, const KernelOptions&);

}  // namespace sparlet
