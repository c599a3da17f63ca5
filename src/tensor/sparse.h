// A weight of which only some entries are there: its values and their places as ordinary tensors,
// in one of two forms. A weight (out, ...) is seen as a matrix: its first size are the rows, all
// others together, in plain order, the columns. Entries are sorted by row, then column; no place
// comes twice.
//   csr  values f32 [n], columns [n], rows [out + 1]: row o has entries rows[o] .. rows[o+1]
//   coo  values f32 [n], row [n], column [n]
// Indices are of the smallest of u8, u16 and i32 that holds any of the weight's. Tensors have no
// size 0, so a weight without any entry has one unused slot: in CSR all rows are 0, in COO row[0]
// is `out`.
#pragma once
#include <array>

#include "tensor/kernels/sparse.h"
#include "tensor/tensor.h"

namespace sparlet {

enum class SparseFormat : uint8_t { csr, coo };

std::string_view name_of(SparseFormat);  // "csr", "coo"
// What the two index tensors are called: columns and rows, or row and column.
std::array<std::string_view, 2> index_names(SparseFormat);
// Of the smallest type that holds 0 .. largest: u8, u16 or i32.
DType index_type(int64_t largest);

struct SparseTensor {
  SparseFormat format = SparseFormat::csr;
  Shape shape;  // of the dense weight, at least (out, in)
  Tensor values;
  std::array<Tensor, 2> index = {};
};

// The numbers of rows and columns of a dense weight. Throws Error for fewer than two sizes.
std::array<int64_t, 2> matrix_of(const Shape&);

// The places. Throws Error that begins with `where` and names the entry for an index out of range,
// or out of order, or twice, and for row pointers that do not fit.
SparsePattern read_pattern(SparseFormat, const Shape& dense, const View& first, const View& second,
                           std::string_view where);
SparsePattern pattern_of(const SparseTensor&, std::string_view where = "sparse weight");
// REQUIRES a valid pattern of this shape and a value for each of its entries.
SparseTensor make_sparse(SparseFormat, const Shape& dense, const SparsePattern&,
                         std::span<const float> values);

// All that is not zero; with a mask, all where it is not zero, zeros among them.
SparsePattern pattern_of_dense(const Tensor& dense, const Tensor& mask = {});
SparseTensor to_sparse(SparseFormat, const Tensor& dense, const Tensor& mask = {});
SparseTensor to_format(const SparseTensor&, SparseFormat);
Tensor to_dense(const SparseTensor&);
Tensor mask_of(const SparseTensor&);  // dense: 1 where there is an entry

}  // namespace sparlet
