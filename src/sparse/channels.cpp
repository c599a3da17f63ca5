#include "sparse/channels.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "autograd/ops/ops.h"
#include "sparse/weights.h"

namespace sparlet::sparse {
namespace {

bool any_of(const OpDef* op, std::initializer_list<const OpDef*> list) {
  return std::ranges::find(list, op) != list.end();
}

// Joins labels into groups as it walks the graph.
class Grouping {
 public:
  explicit Grouping(const Graph& graph)
      : graph_(graph), of_(graph.nodes.size()), readers_(users(graph)) {
    for (Id id = 0; id < Id(graph.nodes.size()); ++id)
      if (graph[id].type.batched) visit(id);
    fix(graph.output());
  }

  Channels result() {
    Channels out;
    std::map<int32_t, int32_t> number;
    for (size_t label = 0; label < parent_.size(); ++label) {
      const int32_t root = find(int32_t(label));
      if (number.try_emplace(root, int32_t(number.size())).second) out.fixed.push_back(false);
      if (fixed_[label]) out.fixed[size_t(number[root])] = true;
    }
    for (std::vector<int32_t>& labels : of_)
      for (int32_t& label : labels) label = number[find(label)];
    out.of = std::move(of_);
    return out;
  }

 private:
  int32_t find(int32_t label) {
    while (parent_[size_t(label)] != label) label = parent_[size_t(label)];
    return label;
  }
  void join(int32_t a, int32_t b) { parent_[size_t(find(b))] = find(a); }
  void fix(Id id) {
    for (const int32_t label : of_[size_t(id)]) fixed_[size_t(label)] = true;
  }
  std::vector<int32_t> fresh(int64_t n) {
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < n; ++i) {
      labels.push_back(int32_t(parent_.size()));
      parent_.push_back(labels.back());
      fixed_.push_back(false);
    }
    return labels;
  }
  const std::vector<int32_t>& in(const Node& node, size_t k) const {
    return of_[size_t(node.in[k])];
  }

  // All that this op reads stays, and all that it makes.
  void fix_around(Id id) {
    for (const Id read : graph_[id].in) fix(read);
    of_[size_t(id)] = fresh(graph_[id].type.shape[0]);
    fix(id);
  }

  // Nobody else reads the layer's weights, so that they may be cut.
  bool owns_weights(const Node& node) const {
    for (size_t k = 1; k < node.in.size(); ++k) {
      const Id id = node.in[k];
      if (readers_[size_t(id)].size() > 1) return false;
      for (const Id below : graph_[id].in)
        if (readers_[size_t(below)].size() > 1) return false;
    }
    return true;
  }

  void visit(Id id) {
    const Node& node = graph_[id];
    std::vector<int32_t>& mine = of_[size_t(id)];
    const Shape& shape = node.type.shape;
    if (node.op == &input_op) {
      mine = fresh(shape.rank() == 0 ? 1 : shape[0]);
      return fix(id);
    }
    if (node.op == &linear_op && shape.rank() == 1 && owns_weights(node)) {
      mine = fresh(shape[0]);
    } else if (any_of(node.op, {&conv1d_op, &conv2d_op, &conv3d_op}) && owns_weights(node)) {
      visit_conv(id);
    } else if (node.op == &batch_norm_op && owns_weights(node)) {
      mine = in(node, 0);
    } else if (passes(node)) {
      mine = in(node, 0);
    } else if (any_of(node.op, {&add_op, &sub_op, &mul_op})) {
      visit_pair(id);
    } else if (node.op == &concat_op && node.integer("axis", 0) == 0) {
      for (size_t k = 0; k < node.in.size(); ++k)
        mine.insert(mine.end(), in(node, k).begin(), in(node, k).end());
    } else if (node.op == &flatten_op) {
      const std::vector<int32_t>& from = in(node, 0);
      for (const int32_t label : from)
        mine.insert(mine.end(), size_t(shape[0]) / from.size(), label);
    } else {
      fix_around(id);
    }
  }

  // Channel by channel, one input.
  bool passes(const Node& node) const {
    if (node.in.size() != 1) return false;
    if (node.op->elementwise) return true;
    return any_of(node.op, {&max_pool_op, &avg_pool_op, &global_avg_pool_op, &max_pool1d_op,
                            &avg_pool1d_op, &max_pool3d_op, &avg_pool3d_op, &adaptive_avg_pool1d_op,
                            &adaptive_avg_pool2d_op, &upsample_nearest2d_op});
  }

  void visit_conv(Id id) {
    const Node& node = graph_[id];
    const int64_t groups = node.integer("groups", 1), channels = int64_t(in(node, 0).size());
    if (groups == 1)
      of_[size_t(id)] = fresh(node.type.shape[0]);
    else if (groups == channels && node.type.shape[0] == channels)  // depthwise
      of_[size_t(id)] = in(node, 0);
    else
      fix_around(id);
  }

  void visit_pair(Id id) {
    const Node& node = graph_[id];
    const std::vector<int32_t>&a = in(node, 0), &b = in(node, 1);
    if (a.size() == b.size() && graph_[node.in[0]].type.shape == graph_[node.in[1]].type.shape) {
      for (size_t i = 0; i < a.size(); ++i) join(a[i], b[i]);
      of_[size_t(id)] = a;
      return;
    }
    // A number for all channels.
    for (const size_t k : {0, 1}) {
      const Type& other = graph_[node.in[1 - k]].type;
      if (!in(node, k).empty() && !other.batched && count(other.shape) == 1) {
        of_[size_t(id)] = in(node, k);
        return;
      }
    }
    fix_around(id);
  }

  const Graph& graph_;
  std::vector<std::vector<int32_t>> of_;
  std::vector<std::vector<Id>> readers_;
  std::vector<int32_t> parent_;
  std::vector<bool> fixed_;
};

}  // namespace

Channels channels_of(const Graph& graph) { return Grouping(graph).result(); }

}  // namespace sparlet::sparse
