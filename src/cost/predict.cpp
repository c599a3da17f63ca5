// A net's int8 graph depends on its structure alone (quant/fusion.h), so memory and MACs are exact.
// Size depends on two things more: how many weights each layer loses, and which encoding is smaller
// for it. Where all layers are bitmasks the sum of non-zeros is all that counts, and that is the
// sparsity target; where some stay dense the fresh weights tell which.
#include "cost/cost.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::cost {

Cost predict(const Net& net, double sparsity, const Device& device) {
  require(!quant::is_int8(net.graph), "predict: the net is int8 already; measure it");
  require(sparsity >= 0 && sparsity < 1, "predict: sparsity {}, wanted 0 to below 1", sparsity);
  const Net pruned = sparsity > 0 ? sparse::mask(net, {.sparsity = sparsity}) : net;
  const Net folded = quant::fold_norms(pruned);
  return measure(quant::to_int8(folded, quant::placeholder(folded)), device);
}

}  // namespace sparlet::cost
