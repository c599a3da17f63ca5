#include "sparse/weights.h"

#include <algorithm>
#include <map>

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
  return op->sparse != nullptr;
}

// The sparse weights of a node that are trained.
std::vector<Weight> sparse_weights(const Graph& graph, const Node& node) {
  std::vector<Weight> list;
  for (const SparseOperand& operand : sparse_operands(graph, node)) {
    const auto at = size_t(operand.values);
    if (graph[node.in[at]].op != &param_op) continue;
    list.push_back({.name = graph[node.in[at]].name,
                    .shape = operand.dense,
                    .param = node.in[at],
                    .operand = operand.values,
                    .format = operand.format,
                    .index = {node.in[at + 1], node.in[at + 2]}});
  }
  return list;
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
    std::vector<Weight> sparse = sparse_weights(graph, node);
    for (Weight& weight : sparse) {
      weight.reader = id;
      list.push_back(weight);
    }
    for (size_t k = node.op == &matmul_op ? 0 : 1; k < node.in.size(); ++k) {
      if (std::ranges::find(sparse, node.in[k], &Weight::param) != sparse.end()) continue;
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

SparseTensor sparse_tensor(const Net& net, const Weight& weight) {
  const auto of = [&](Id id) { return net.params[size_t(id)]; };
  return {
      *weight.format, weight.shape, of(weight.param), {of(weight.index[0]), of(weight.index[1])}};
}

Connections connections(const Net& net, const Weight& weight) {
  const auto value = net.params[size_t(weight.param)].read();
  Connections c;
  if (weight.format) {
    const SparsePattern p = pattern_of(sparse_tensor(net, weight), weight.name);
    c.value.assign(value.begin(), value.begin() + p.nonzeros());
    for (int64_t o = 0; o < p.out; ++o)
      for (int32_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k)
        c.at.push_back(int32_t(o * p.in) + p.column[size_t(k)]);
    return c;
  }
  const auto there = weight.mask < 0 ? value : net.params[size_t(weight.mask)].read();
  for (size_t i = 0; i < value.size(); ++i) {
    if (there[i] == 0) continue;
    c.at.push_back(int32_t(i));
    c.value.push_back(value[i]);
  }
  return c;
}

int64_t connection_count(const Net& net, const Weight& weight) {
  if (weight.format) return connections(net, weight).size();
  const Tensor& counted = net.params[size_t(weight.mask >= 0 ? weight.mask : weight.param)];
  return counted.size() - std::ranges::count(counted.read(), 0.f);
}

Tensor dense_values(const Net& net, const Weight& weight) {
  return weight.format ? to_dense(sparse_tensor(net, weight)) : net.params[size_t(weight.param)];
}

Tensor open_mask(const Net& net, const Weight& weight) {
  if (weight.mask >= 0) return net.params[size_t(weight.mask)];
  return mask_of(weight.shape, connections(net, weight).at);
}

Tensor mask_of(const Shape& shape, const std::vector<int32_t>& at) {
  Tensor mask(shape);
  const auto to = mask.write();
  for (const int32_t i : at) to[size_t(i)] = 1;
  return mask;
}

SparseTensor sparse_of(SparseFormat format, const Shape& shape, const Connections& c) {
  const auto [out, in] = matrix_of(shape);
  SparsePattern p{.out = out, .in = in, .row_begin = {0}, .column = {}};
  for (const int32_t at : c.at) {
    while (int64_t(p.row_begin.size()) <= at / in) p.row_begin.push_back(int32_t(p.column.size()));
    p.column.push_back(int32_t(at % in));
  }
  p.row_begin.resize(size_t(out) + 1, int32_t(p.column.size()));
  return make_sparse(format, shape, p, c.value);
}

namespace {

// The net with these leaves' values, of whatever shape and type.
Net with_leaves(const Net& net, const std::map<Id, Tensor>& leaves) {
  if (leaves.empty()) return net;
  return rewrite(net, [&](Rewriter& r, Id id) {
    const auto found = leaves.find(id);
    return found == leaves.end() ? r.copy(id)
                                 : r.leaf(*r.old(id).op, r.old(id).name, found->second);
  });
}

void put(std::map<Id, Tensor>& leaves, const Weight& weight, const Connections& c) {
  const SparseTensor made = sparse_of(*weight.format, weight.shape, c);
  leaves[weight.param] = made.values;
  for (size_t k = 0; k < 2; ++k) leaves[weight.index[k]] = made.index[k];
}

// These places, with the values that are there by now.
Connections opened(const Net& net, const Weight& weight, const Tensor& mask) {
  const Tensor dense = dense_values(net, weight);
  Connections c;
  for (int32_t i = 0; i < int32_t(mask.size()); ++i) {
    if (mask.read()[size_t(i)] == 0) continue;
    c.at.push_back(i);
    c.value.push_back(dense.read()[size_t(i)]);
  }
  return c;
}

}  // namespace

Net with_masks(const Net& net, const std::vector<Weight>& weights, std::vector<Tensor> masks) {
  std::vector<int> fresh(net.graph.nodes.size(), -1);  // by param: which mask to add
  Net same = net;
  std::map<Id, Tensor> leaves;  // of sparse weights
  bool changed = false;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k].format) {
      put(leaves, weights[k], opened(net, weights[k], masks[k]));
    } else if (weights[k].mask >= 0) {
      same.params[size_t(weights[k].mask)] = masks[k];
    } else {
      fresh[size_t(weights[k].param)] = int(k);
      changed = true;
    }
  }
  if (!changed) return with_leaves(same, leaves);
  return rewrite(same, [&](Rewriter& r, Id id) {
    const auto found = leaves.find(id);
    if (found != leaves.end()) return r.leaf(*r.old(id).op, r.old(id).name, found->second);
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
  std::vector<Weight> dense;
  std::vector<Tensor> masks;
  std::map<Id, Tensor> leaves;
  Net changed = net;
  for (size_t k = 0; k < weights.size(); ++k) {
    if (weights[k].format) {
      put(leaves, weights[k], all[k]);
      continue;
    }
    Tensor value(weights[k].shape);
    const auto to = value.write();
    for (size_t i = 0; i < all[k].at.size(); ++i) to[size_t(all[k].at[i])] = all[k].value[i];
    changed.params[size_t(weights[k].param)] = std::move(value);
    masks.push_back(mask_of(weights[k].shape, all[k].at));
    dense.push_back(weights[k]);
  }
  if (leaves.empty()) return with_masks(changed, dense, std::move(masks));
  if (dense.empty()) return with_leaves(changed, leaves);
  // Masks first: they move ids, so that sparse weights are looked up anew.
  const Net masked = with_masks(changed, dense, std::move(masks));
  std::vector<Weight> rest;
  std::vector<Connections> of_rest;
  for (const Weight& weight : weights_of(masked.graph, true))
    for (size_t k = 0; k < weights.size(); ++k)
      if (weight.format && weight.name == weights[k].name) {
        rest.push_back(weight);
        of_rest.push_back(all[k]);
      }
  return with_connections(masked, rest, of_rest);
}

}  // namespace sparlet::sparse
