#include "autograd/fusion.h"

#include "autograd/ops/ops.h"

namespace sparlet {

std::vector<const Node*> Fusion::behind(const Graph& graph, Id last) const {
  std::vector<const Node*> nodes;
  if (head[size_t(last)] < 0) return nodes;
  for (Id id = head[size_t(last)] + 1; id < last; ++id)
    if (into[size_t(id)] == last) nodes.push_back(&graph[id]);
  nodes.push_back(&graph[last]);
  return nodes;
}

Fusion no_fusion(const Graph& graph) {
  const size_t n = graph.nodes.size();
  return {std::vector<Id>(n, -1), std::vector<Id>(n, -1)};
}

namespace {

// One that lies feature by feature, or pixel by pixel (batch_norm.cpp).
bool is_flat_norm(const Node& node) {
  const int rank = node.type.shape.rank();
  return node.op == &batch_norm_op && (rank == 1 || rank == 3);
}

}  // namespace

Fusion find_fusion(const Graph& graph, const Kernels& kernels) {
  Fusion fusion = no_fusion(graph);
  if (!kernels.fuses) return fusion;
  const std::vector<std::vector<Id>> readers = users(graph);
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const bool conv = graph[id].op == &conv2d_op, norm = is_flat_norm(graph[id]);
    if (!conv && !norm && graph[id].op != &linear_op) continue;
    if (!graph[id].type.batched) continue;
    bool relu = false, pool = false;
    std::vector<Id> group{id};
    while (group.back() != graph.output() && readers[size_t(group.back())].size() == 1) {
      const Id next = readers[size_t(group.back())][0];
      bool& taken = graph[next].op == &relu_op ? relu : pool;
      const bool fits = graph[next].op == &relu_op || (conv && graph[next].op == &max_pool_op);
      if (!fits || taken) break;
      taken = true;
      group.push_back(next);
    }
    if (group.size() < 2) continue;
    for (Id inside : group)
      if (inside != group.back()) fusion.into[size_t(inside)] = group.back();
    fusion.head[size_t(group.back())] = id;
  }
  return fusion;
}

}  // namespace sparlet
