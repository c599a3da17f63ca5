// fold_norms: y = gamma (x - mean) / sqrt(var + epsilon) + beta is x * k + t per channel (Ioffe &
// Szegedy 2015, section 3.1), and k and t go into the conv or linear layer before it
// (Jacob et al. 2018, eq. 14).
#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "quant/quantize.h"
#include "quant/values.h"
#include "sparse/convert.h"
#include "tensor/error.h"

namespace sparlet::quant {
namespace {

struct Affine {
  std::vector<double> factor, offset;  // by channel
};

Affine affine_of(const Net& net, const Node& norm) {
  const auto read = [&](size_t i) { return net.params[size_t(norm.in[i])].read(); };
  const auto gamma = read(1), beta = read(2), mean = read(3), var = read(4);
  const double epsilon = norm.number("epsilon", 1e-5);
  Affine affine;
  for (size_t c = 0; c < gamma.size(); ++c) {
    const double factor = gamma[c] / std::sqrt(double(var[c]) + epsilon);
    affine.factor.push_back(factor);
    affine.offset.push_back(beta[c] - mean[c] * factor);
  }
  return affine;
}

Tensor to_tensor(const Shape& shape, const std::vector<double>& values) {
  return Tensor(shape, std::vector<float>(values.begin(), values.end()));
}

// Grows the folded net. Leaves are copied when an op first wants them, so that none is left over.
class Folder {
 public:
  explicit Folder(const Net& net) : net_(net), users_(users(net.graph)) {}

  Id visit(Rewriter& to, Id id) {
    const Node& node = net_.graph[id];
    if (node.op == &input_op) return to.copy(id);
    if (is_leaf(*node.op) || folds_into_next(id)) return -1;
    if (node.op == &dropout_op) return to.now(node.in[0]);
    if (node.op == &batch_norm_op) return norm(to, node);
    for (Id in : node.in) want(to, in);
    return to.copy(id);
  }

 private:
  void want(Rewriter& to, Id leaf) {
    if (to.now(leaf) < 0) to.set_now(leaf, to.copy(leaf));
  }

  // A conv or linear layer that only a batch-norm reads, and whose weights can be changed.
  bool folds_into_next(Id id) const {
    const Node& node = net_.graph[id];
    if (node.op != &conv2d_op && node.op != &linear_op) return false;
    const std::vector<Id>& next = users_[size_t(id)];
    return next.size() == 1 && net_.graph[next[0]].op == &batch_norm_op &&
           net_.graph[next[0]].in[0] == id && id != net_.graph.output();
  }

  Id norm(Rewriter& to, const Node& node) {
    const Affine affine = affine_of(net_, node);
    const Id before = node.in[0];
    return folds_into_next(before) ? into_layer(to, before, affine) : alone(to, node, affine);
  }

  Id into_layer(Rewriter& to, Id id, const Affine& affine) {
    const Node& layer = net_.graph[id];
    const Node& weight = net_.graph[layer.in[1]];
    Tensor w = net_.params[size_t(layer.in[1])];
    const Tensor bias = layer.in.size() > 2 ? net_.params[size_t(layer.in[2])] : Tensor();
    const size_t channels = affine.factor.size(), row = size_t(w.size()) / channels;
    std::vector<double> b(channels);
    const auto values = w.write();
    for (size_t c = 0; c < channels; ++c) {
      for (size_t i = c * row; i < (c + 1) * row; ++i)
        values[i] = float(values[i] * affine.factor[c]);
      b[c] = affine.offset[c] + (bias ? bias.read()[c] * affine.factor[c] : 0.0);
    }
    const std::string bias_name =
        layer.in.size() > 2 ? net_.graph[layer.in[2]].name : layer.name + ".b";
    const Id w_id = to.leaf(param_op, unused(to.to().graph, weight.name), w);
    const Id b_id =
        to.leaf(param_op, unused(to.to().graph, bias_name), to_tensor({int64_t(channels)}, b));
    return to.add(*layer.op, layer.name, {to.now(layer.in[0]), w_id, b_id}, layer.attrs);
  }

  Id alone(Rewriter& to, const Node& node, const Affine& affine) {
    const int64_t c = int64_t(affine.factor.size());
    const Graph& graph = to.to().graph;
    const Id x = to.now(node.in[0]);
    const bool map = node.type.shape.rank() == 3;
    const Id k = to.leaf(param_op, unused(graph, node.name + ".w"),
                         to_tensor(map ? Shape{c, 1, 1, 1} : Shape{c}, affine.factor));
    const Id t = to.leaf(param_op, unused(graph, node.name + ".b"), to_tensor({c}, affine.offset));
    if (map) return to.add(conv2d_op, node.name, {x, k, t}, {{"groups", double(c)}});
    const Id scaled = to.add(mul_op, unused(graph, node.name + ".scaled"), {x, k});
    return to.add(add_op, node.name, {scaled, t});
  }

  const Net& net_;
  std::vector<std::vector<Id>> users_;
};

}  // namespace

// Each pass makes a net: only those that have something to do.
Net fold_norms(const Net& net) {
  const auto any = [](const Net& of, auto&& is) { return std::ranges::any_of(of.graph.nodes, is); };
  const auto is_sparse = [](const Node& node) { return node.op->sparse != nullptr; };
  const auto is_dropout = [](const Node& node) { return node.op == &dropout_op; };
  Net plain = net;
  if (any(net, is_sparse))
    plain =
        sparse::convert(net, sparse::Format::dense,
                        {.which = [&](const Graph&, const Node& node) { return is_sparse(node); }});
  plain = fold_constants(plain, true);
  // Dropout first, so that it does not stand between a layer and its batch-norm.
  if (any(plain, is_dropout))
    plain = rewrite(plain, [&](Rewriter& to, Id id) {
      const Node& node = to.old(id);
      return is_dropout(node) ? to.now(node.in[0]) : to.copy(id);
    });
  Folder folder(plain);
  return rewrite(plain, [&](Rewriter& to, Id id) { return folder.visit(to, id); });
}

}  // namespace sparlet::quant
