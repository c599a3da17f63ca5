#include "sparse/prune.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "sparse/magnitude.h"
#include "sparse/masks.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

void check(const Gradual& o) {
  require(o.target >= 0 && o.target <= 1 && o.initial >= 0 && o.initial <= o.target,
          "gradual pruning: from {} to the target {}, wanted 0 to 1, rising", o.initial, o.target);
  require(o.begin >= 0 && o.end >= o.begin, "gradual pruning: from step {} to {}", o.begin, o.end);
  require(o.every >= 1, "gradual pruning: every {} steps, wanted 1 or more", o.every);
  require(o.power > 0, "gradual pruning: power {}, wanted more than 0", o.power);
}

int64_t share_of(double k, int64_t n) { return int64_t(std::floor(k * double(n) + 1e-9)); }

}  // namespace

std::vector<std::string> prunable(const Graph& graph, bool biases) {
  std::vector<std::string> names;
  for (const Weight& weight : weights_of(graph, biases)) names.push_back(weight.name);
  return names;
}

Net mask(const Net& net, const Mask& o) {
  require(o.sparsity >= 0 && o.sparsity <= 1, "sparsity: {} given, wanted 0 to 1", o.sparsity);
  const std::vector<Weight> weights = weights_of(net.graph, o.keep, o.biases);
  return with_masks(
      net, weights,
      greatest(net, weights, {.sparsity = o.sparsity, .distribution = o.distribution}));
}

Net unmask(const Net& net) {
  std::vector<Id> mask_of(net.graph.nodes.size(), -1), param_of(net.graph.nodes.size(), -1);
  for (const Weight& weight : weights_of(net.graph, true)) {
    if (weight.mask < 0) continue;
    mask_of[size_t(weight.param)] = weight.mask;
    param_of[size_t(weight.product)] = weight.param;
  }
  return rewrite(net, [&](Rewriter& r, Id id) {
    if (param_of[size_t(id)] >= 0) return r.now(param_of[size_t(id)]);
    if (mask_of[size_t(id)] < 0) return r.copy(id);
    Tensor value = net.params[size_t(id)];
    const auto m = net.params[size_t(mask_of[size_t(id)])].read();
    const auto w = value.write();
    for (size_t i = 0; i < w.size(); ++i) w[i] = m[i] == 0 ? 0 : w[i] * m[i];
    return r.leaf(param_op, r.old(id).name, std::move(value));
  });
}

double density(const Net& net) {
  int64_t total = 0, there = 0;
  for (const Weight& weight : weights_of(net.graph)) {
    total += weight.size();
    there += connection_count(net, weight);
  }
  return total == 0 ? 1 : double(there) / double(total);
}

Net prune_fraction(const Net& net, const Fraction& o) {
  require(o.k >= 0 && o.k <= 1, "fraction to prune: {} given, wanted 0 to 1", o.k);
  const std::vector<Weight> weights = weights_of(net.graph, o.keep, o.biases);
  std::vector<Tensor> masks, values;
  int64_t size = 0;
  for (const Weight& weight : weights) {
    masks.push_back(open_mask(net, weight));
    values.push_back(dense_values(net, weight));
    size += o.of_remaining ? connection_count(net, weight) : weight.size();
  }
  if (o.together) {
    close_smallest(masks, values, share_of(o.k, size));
    return with_masks(net, weights, std::move(masks));
  }
  for (size_t k = 0; k < weights.size(); ++k) {
    std::vector<Tensor> one{std::move(masks[k])};
    const int64_t n = o.of_remaining ? connection_count(net, weights[k]) : weights[k].size();
    close_smallest(one, {values[k]}, share_of(o.k, n));
    masks[k] = std::move(one[0]);
  }
  return with_masks(net, weights, std::move(masks));
}

Net prune_smallest(const Net& net, double k, const std::vector<std::string>& weights) {
  require(k >= 0.01 && k <= 1, "k: {} given, wanted 0.01 to 1 of the dense size", k);
  weights_of(net.graph, weights);  // throws for a name that is none
  std::vector<std::string> keep;
  for (const std::string& name : prunable(net.graph))
    if (!weights.empty() && std::ranges::find(weights, name) == weights.end()) keep.push_back(name);
  return prune_fraction(net, {.k = k, .keep = keep});
}

double sparsity_at(const Gradual& o, int64_t step) {
  if (step >= o.end) return o.target;
  if (step <= o.begin) return o.initial;
  const double left = 1 - double(step - o.begin) / double(o.end - o.begin);
  return o.target + (o.initial - o.target) * std::pow(left, o.power);
}

Hook gradual(const Gradual& options) {
  check(options);
  return [options](const TrainState& state) -> std::optional<Net> {
    const int64_t step = state.step;
    const bool due = step == options.end || (step - options.begin) % options.every == 0;
    if (!due || step < options.begin || step > options.end) return {};
    return mask(state.executor.trained(), {.sparsity = sparsity_at(options, step),
                                           .keep = options.keep,
                                           .distribution = options.distribution,
                                           .biases = options.biases});
  };
}

Net prune_in_rounds(const Net& net, const Rounds& o,
                    const std::function<Net(const Net&, int)>& retrain) {
  require(o.rounds >= 1, "pruning in rounds: {} rounds, wanted 1 or more", o.rounds);
  require(o.sparsity >= 0 && o.sparsity <= 1, "sparsity: {} given, wanted 0 to 1", o.sparsity);
  Net now = net;
  for (int round = 0; round < o.rounds; ++round) {
    const double left = std::pow(1 - o.sparsity, double(round + 1) / o.rounds);
    const double sparsity = round + 1 == o.rounds ? o.sparsity : 1 - left;
    now = mask(now, {.sparsity = sparsity, .keep = o.keep, .distribution = o.distribution});
    if (o.rewind) now = with_values_of(now, net);
    now = retrain(now, round);
  }
  return now;
}

}  // namespace sparlet::sparse
