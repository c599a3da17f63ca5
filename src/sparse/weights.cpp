#include "sparse/weights.h"

#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

// What a layer does with its inputs; the first is x.
bool is_layer(const OpDef* op) {
  for (const OpDef* layer : {&linear_op, &conv1d_op, &conv2d_op, &conv3d_op, &conv_transpose2d_op,
                             &lstm_op, &gru_op, &rnn_op, &matmul_op})
    if (op == layer) return true;
  return false;
}

// A param itself, or mul(param, constant) of one shape, either way round.
std::optional<Weight> weight_at(const Graph& graph, Id id) {
  const auto made = [&](Id param, Id mask, Id product) {
    return Weight{.name = graph[param].name,
                  .shape = graph[param].type.shape,
                  .param = param,
                  .mask = mask,
                  .product = product};
  };
  const Node& node = graph[id];
  if (node.op == &param_op) return made(id, -1, -1);
  if (node.op != &mul_op || node.type.batched) return {};
  Id param = node.in[0], mask = node.in[1];
  if (graph[param].op == &constant_op) std::swap(param, mask);
  if (graph[param].op != &param_op || graph[mask].op != &constant_op) return {};
  if (graph[param].type != graph[mask].type) return {};
  return made(param, mask, id);
}

}  // namespace

std::vector<Weight> weights_of(const Graph& graph, bool biases) {
  std::vector<Weight> list;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    if (!is_layer(node.op)) continue;
    for (size_t k = node.op == &matmul_op ? 0 : 1; k < node.in.size(); ++k) {
      std::optional<Weight> weight = weight_at(graph, node.in[k]);
      if (!weight) continue;
      weight->bias = weight->shape.rank() < 2;
      if (weight->bias && !biases) continue;
      weight->reader = id;
      weight->operand = int(k);
      list.push_back(std::move(*weight));
    }
  }
  // A weight that two layers share comes twice; masked stands before plain.
  std::ranges::stable_sort(list, {}, [](const Weight& w) { return std::pair(w.param, -w.mask); });
  const auto rest = std::ranges::unique(list, {}, &Weight::param);
  list.erase(rest.begin(), rest.end());
  return list;
}

std::vector<Weight> weights_of(const Graph& graph, const std::vector<std::string>& without,
                               bool biases) {
  std::vector<Weight> list = weights_of(graph, biases);
  std::vector<std::string> known;
  for (const Weight& weight : list) known.push_back(weight.name);
  for (const std::string& name : without)
    require(std::ranges::find(known, name) != known.end(), "keep: '{}' is no prunable weight{}",
            name, did_you_mean(name, known));
  std::erase_if(list, [&](const Weight& weight) {
    return std::ranges::find(without, weight.name) != without.end();
  });
  return list;
}

Connections connections(const Net& net, const Weight& weight) {
  const auto value = net.params[size_t(weight.param)].read();
  const auto there = weight.mask < 0 ? value : net.params[size_t(weight.mask)].read();
  Connections c;
  for (size_t i = 0; i < value.size(); ++i) {
    if (there[i] == 0) continue;
    c.at.push_back(int32_t(i));
    c.value.push_back(value[i]);
  }
  return c;
}

int64_t connection_count(const Net& net, const Weight& weight) {
  const Tensor& counted = net.params[size_t(weight.mask >= 0 ? weight.mask : weight.param)];
  return counted.size() - std::ranges::count(counted.read(), 0.f);
}

Tensor mask_of(const Shape& shape, const std::vector<int32_t>& at) {
  Tensor mask(shape);
  const auto to = mask.write();
  for (const int32_t i : at) to[size_t(i)] = 1;
  return mask;
}

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

Net with_connections(const Net& net, const std::vector<Weight>& weights,
                     const std::vector<Connections>& all) {
  std::vector<Tensor> masks;
  Net changed = net;
  for (size_t k = 0; k < weights.size(); ++k) {
    Tensor value(weights[k].shape);
    const auto to = value.write();
    for (size_t i = 0; i < all[k].at.size(); ++i) to[size_t(all[k].at[i])] = all[k].value[i];
    changed.params[size_t(weights[k].param)] = std::move(value);
    masks.push_back(mask_of(weights[k].shape, all[k].at));
  }
  return with_masks(changed, weights, std::move(masks));
}

}  // namespace sparlet::sparse
