// A net's int8 graph depends on its structure alone (quant/fusion.h), so memory and MACs are exact.
// Size depends on two things more: how many weights each layer loses, and which encoding is smaller
// for it. Where all layers are bitmasks the sum of non-zeros is all that counts, and that is the
// sparsity target; where some stay dense the fresh weights tell which.
#include <algorithm>
#include <cmath>

#include "cost/cost.h"
#include "sparse/magnitude.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::cost {
namespace {

// As unmask(mask(net)): a search asks for this hundreds of times a proposal, so that zeros go
// straight into the weights where none is masked or sparse yet.
Net pruned(const Net& net, double sparsity) {
  if (sparsity == 0) return net;
  const std::vector<sparse::Weight> weights = sparse::weights_of(net.graph);
  const bool plain =
      std::ranges::all_of(weights, [](const sparse::Weight& w) { return !w.format && w.mask < 0; });
  if (!plain) return sparse::mask(net, {.sparsity = sparsity});
  std::vector<float> all;
  for (const sparse::Weight& weight : weights)
    for (const float w : net.params[size_t(weight.param)].read())
      all.push_back(sparse::magnitude(w));
  const int64_t drop = std::llround(sparsity * double(all.size()));
  if (drop == 0) return net;
  std::ranges::nth_element(all, all.begin() + (drop - 1));
  const float limit = all[size_t(drop - 1)];
  int64_t ties =
      drop - std::count_if(all.begin(), all.begin() + drop, [&](float a) { return a < limit; });
  Net zeroed = net;
  for (const sparse::Weight& weight : weights)
    for (float& w : zeroed.params[size_t(weight.param)].write()) {
      const float a = sparse::magnitude(w);
      if (a > limit || (a == limit && ties-- <= 0)) continue;
      w = 0;
    }
  return zeroed;
}

}  // namespace

Cost predict(const Net& net, double sparsity, const Device& device) {
  require(!quant::is_int8(net.graph), "predict: the net is int8 already; measure it");
  require(sparsity >= 0 && sparsity < 1, "predict: sparsity {}, wanted 0 to below 1", sparsity);
  const Net folded = quant::fold_norms(pruned(net, sparsity));
  return measure(quant::to_int8(folded, quant::placeholder(folded)), device);
}

}  // namespace sparlet::cost
