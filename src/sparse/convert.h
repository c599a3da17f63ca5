// Between the forms a layer's weight can have: dense, masked, COO, CSR. Same outputs, same
// gradients at what is there.
//   dense   linear(x, w, b)
//   masked  linear(x, mul(w, mask), b)
//   csr     linear_csr(x, w, w.columns, w.rows, b)
//   coo     linear_coo(x, w, w.row, w.column, b)
// Likewise conv2d (a depthwise one stays dense), lstm, gru and rnn.
// A weight keeps its name in every form: checkpoints, pruning and inheritance find it by that.
#pragma once
#include <functional>
#include <map>

#include "nn/builder.h"
#include "sparse/weights.h"

namespace sparlet::sparse {

// automatic: CSR where it is faster (sparse_is_faster()); else dense, or masked where
// the weight has a pattern.
enum class Format { dense, masked, coo, csr, automatic };
Format format_from(std::string_view word);  // throws Error naming the nearest
std::string_view name_of(Format);

struct Convert {
  // The layers by node name; empty: all that have such forms. Throws Error for a name that is none.
  std::vector<std::string> layers = {};
  // Of these, those for which it is true; none: all.
  std::function<bool(const Graph&, const Node&)> which = {};
  // By weight name, dense, what is to be there; values elsewhere go, and what is new is 0. Without
  // one: the mask or the entries that the weight has, and of a plain weight all that is not zero.
  std::map<std::string, Tensor> masks = {};
  int64_t batch = 1;  // what automatic chooses for
};
// Layers that have the form already stay as they are, unless given a mask. Throws Error for a mask
// of a weight that is not converted, and for one weight shared by layers that would have it in two
// forms.
Net convert(const Net&, Format, const Convert& = {});
// Whether the node is a layer that convert() knows, in any of its forms.
bool is_convertible(const Graph&, const Node&);

// Whether CSR is faster than the best dense kernel, with `rows` rows of x a call: by rules from
// measurements (tensor/kernels/sparse_choice.h), never timed inside a run.
bool sparse_is_faster(std::string_view dense_op, const Shape& weight, double density, int64_t rows);

// What a weight is stored as.
struct Stored {
  std::string layer, op, weight, format;
  Shape shape;
  double density = 1;
  int64_t entries = 0;
  int64_t bytes = 0;  // values, indices and masks
};
std::vector<Stored> stored(const Net&);
// A table of it, with totals.
std::string describe(const Net&);

}  // namespace sparlet::sparse
