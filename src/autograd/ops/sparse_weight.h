// What the ops with sparse weights share: checks of their operands, and the product with such a
// weight, whose pattern is known only when numbers come.
#pragma once
#include "autograd/ops/check.h"

namespace sparlet {

// Throws Error for a wrong number of inputs, an unknown attribute, or inputs of a wrong type:
// indices are u8, u16 or i32, all else f32. Then for each of `sparse`: values, or indices that do
// not fit them.
void check_sparse(const Node&, std::span<const Type> in, std::span<const SparseOperand> sparse);

// A pattern as a kernel takes it. Value k of the pattern is value order[k] of the operand; empty:
// the same.
struct SparseRead {
  SparsePattern pattern;
  std::vector<int32_t> order;
};
// Reads and checks the operand's indices (Error naming `where`). `column_order`: where x does not
// lie in plain order, its memory element i is plain column column_order[i] (memory_order()); empty:
// it does.
SparseRead read_sparse(std::string_view where, const SparseOperand&, const Io&,
                       std::span<const int32_t> column_order = {});

// y = x weightᵀ + bias with a sparse operand: packs at the first call after it was made or
// changed().
class SparseProduct {
 public:
  SparseProduct(const Node&, const SparseOperand&, const KernelOptions&, const Kernels&,
                std::vector<int32_t> column_order = {});

  // From Kernel::operands_changed().
  void changed() { fresh_ = true; }
  // Kernel::packed() of the layer that this is a part of.
  bool packed(size_t operand) const;
  void forward(const Io&, int64_t rows, const float* x, const float* bias, float* y);
  // After forward on the same operands.
  void backward_data(const Io&, int64_t rows, const float* dy, float* dx);
  // dvalues, dbias: may be null.
  void backward_weight(int64_t rows, const float* x, const float* dy, float* dvalues, float* dbias);
  // Rows [begin, end) of dyᵀ x in plain order, whatever the pattern.
  void dense_weight_grad(int64_t rows, const float* x, const float* dy, int64_t begin, int64_t end,
                         float* to) const;

 private:
  void prepare(const Io&);
  void order_values(const Io&);
  const float* values(const Io&) const;

  const std::string where_;
  const SparseOperand operand_;
  const KernelOptions options_;
  const Kernels& kernels_;
  const std::vector<int32_t> column_order_;
  bool fresh_ = true;
  int64_t slots_ = 1;           // of the values: one also where there is no entry
  std::vector<int32_t> order_;  // SparseRead::order
  std::vector<float> ordered_;  // values, or their gradients, in it
  std::unique_ptr<SparseKernel> kernel_;
};

}  // namespace sparlet
