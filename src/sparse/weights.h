// The prunable weights of a net, and what of each is there: one view of plain, masked and sparse weights.
#pragma once
#include <array>
#include <optional>

#include "autograd/op.h"

namespace sparlet::sparse {

// A weight of a layer. Plain: the layer reads `param`. Masked: it reads `product` = mul(param, mask).
// Sparse: it reads `param`, the values of the entries, and `index`, their places (tensor/sparse.h).
struct Weight {
  std::string name;  // of its param
  Shape shape;       // dense
  Id param = -1, mask = -1, product = -1;
  // The first node that reads it, and as which of its inputs.
  Id reader = -1;
  int operand = 1;
  bool bias = false;
  std::optional<SparseFormat> format = {};
  std::array<Id, 2> index{-1, -1};
  int64_t size() const { return count(shape); }
  Id read() const { return product >= 0 ? product : param; }
  // Knows which connections are there, whatever their values.
  bool has_pattern() const { return mask >= 0 || format; }
};

// Weights of linear and all convolutions, dense or sparse, of lstm, gru and rnn (each matrix by itself), and params
// that matmul reads; with `biases` also the biases of these layers. In the order of the params,
// each once.
std::vector<Weight> weights_of(const Graph&, bool biases = false);
// The same without those named. Throws Error for a name that is none of them, with the nearest.
std::vector<Weight> weights_of(const Graph&, const std::vector<std::string>& without, bool biases = false);

// What of a weight is there: positions in the dense weight, ascending, and their values. Of a plain
// weight: all that is not zero.
struct Connections {
  std::vector<int32_t> at;
  std::vector<float> value;
  int64_t size() const { return int64_t(at.size()); }
};
Connections connections(const Net&, const Weight&);
int64_t connection_count(const Net&, const Weight&);

// The same as tensors of the dense weight's shape: values (a masked weight's as they are behind its mask),
// and 1 where a connection is.
Tensor dense_values(const Net&, const Weight&);
Tensor open_mask(const Net&, const Weight&);
SparseTensor sparse_tensor(const Net&, const Weight&);  // REQUIRES format
SparseTensor sparse_of(SparseFormat, const Shape& dense, const Connections&);

// The net where each of these weights has a mask of these connections, and their values in it, zeros
// elsewhere; a sparse weight has these entries. The graph changes only where a weight had no mask, or
// another number of entries.
Net with_connections(const Net&, const std::vector<Weight>&, const std::vector<Connections>&);
// With these masks (1: there, 0: not); the weights' values stay (a sparse weight's new entries are 0).
Net with_masks(const Net&, const std::vector<Weight>&, std::vector<Tensor> masks);

// Of shape `shape`, 1 at these positions.
Tensor mask_of(const Shape& shape, const std::vector<int32_t>& at);

}  // namespace sparlet::sparse
