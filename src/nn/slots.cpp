#include "nn/slots.h"

#include <algorithm>

#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

View view(const Tensor& tensor) {
  return {tensor.shape(), tensor.dtype(), const_cast<std::byte*>(tensor.raw())};
}

// By Id: where each param's elements stand.
std::vector<KeptSlots> places(const Net& net) {
  const Graph& graph = net.graph;
  std::vector<KeptSlots> places(graph.nodes.size());
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    places[size_t(id)].name = node.name;
    places[size_t(id)].dense = node.type.shape;
    for (const SparseOperand& operand : sparse_operands(graph, node)) {
      const auto k = size_t(operand.values);
      KeptSlots& values = places[size_t(node.in[k])];
      if (values.sparse) continue;  // shared by two layers
      const SparsePattern p =
          read_pattern(operand.format, operand.dense, view(net.params[size_t(node.in[k + 1])]),
                       view(net.params[size_t(node.in[k + 2])]), node.name);
      values.sparse = true;
      values.dense = operand.dense;
      for (int64_t o = 0; o < p.out; ++o)
        for (int32_t e = p.row_begin[size_t(o)]; e < p.row_begin[size_t(o) + 1]; ++e)
          values.at.push_back(int32_t(o * p.in) + p.column[size_t(e)]);
    }
    if (node.op != &mul_op || node.type.batched) continue;
    for (int k : {0, 1}) {
      const Id param = node.in[size_t(k)], mask = node.in[size_t(1 - k)];
      if (graph[param].op == &param_op && graph[mask].op == &constant_op &&
          graph[param].type == graph[mask].type)
        places[size_t(param)].mask = net.params[size_t(mask)];
    }
  }
  return places;
}

// Element by element from one form to another.
void move(const KeptSlots& from, const Tensor& slot, const KeptSlots& to, Tensor& out) {
  const auto read = slot.read();
  const auto write = out.write();
  if (!from.sparse && !to.sparse) {
    std::ranges::copy(read, write.begin());
  } else if (!from.sparse) {
    const auto open = from.mask.read();
    for (size_t e = 0; e < to.at.size(); ++e) {
      const auto at = size_t(to.at[e]);
      write[e] = !from.mask || open[at] != 0 ? read[at] : 0;
    }
  } else if (!to.sparse) {
    for (size_t e = 0; e < from.at.size(); ++e) write[size_t(from.at[e])] = read[e];
  } else {
    size_t f = 0;
    for (size_t e = 0; e < to.at.size(); ++e) {
      while (f < from.at.size() && from.at[f] < to.at[e]) ++f;
      if (f < from.at.size() && from.at[f] == to.at[e]) write[e] = read[f];
    }
  }
}

}  // namespace

std::vector<KeptSlots> keep_slots(const Executor& executor, int count) {
  std::vector<KeptSlots> kept;
  if (count == 0) return kept;
  std::vector<KeptSlots> all = places(executor.net());
  const Graph& graph = executor.net().graph;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    if (graph[id].op != &param_op) continue;
    kept.push_back(std::move(all[size_t(id)]));
    for (int k = 0; k < count; ++k) kept.back().slots.push_back(executor.slot(id, k));
  }
  return kept;
}

void restore_slots(Executor& executor, const std::vector<KeptSlots>& kept) {
  if (kept.empty()) return;
  const std::vector<KeptSlots> all = places(executor.net());
  const Graph& graph = executor.net().graph;
  for (const KeptSlots& from : kept) {
    const std::optional<Id> id = graph.find(from.name);
    if (!id || graph[*id].op != &param_op) continue;
    const KeptSlots& to = all[size_t(*id)];
    if (to.dense != from.dense) continue;
    for (size_t k = 0; k < from.slots.size(); ++k) {
      Tensor slot(graph[*id].type.shape);
      move(from, from.slots[k], to, slot);
      executor.set_slot(*id, int(k), slot);
    }
  }
}

bool patterns_differ(const Net& a, const Net& b) {
  for (const Node& node : a.graph.nodes)
    for (const SparseOperand& operand : sparse_operands(a.graph, node))
      for (int k : {1, 2}) {
        const auto id = size_t(node.in[size_t(operand.values + k)]);
        if (!(a.params[id] == b.params[id])) return true;
      }
  return false;
}

}  // namespace sparlet
