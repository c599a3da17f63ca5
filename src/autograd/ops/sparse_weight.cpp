#include "autograd/ops/sparse_weight.h"

#include <algorithm>
#include <numeric>

#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

bool is_index(DType type) { return type == DType::u8 || type == DType::u16 || type == DType::i32; }

void check_operand(const Node& node, std::span<const Type> in, const SparseOperand& operand) {
  const auto [first, second] = index_names(operand.format);
  const auto at = size_t(operand.values);
  const Type &values = in[at], &a = in[at + 1], &b = in[at + 2];
  const auto [out, columns] = matrix_of(operand.dense);
  require(values.shape.rank() == 1 && !values.batched, "{}: wants values [entries], found {}",
          place(node), to_string(values.shape));
  const int64_t entries = values.shape[0];
  require(entries <= out * columns, "{}: {} values of a weight [{},{}]", place(node), entries, out,
          columns);
  require(a.shape == values.shape && !a.batched, "{}: wants {} {}, found {}", place(node), first,
          to_string(values.shape), to_string(a.shape));
  const Shape wanted = operand.format == SparseFormat::csr ? Shape{out + 1} : values.shape;
  require(b.shape == wanted && !b.batched, "{}: wants {} {}, found {}", place(node), second,
          to_string(wanted), to_string(b.shape));
}

}  // namespace

void check_sparse(const Node& node, std::span<const Type> in,
                  std::span<const SparseOperand> sparse) {
  std::vector<bool> index(in.size(), false);
  for (const SparseOperand& operand : sparse)
    index[size_t(operand.values) + 1] = index[size_t(operand.values) + 2] = true;
  for (size_t i = 0; i < in.size(); ++i)
    if (!index[i])
      check_f32(node, in, i);
    else
      require(is_index(in[i].dtype), "{}: input {} is {}, wanted indices of u8, u16 or i32",
              place(node), i, name_of(in[i].dtype));
  for (const SparseOperand& operand : sparse) check_operand(node, in, operand);
}

SparseRead read_sparse(std::string_view where, const SparseOperand& operand, const Io& io,
                       std::span<const int32_t> column_order) {
  const auto at = size_t(operand.values);
  SparseRead read{read_pattern(operand.format, operand.dense, io.in[at + 1], io.in[at + 2], where),
                  {}};
  if (column_order.empty()) return read;
  std::vector<int32_t> memory(column_order.size());  // of a plain column
  for (size_t i = 0; i < memory.size(); ++i) memory[size_t(column_order[i])] = int32_t(i);
  SparsePattern& p = read.pattern;
  for (int32_t& column : p.column) column = memory[size_t(column)];
  read.order.resize(p.column.size());
  std::iota(read.order.begin(), read.order.end(), 0);
  for (int64_t o = 0; o < p.out; ++o)
    std::sort(read.order.begin() + p.row_begin[size_t(o)],
              read.order.begin() + p.row_begin[size_t(o) + 1],
              [&](int32_t a, int32_t b) { return p.column[size_t(a)] < p.column[size_t(b)]; });
  std::vector<int32_t> sorted(p.column.size());
  for (size_t k = 0; k < sorted.size(); ++k) sorted[k] = p.column[size_t(read.order[k])];
  p.column = std::move(sorted);
  return read;
}

SparseProduct::SparseProduct(const Node& node, const SparseOperand& operand,
                             const KernelOptions& options, const Kernels& kernels,
                             std::vector<int32_t> column_order)
    : where_(place(node)),
      operand_(operand),
      options_(options),
      kernels_(kernels),
      column_order_(std::move(column_order)) {}

void SparseProduct::prepare(const Io& io) {
  if (!fresh_) return;
  kernel_.reset();  // never two packings at a time
  SparseRead read = read_sparse(where_, operand_, io, column_order_);
  slots_ = io.in[size_t(operand_.values)].size();
  order_ = std::move(read.order);
  ordered_.resize(order_.size());
  kernel_ = kernels_.sparse(read.pattern, options_);
  if (!options_.train) order_values(io);
  fresh_ = false;
}

bool SparseProduct::packed(size_t operand) const {
  if (fresh_ || options_.train) return false;
  if (operand == size_t(operand_.values)) return !order_.empty() || kernel_->holds_values();
  return operand == size_t(operand_.values) + 1 || operand == size_t(operand_.values) + 2;
}

void SparseProduct::order_values(const Io& io) {
  const float* values = io.in[size_t(operand_.values)].f32();
  for (size_t k = 0; k < order_.size(); ++k) ordered_[k] = values[order_[k]];
}

const float* SparseProduct::values(const Io& io) const {
  return order_.empty() ? io.in[size_t(operand_.values)].f32() : ordered_.data();
}

void SparseProduct::forward(const Io& io, int64_t rows, const float* x, const float* bias,
                            float* y) {
  prepare(io);
  if (options_.train) order_values(io);
  kernel_->forward(rows, x, values(io), bias, y);
}

void SparseProduct::backward_data(const Io& io, int64_t rows, const float* dy, float* dx) {
  order_values(io);  // backward_weight uses the same place
  kernel_->backward_data(rows, values(io), dy, dx);
}

void SparseProduct::backward_weight(int64_t rows, const float* x, const float* dy, float* dvalues,
                                    float* dbias) {
  if (!dvalues || order_.empty()) {
    if (dvalues) std::fill_n(dvalues, slots_, 0.f);  // of the unused slot
    return kernel_->backward_weight(rows, x, dy, dvalues, dbias);
  }
  kernel_->backward_weight(rows, x, dy, ordered_.data(), dbias);
  for (size_t k = 0; k < order_.size(); ++k) dvalues[order_[k]] = ordered_[k];
}

void SparseProduct::dense_weight_grad(int64_t rows, const float* x, const float* dy, int64_t begin,
                                      int64_t end, float* to) const {
  const auto [out, in] = matrix_of(operand_.dense);
  kernels_.gemm({.m = end - begin,
                 .n = in,
                 .k = rows,
                 .a = {dy + begin, 1, out},
                 .b = x,
                 .b_row = in,
                 .c = to,
                 .c_row = in});
  if (column_order_.empty()) return;
  std::vector<float> row(column_order_.size());
  for (int64_t o = begin; o < end; ++o, to += in) {
    std::copy_n(to, in, row.begin());
    for (size_t i = 0; i < row.size(); ++i) to[column_order_[i]] = row[i];
  }
}

}  // namespace sparlet
