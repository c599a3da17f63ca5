#include "autograd/layout.h"

#include <cstring>

#include "autograd/op.h"
#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

bool batched_map(const Type& type) { return type.batched && type.shape.rank() == 3; }
bool permutes(const Shape& map) { return map[0] > 1 && map[1] * map[2] > 1; }

// Gives unbatched values the placement their readers need, walking up through elementwise nodes.
class Placer {
 public:
  explicit Placer(const Graph& graph)
      : graph_(graph), users_(users(graph)), place_(graph.nodes.size()), fixed_(place_.size()) {}

  std::vector<Placement> run() {
    for (Id id = 0; id < Id(place_.size()); ++id) place_node(id);
    for (Id id = 0; id < Id(place_.size()); ++id) check(id);
    return place_;
  }

 private:
  void place_node(Id id) {
    const Node& node = graph_[id];
    if (batched_map(node.type)) place_[size_t(id)] = {Layout::hwc, {}};
    if (node.op == &conv2d_op || node.op == &conv_transpose2d_op)
      want(node.in[1], {Layout::ohwi, {}});
    if (node.op == &flatten_op && node.type.batched && batched_map(graph_[node.in[0]].type)) {
      const Shape& map = graph_[node.in[0]].type.shape;
      if (permutes(map) && reaches_linear(id)) place_[size_t(id)] = {Layout::flat_hwc, map};
    }
    if (node.op->elementwise && node.type.batched && node.type.shape.rank() == 1)
      for (Id in : node.in)
        if (place_[size_t(in)].layout == Layout::flat_hwc) place_[size_t(id)] = place_[size_t(in)];
    if (node.op == &linear_op && place_[size_t(node.in[0])].layout == Layout::flat_hwc)
      want(node.in[1], {Layout::columns, place_[size_t(node.in[0])].map});
  }

  // Whether every path from `id` ends in a linear layer's data, through elementwise nodes with one
  // batched operand, and no linear weight on the way is used with another order.
  bool reaches_linear(Id id) const {
    if (id == graph_.output() || users_[size_t(id)].empty()) return false;
    for (Id user : users_[size_t(id)]) {
      const Node& node = graph_[user];
      if ((node.op == &linear_csr_op || node.op == &linear_coo_op) && node.in[0] == id) {
        continue;  // takes its columns in any order
      } else if (node.op == &linear_op && node.in[0] == id && node.in[1] != id) {
        if (!only_weight_of_linear(node.in[1])) return false;
      } else if (node.op->elementwise && scalar_others(node, id)) {
        if (!reaches_linear(user)) return false;
      } else {
        return false;
      }
    }
    return true;
  }

  bool scalar_others(const Node& node, Id id) const {
    for (Id in : node.in)
      if (in != id && count(graph_[in].type.shape) > 1) return false;
    return true;
  }

  // A weight (with its masks) that nothing but one linear layer reads.
  bool only_weight_of_linear(Id id) const {
    if (users_[size_t(id)].size() != 1 || graph_[id].type.shape.rank() != 2) return false;
    const Node& node = graph_[id];
    if (is_leaf(*node.op)) return true;
    if (!node.op->elementwise) return false;
    for (Id in : node.in)
      if (!only_weight_of_linear(in)) return false;
    return true;
  }

  void want(Id id, const Placement& placement) {
    const Node& node = graph_[id];
    Placement& now = place_[size_t(id)];
    require(!fixed_[size_t(id)] || now == placement,
            "{}: read by layers that need its numbers in two orders", node.name);
    now = placement;
    fixed_[size_t(id)] = true;
    if (is_leaf(*node.op)) return;
    require(node.op->elementwise, "{} ({}): cannot stand between a weight and its layer", node.name,
            node.op->name);
    for (Id in : node.in)
      if (graph_[in].type.shape == node.type.shape) want(in, placement);
  }

  // An elementwise node's operands of its own shape must lie as it does.
  void check(Id id) const {
    const Node& node = graph_[id];
    if (!node.op->elementwise) return;
    for (Id in : node.in)
      if (graph_[in].type.shape == node.type.shape && graph_[in].type.batched == node.type.batched)
        require(place_[size_t(in)] == place_[size_t(id)], "{} ({}): {} lies in another order",
                node.name, node.op->name, graph_[in].name);
  }

  const Graph& graph_;
  const std::vector<std::vector<Id>> users_;
  std::vector<Placement> place_;
  std::vector<bool> fixed_;
};

// Walks the elements in memory order; calls visit(memory offset, plain offset).
template <class Visit>
void hwc_order(const Shape& chw, int64_t base, Visit visit) {
  const int64_t c = chw[0], hw = chw[1] * chw[2];
  for (int64_t p = 0; p < hw; ++p)
    for (int64_t k = 0; k < c; ++k) visit(base + p * c + k, base + k * hw + p);
}

// One value of `shape`: calls visit(memory offset, plain offset) for each element.
template <class Visit>
void each(const Placement& placement, const Shape& shape, Visit visit) {
  switch (placement.layout) {
    case Layout::plain:
      for (int64_t i = 0; i < count(shape); ++i) visit(i, i);
      return;
    case Layout::hwc:
      return hwc_order(shape, 0, visit);
    case Layout::flat_hwc:
      return hwc_order(placement.map, 0, visit);
    case Layout::ohwi: {
      const Shape map{shape[1], shape[2], shape[3]};
      for (int64_t o = 0; o < shape[0]; ++o) hwc_order(map, o * count(map), visit);
      return;
    }
    case Layout::columns:
      for (int64_t o = 0; o < shape[0]; ++o) hwc_order(placement.map, o * shape[1], visit);
  }
}

template <class T>
void permute(const Placement& placement, const Shape& shape, int64_t n, const void* from, void* to,
             bool into_memory) {
  const int64_t size = count(shape);
  for (int64_t s = 0; s < n; ++s) {
    const T* source = static_cast<const T*>(from) + s * size;
    T* target = static_cast<T*>(to) + s * size;
    if (into_memory)
      each(placement, shape,
           [&](int64_t memory, int64_t plain) { target[memory] = source[plain]; });
    else
      each(placement, shape,
           [&](int64_t memory, int64_t plain) { target[plain] = source[memory]; });
  }
}

void move(const Placement& placement, const Type& type, int64_t n, const void* from, void* to,
          bool into_memory) {
  if (placement.layout == Layout::plain) {
    std::memcpy(to, from, size_t(n * count(type.shape) * bytes_of(type.dtype)));
    return;
  }
  switch (bytes_of(type.dtype)) {
    case 1:
      return permute<uint8_t>(placement, type.shape, n, from, to, into_memory);
    case 2:
      return permute<uint16_t>(placement, type.shape, n, from, to, into_memory);
    default:
      return permute<uint32_t>(placement, type.shape, n, from, to, into_memory);
  }
}

}  // namespace

std::vector<Placement> choose_layouts(const Graph& graph) { return Placer(graph).run(); }

std::vector<int32_t> memory_order(const Placement& placement, const Shape& shape) {
  std::vector<int32_t> order(size_t(count(shape)));
  bool same = true;
  each(placement, shape, [&](int64_t memory, int64_t plain) {
    order[size_t(memory)] = int32_t(plain);
    same = same && memory == plain;
  });
  return same ? std::vector<int32_t>{} : order;
}

void to_memory(const Placement& placement, const Type& type, int64_t n, const void* plain,
               void* memory) {
  move(placement, type, n, plain, memory, true);
}

void to_plain(const Placement& placement, const Type& type, int64_t n, const void* memory,
              void* plain) {
  move(placement, type, n, memory, plain, false);
}

}  // namespace sparlet
