#include "sparse/constants.h"

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"

namespace sparlet::sparse {
namespace {

using Known = std::vector<std::optional<float>>;

bool is_conv(const OpDef* op) { return op == &conv1d_op || op == &conv2d_op || op == &conv3d_op; }

// What an elementwise op makes of one number.
float applied(const Node& node, float x) {
  Net net;
  net.graph.add(input_op, "x", {}, {{"shape", attr(Shape{1})}});
  net.graph.add(*node.op, "y", {0}, node.attrs);
  net.params.resize(2);
  return run(net, {Shape{1, 1}, DType::f32, &x}).read()[0];
}

class Walk {
 public:
  Walk(const Net& net, const Channels& channels) : net_(net), known_(net.graph.nodes.size()) {
    for (Id id = 0; id < Id(known_.size()); ++id) {
      if (channels.of[size_t(id)].empty()) continue;
      known_[size_t(id)].resize(channels.of[size_t(id)].size());
      visit(id);
    }
  }
  Constants take() { return std::move(known_); }

 private:
  void visit(Id id) {
    const Node& node = net_.graph[id];
    Known& mine = known_[size_t(id)];
    if (node.op == &linear_op || is_conv(node.op)) return layer(node, mine);
    if (node.op == &batch_norm_op) return norm(node, mine);
    if (node.op == &add_op || node.op == &sub_op || node.op == &mul_op) return pair(node, mine);
    if (node.op == &concat_op) {
      size_t at = 0;
      for (const Id part : node.in)
        for (const auto& value : known_[size_t(part)]) mine[at++] = value;
      return;
    }
    if (node.in.size() != 1 || known_[size_t(node.in[0])].empty()) return;
    const Known& from = known_[size_t(node.in[0])];
    const size_t inner = mine.size() / from.size();
    const bool same = node.op == &flatten_op || node.op == &max_pool_op ||
                      node.op == &max_pool1d_op || node.op == &max_pool3d_op ||
                      node.op == &global_avg_pool_op || node.op == &upsample_nearest2d_op ||
                      node.op == &adaptive_avg_pool1d_op || node.op == &adaptive_avg_pool2d_op;
    const bool average =
        node.op == &avg_pool_op || node.op == &avg_pool1d_op || node.op == &avg_pool3d_op;
    if (mine.size() % from.size() != 0) return;
    for (size_t i = 0; i < mine.size(); ++i) {
      const std::optional<float> x = from[i / inner];
      if (!x) continue;
      if (same || (average && (*x == 0 || !pads(node))))
        mine[i] = x;
      else if (node.op->elementwise)
        mine[i] = applied(node, *x);
    }
  }

  // Sums to a constant where all that is read is one; behind a border of zeros only zeros are.
  void layer(const Node& node, Known& mine) {
    if (node.type.shape.rank() == 2 && node.op == &linear_op) return;
    const Known& x = known_[size_t(node.in[0])];
    const Tensor weight = operand(net_, node, 1);
    const Shape& shape = weight.shape();
    const size_t rows = size_t(shape[0]), columns = size_t(shape[1]);
    const size_t inner = size_t(weight.size()) / rows / columns;
    const bool depthwise = node.op != &linear_op && node.integer("groups", 1) > 1;
    if (depthwise && (columns != 1 || rows != x.size())) return;
    Tensor bias = node.in.size() > 2 ? operand(net_, node, 2) : Tensor(Shape{shape[0]});
    for (size_t o = 0; o < rows; ++o) {
      double sum = bias.read()[o];
      bool known = true;
      for (size_t i = 0; i < columns && known; ++i) {
        const auto taps = weight.read().subspan((o * columns + i) * inner, inner);
        if (std::ranges::all_of(taps, [](float w) { return w == 0; })) continue;
        const std::optional<float> value = x[depthwise ? o : i];
        known = value && (*value == 0 || !pads(node));
        if (known)
          for (const float w : taps) sum += double(w) * *value;
      }
      if (known) mine[o] = float(sum);
    }
  }

  void norm(const Node& node, Known& mine) {
    const Known& x = known_[size_t(node.in[0])];
    const Tensor gamma = operand(net_, node, 1), beta = operand(net_, node, 2),
                 mean = operand(net_, node, 3), variance = operand(net_, node, 4);
    const double epsilon = node.number("epsilon", 1e-5);
    for (size_t c = 0; c < mine.size(); ++c) {
      const double scale = gamma.read()[c] / std::sqrt(double(variance.read()[c]) + epsilon);
      if (scale == 0)
        mine[c] = beta.read()[c];
      else if (x[c])
        mine[c] = float((double(*x[c]) - mean.read()[c]) * scale + beta.read()[c]);
    }
  }

  void pair(const Node& node, Known& mine) {
    const auto value = [&](size_t k, size_t i) -> std::optional<float> {
      const Id id = node.in[k];
      const Known& known = known_[size_t(id)];
      if (!known.empty()) return known.size() == mine.size() ? known[i] : std::nullopt;
      const Type& type = net_.graph[id].type;
      if (type.batched || count(type.shape) != 1) return {};
      return evaluate_unbatched(net_, id).read()[0];
    };
    for (size_t i = 0; i < mine.size(); ++i) {
      const auto a = value(0, i), b = value(1, i);
      if (node.op == &mul_op && ((a && *a == 0) || (b && *b == 0)))
        mine[i] = 0;
      else if (a && b)
        mine[i] = node.op == &add_op ? *a + *b : node.op == &sub_op ? *a - *b : *a * *b;
    }
  }

  const Net& net_;
  Constants known_;
};

}  // namespace

Tensor operand(const Net& net, const Node& node, int input) {
  return evaluate_unbatched(net, node.in[size_t(input)]);
}

bool pads(const Node& node) {
  const auto pad = node.attrs.find("pad");
  if (pad == node.attrs.end()) return false;
  if (const auto* one = std::get_if<double>(&pad->second)) return *one != 0;
  const auto* list = std::get_if<std::vector<double>>(&pad->second);
  return !list || std::ranges::any_of(*list, [](double p) { return p != 0; });
}

Constants constants_of(const Net& net, const Channels& channels) {
  return Walk(net, channels).take();
}

}  // namespace sparlet::sparse
