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

std::vector<Id> operands_of(const Graph& graph, const Fusion& fusion, Id last) {
  const Id head = fusion.head[size_t(last)];
  std::vector<Id> all = graph[head < 0 ? last : head].in;
  for (const Node* node : fusion.behind(graph, last))
    all.insert(all.end(), node->in.begin() + 1, node->in.end());
  return all;
}

namespace {

// One that lies feature by feature, or pixel by pixel (batch_norm.cpp).
bool is_flat_norm(const Node& node) {
  const int rank = node.type.shape.rank();
  return node.op == &batch_norm_op && (rank == 1 || rank == 3);
}
bool is_plain_sum(const Graph& graph, const Node& node) {
  return node.op == &add_op && graph[node.in[0]].type == node.type &&
         graph[node.in[1]].type == node.type;
}

// What has been taken into a group.
struct Taken {
  bool norm, relu = false, pool = false;

  // Takes the next one, if it goes with the head.
  bool take(const Node& head, const Node& next) {
    const bool conv = head.op == &conv2d_op;
    if (conv && !norm && !relu && !pool && is_flat_norm(next)) return norm = true;
    if (next.op == &relu_op && !relu) return relu = true;
    if (conv && next.op == &max_pool_op && !pool) return pool = true;
    return false;
  }
};

}  // namespace

Fusion find_fusion(const Graph& graph, const Kernels& kernels, Mode mode) {
  Fusion fusion = no_fusion(graph);
  if (!kernels.fuses) return fusion;
  const std::vector<std::vector<Id>> readers = users(graph);
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& head = graph[id];
    if (!head.type.batched || fusion.into[size_t(id)] >= 0 || fusion.head[size_t(id)] >= 0)
      continue;
    if (head.op != &conv2d_op && head.op != &linear_op && !is_flat_norm(head) &&
        !is_plain_sum(graph, head))
      continue;
    Taken taken{.norm = mode == Mode::train};
    std::vector<Id> group{id};
    while (group.back() != graph.output() && readers[size_t(group.back())].size() == 1) {
      const Id next = readers[size_t(group.back())][0];
      if (graph[next].in[0] != group.back() || !taken.take(head, graph[next])) break;
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
