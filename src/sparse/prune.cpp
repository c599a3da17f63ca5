#include "sparse/prune.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

// A prunable weight; mask and product are -1 where it has none.
struct Weight {
  Id param = -1, mask = -1, product = -1;
};

// mul(param, constant) of one shape, either way round.
std::optional<Weight> masked(const Graph& graph, Id id) {
  const Node& node = graph[id];
  if (node.op != &mul_op || node.type.batched) return {};
  Id param = node.in[0], mask = node.in[1];
  if (graph[param].op == &constant_op) std::swap(param, mask);
  if (graph[param].op != &param_op || graph[mask].op != &constant_op) return {};
  if (graph[param].type != graph[mask].type) return {};
  return Weight{param, mask, id};
}

// In graph order, each once.
std::vector<Weight> weights_of(const Graph& graph) {
  std::vector<Weight> list;
  for (const Node& node : graph.nodes) {
    if (node.op != &conv2d_op && node.op != &linear_op) continue;
    const Id id = node.in[1];
    if (graph[id].op == &param_op) {
      list.push_back({id});
    } else if (const auto weight = masked(graph, id)) {
      list.push_back(*weight);
    }
  }
  // A weight that two layers share comes twice.
  std::ranges::sort(list, {}, [](const Weight& w) { return std::pair(w.param, -w.mask); });
  const auto rest = std::ranges::unique(list, {}, &Weight::param);
  list.erase(rest.begin(), rest.end());
  return list;
}

Tensor ones(const Shape& shape) {
  Tensor tensor(shape);
  std::ranges::fill(tensor.write(), 1.f);
  return tensor;
}

// NaN counts as the largest: never pruned, and comparable.
float magnitude(float w) {
  return std::isnan(w) ? std::numeric_limits<float>::infinity() : std::abs(w);
}

// Zeroes the `drop` entries that are alive and belong to the smallest weights.
void prune(const Net& net, const std::vector<Weight>& weights, std::vector<Tensor>& masks,
           int64_t drop) {
  if (drop <= 0) return;
  std::vector<float> alive;
  for (size_t k = 0; k < weights.size(); ++k) {
    const auto w = net.params[size_t(weights[k].param)].read(), m = masks[k].read();
    for (size_t i = 0; i < w.size(); ++i)
      if (m[i] != 0) alive.push_back(magnitude(w[i]));
  }
  std::ranges::nth_element(alive, alive.begin() + (drop - 1));
  const float limit = alive[size_t(drop - 1)];
  int64_t ties = drop - std::ranges::count_if(alive, [&](float a) { return a < limit; });
  for (size_t k = 0; k < weights.size(); ++k) {
    const auto w = net.params[size_t(weights[k].param)].read();
    const auto m = masks[k].write();
    for (size_t i = 0; i < w.size(); ++i) {
      const float a = magnitude(w[i]);
      if (m[i] == 0 || a > limit || (a == limit && ties == 0)) continue;
      ties -= a == limit;
      m[i] = 0;
    }
  }
}

int64_t zeros(const Tensor& tensor) { return std::ranges::count(tensor.read(), 0.f); }

std::vector<Weight> to_prune(const Net& net, const std::vector<std::string>& keep) {
  const std::vector<std::string> known = prunable(net.graph);
  for (const std::string& name : keep)
    require(std::ranges::find(known, name) != known.end(), "keep: '{}' is no prunable weight{}",
            name, did_you_mean(name, known));
  std::vector<Weight> weights = weights_of(net.graph);
  std::erase_if(weights, [&](const Weight& w) {
    return std::ranges::find(keep, net.graph[w.param].name) != keep.end();
  });
  return weights;
}

// The net with these masks; its graph changes only where a weight had none.
Net with_masks(const Net& net, const std::vector<Weight>& weights, std::vector<Tensor> masks) {
  std::vector<int> fresh(net.graph.nodes.size(), -1);  // by param: which mask to add
  Net same = net;
  bool changed = false;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k].mask >= 0) {
      same.params[size_t(weights[k].mask)] = masks[k];
    } else {
      fresh[size_t(weights[k].param)] = int(k);
      changed = true;
    }
  }
  if (!changed) return same;
  return rewrite(same, [&](Rewriter& r, Id id) {
    const Id copy = r.copy(id);
    if (fresh[size_t(id)] < 0) return copy;
    const std::string& name = r.old(id).name;
    const Id mask =
        r.leaf(constant_op, name + ".mask", std::move(masks[size_t(fresh[size_t(id)])]));
    return r.add(mul_op, name + ".masked", {copy, mask});
  });
}

void check(const Gradual& o) {
  require(o.target >= 0 && o.target <= 1, "gradual pruning: target {}, wanted 0 to 1", o.target);
  require(o.begin >= 0 && o.end >= o.begin, "gradual pruning: from step {} to {}", o.begin, o.end);
  require(o.every >= 1, "gradual pruning: every {} steps, wanted 1 or more", o.every);
}

}  // namespace

std::vector<std::string> prunable(const Graph& graph) {
  std::vector<std::string> names;
  for (const Weight& weight : weights_of(graph)) names.push_back(graph[weight.param].name);
  return names;
}

Net mask(const Net& net, const Mask& options) {
  require(options.sparsity >= 0 && options.sparsity <= 1, "sparsity: {} given, wanted 0 to 1",
          options.sparsity);
  const std::vector<Weight> weights = to_prune(net, options.keep);
  std::vector<Tensor> masks;
  int64_t total = 0, gone = 0;
  for (const Weight& weight : weights) {
    const Shape& shape = net.graph[weight.param].type.shape;
    masks.push_back(weight.mask >= 0 ? net.params[size_t(weight.mask)] : ones(shape));
    total += count(shape);
    gone += zeros(masks.back());
  }
  prune(net, weights, masks, std::llround(options.sparsity * double(total)) - gone);
  return with_masks(net, weights, std::move(masks));
}

Net unmask(const Net& net) {
  std::vector<Id> mask_of(net.graph.nodes.size(), -1), param_of(net.graph.nodes.size(), -1);
  for (const Weight& weight : weights_of(net.graph)) {
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
  int64_t total = 0, gone = 0;
  for (const Weight& weight : weights_of(net.graph)) {
    const Tensor& counted = net.params[size_t(weight.mask >= 0 ? weight.mask : weight.param)];
    total += counted.size();
    gone += zeros(counted);
  }
  return total == 0 ? 1 : double(total - gone) / double(total);
}

double sparsity_at(const Gradual& o, int64_t step) {
  if (step >= o.end) return o.target;
  if (step <= o.begin) return 0;
  const double left = 1 - double(step - o.begin) / double(o.end - o.begin);
  return o.target * (1 - left * left * left);
}

Hook gradual(const Gradual& options) {
  check(options);
  return [options](const TrainState& state) -> std::optional<Net> {
    const int64_t step = state.step;
    const bool due = step == options.end || (step - options.begin) % options.every == 0;
    if (!due || step < options.begin || step > options.end) return {};
    return mask(state.executor.trained(), {.sparsity = sparsity_at(options, step)});
  };
}

}  // namespace sparlet::sparse
