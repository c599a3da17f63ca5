#include <algorithm>

#include "search/builder.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

using Sizes = std::vector<int64_t>;

// The flatten node whose result the node reads, through what keeps its elements in place.
const Node* flatten_before(const Graph& graph, const Node& node) {
  const Node* at = &graph[node.in[0]];
  while (at->op->name != "flatten") {
    if (at->in.size() != 1 || !(at->op->elementwise || at->op->random)) return nullptr;
    at = &graph[at->in[0]];
  }
  return at;
}

// The sizes by which a leaf is matched: a linear weight behind flatten is (out, c, h, w).
Sizes sizes_of(const Graph& graph, const std::vector<std::vector<Id>>& readers, Id leaf) {
  const Shape& shape = graph[leaf].type.shape;
  const Sizes plain(shape.begin(), shape.end());
  if (plain.size() != 2) return plain;
  for (Id reader = leaf; !readers[size_t(reader)].empty();) {
    reader = readers[size_t(reader)].front();  // through the product with a mask
    const Node& node = graph[reader];
    if (node.op->name != "linear") {
      if (node.type.batched) break;
      continue;
    }
    const Node* flatten = flatten_before(graph, node);
    if (!flatten) break;
    const Shape& map = graph[flatten->in[0]].type.shape;
    if (map.rank() != 3 || count(map) != plain[1]) break;
    return {plain[0], map[0], map[1], map[2]};
  }
  return plain;
}

int64_t product(const Sizes& sizes) {
  int64_t n = 1;
  for (int64_t size : sizes) n *= size;
  return n;
}

// The overlap of two boxes: leading in the first two dimensions, centred in the rest (kernels).
struct Overlap {
  Sizes size, from, to;  // `from`, `to`: where it begins in parent and child

  Overlap(const Sizes& parent, const Sizes& child) {
    for (size_t k = 0; k < child.size(); ++k) {
      size.push_back(std::min(parent[k], child[k]));
      from.push_back(k < 2 ? 0 : (parent[k] - size[k]) / 2);
      to.push_back(k < 2 ? 0 : (child[k] - size[k]) / 2);
    }
  }
};

Tensor overlaid(const Tensor& parent, const Sizes& parent_sizes, Tensor child,
                const Sizes& child_sizes) {
  const Overlap overlap(parent_sizes, child_sizes);
  const auto source = parent.read<float>();
  const auto target = child.write<float>();
  for (int64_t i = 0, n = product(overlap.size); i < n; ++i) {
    int64_t rest = i, from = 0, to = 0, from_stride = 1, to_stride = 1;
    for (size_t k = child_sizes.size(); k-- > 0;) {
      const int64_t at = rest % overlap.size[k];
      rest /= overlap.size[k];
      from += (overlap.from[k] + at) * from_stride;
      to += (overlap.to[k] + at) * to_stride;
      from_stride *= parent_sizes[k];
      to_stride *= child_sizes[k];
    }
    target[size_t(to)] = source[size_t(from)];
  }
  return child;
}

bool is_mask(const Node& node) { return node.op == &constant_op && node.name.ends_with(".mask"); }

bool inheritable(const Node& node) {
  return node.type.dtype == DType::f32 &&
         (node.op == &param_op || node.op == &state_op || is_mask(node));
}

}  // namespace

Inherited inherit(const Net& parent, Net child) {
  Inherited result{std::move(child), {}};
  const auto parent_readers = users(parent.graph), child_readers = users(result.net.graph);
  Inheritance& report = result.report;
  for (Id id = 0; id < Id(result.net.graph.nodes.size()); ++id) {
    const Node& node = result.net.graph[id];
    if (!inheritable(node)) continue;
    Tensor& value = result.net.params[size_t(id)];
    const bool trainable = node.op == &param_op;
    if (trainable) report.total += value.size();
    const auto source = parent.graph.find(node.name);
    const Sizes mine = sizes_of(result.net.graph, child_readers, id);
    const Sizes theirs = source ? sizes_of(parent.graph, parent_readers, *source) : Sizes{};
    if (!source || parent.graph[*source].op != node.op || !inheritable(parent.graph[*source]) ||
        theirs.size() != mine.size()) {
      report.fresh.push_back(node.name);
      continue;
    }
    const Tensor& given = parent.params[size_t(*source)];
    const bool whole = theirs == mine;
    if (is_mask(node) && !whole)
      for (float& entry : value.write<float>()) entry = 1;
    value = whole ? given : overlaid(given, theirs, value, mine);
    (whole ? report.copied : report.partly).push_back(node.name);
    if (trainable) report.elements += product(Overlap(theirs, mine).size);
  }
  return result;
}

std::string summary(const Inheritance& r) {
  return fmt::format("{} copied, {} partly, {} new; {:.0f} % of the weights", r.copied.size(),
                     r.partly.size(), r.fresh.size(),
                     r.total > 0 ? 100.0 * double(r.elements) / double(r.total) : 0.0);
}

}  // namespace sparlet::search
