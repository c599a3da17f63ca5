#include <cmath>
#include <numeric>

#include "autograd/ops/ops.h"
#include "autograd/ops/ops_i8.h"
#include "quant/fusion.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::quant {
namespace {

// A float node's int8 value. `order`: where a row came from a map, memory element i is element
// order[i] of the float row; empty where they are the same.
struct Lowered {
  Id id = -1;
  Scale scale;
  std::vector<int32_t> order = {};
};

class Lowering {
 public:
  Lowering(const Net& net, const Ranges& ranges, const ToInt8& options)
      : net_(net),
        graph_(net.graph),
        ranges_(ranges),
        options_(options),
        fusion_(find_fusion(net)),
        made_(graph_.nodes.size()) {}

  Id visit(Rewriter& to, Id id) {
    const Node& node = graph_[id];
    if (!node.type.batched) {
      require(is_leaf(*node.op), "{} ({}): computed from weights; int8 wants folded ones",
              node.name, node.op->name);
      return -1;
    }
    to_ = &to;
    made_[size_t(id)] = lower(id, node);
    if (id == graph_.output()) finish(node, made_[size_t(id)]);
    return made_[size_t(id)].id;
  }

 private:
  Lowered lower(Id id, const Node& node) {
    const OpDef* op = node.op;
    if (op == &input_op) return input(id, node);
    if (fusion_.bytes[size_t(id)]) return bytes(node);
    if (fusion_.vanishes[size_t(id)]) return x(node);
    if (fusion_.affine[size_t(id)]) return affine(id, node);
    if (op == &conv2d_op) return conv(id, node);
    if (op == &linear_op) return linear(id, node);
    if (op == &flatten_op) return flatten(node);
    if (op == &max_pool_op) return simple(id, node, max_pool_i8_op, {x(node)}, x(node).scale);
    if (op == &avg_pool_op) return simple(id, node, avg_pool_i8_op, {x(node)}, x(node).scale);
    if (op == &global_avg_pool_op)
      return simple(id, node, global_avg_pool_i8_op, {x(node)}, own(id));
    if (op == &relu_op || op == &relu6_op) return relu(id, node);
    if (op == &add_op) return binary(id, node, add_i8_op);
    if (op == &sub_op) return binary(id, node, sub_i8_op);
    if (op == &mul_op) return binary(id, node, mul_i8_op);
    if (op == &concat_op) return concat(id, node);
    if (op == &softmax_op) return softmax(id, node);
    fail("{} ({}): has no int8 form", node.name, op->name);
  }

  const Lowered& x(const Node& node, size_t k = 0) const { return made_[size_t(node.in[k])]; }

  Scale own(Id id) const {
    const Node& node = graph_[fusion_.range_from[size_t(id)]];
    const auto found = ranges_.find(node.name);
    require(node.type.dtype != DType::i32, "{} ({}): values of i32 have no int8 form", node.name,
            node.op->name);
    require(found != ranges_.end(), "{} ({}): no observed range", node.name, node.op->name);
    return scale_of(found->second);
  }

  Id add(const OpDef& op, const std::string& name, std::vector<Id> in, Attrs attrs) {
    return to_->add(op, unused(to_->to().graph, name), std::move(in), std::move(attrs));
  }

  Attrs quantized(Id id, const Scale& scale, const Attrs& more = {}) const {
    Attrs attrs = attrs_of(scale, fusion_.clamp[size_t(id)]);
    attrs.insert(more.begin(), more.end());
    return attrs;
  }

  // A byte v stands for (v - mean) * factor, and is stored as v - 128.
  Lowered input(Id id, const Node& node) {
    Scale scale;
    if (const Id normalized = fusion_.normalized[size_t(id)]; normalized >= 0) {
      const Node& times = graph_[normalized];
      const float mean = net_.params[size_t(graph_[times.in[0]].in[1])].read()[0];
      const auto seen = ranges_.find(node.name);
      require(seen == ranges_.end() || (seen->second.low >= 0 && seen->second.high <= 255),
              "{} (input): a whole-number mean is for bytes, but values from {} to {} were seen",
              node.name, seen->second.low, seen->second.high);
      scale = {net_.params[size_t(times.in[1])].read()[0], int8_t(int(mean) - 128)};
    } else {
      scale = own(id);
    }
    Attrs attrs = attrs_of(scale);
    attrs["shape"] = attr(node.type.shape);
    attrs["dtype"] = std::string("i8");
    return {add(input_op, node.name, {}, attrs), scale};
  }

  Lowered bytes(const Node& node) const { return x(node); }

  // --- layers with weights

  const Tensor& weight_of(const Node& node, size_t k) const {
    const Tensor& value = net_.params[size_t(node.in[k])];
    require(value && value.dtype() == DType::f32, "{} ({}): {} has no float values", node.name,
            node.op->name, graph_[node.in[k]].name);
    return value;
  }

  std::vector<double> bias_of(const Node& node, int64_t out) const {
    if (node.in.size() < 3) return std::vector<double>(size_t(out), 0.0);
    const auto values = weight_of(node, 2).read();
    return {values.begin(), values.end()};
  }

  struct Ops {
    const OpDef &dense, &bitmask;
    Shape weight;         // of the dense form
    Attrs bitmask_attrs;  // what the bits do not tell
  };

  Lowered layer(Id id, const Lowered& from, const Layer& layer, const Ops& ops, const Attrs& more) {
    const Node& node = graph_[id];
    const Scale scale = own(id);
    const Layer8 made =
        quantize(fmt::format("{} ({})", node.name, node.op->name), layer, from.scale, scale);
    Attrs attrs = quantized(id, scale, more);
    std::vector<Id> in{from.id};
    const auto leaf = [&](const char* suffix, const Tensor& value) {
      in.push_back(to_->leaf(constant_op, unused(to_->to().graph, node.name + suffix), value));
    };
    const Bitmask mask = bitmask_of(made.weights);
    const bool smaller =
        bitmask_bytes(made.weights.size(), mask.nonzeros) < dense_bytes(made.weights.size());
    const bool sparse = options_.encoding == Encoding::bitmask ||
                        (options_.encoding == Encoding::smallest && smaller);
    if (sparse) {
      attrs.insert(ops.bitmask_attrs.begin(), ops.bitmask_attrs.end());
      leaf(".bits", mask.bits);
      leaf(".values", mask.values);
    } else {
      leaf(".weight", made.weights.reshaped(ops.weight));
    }
    leaf(".bias", made.bias);
    leaf(".scale", made.scale);
    return {add(sparse ? ops.bitmask : ops.dense, node.name, in, attrs), scale};
  }

  static Ops conv_ops(int64_t out, int64_t kh, int64_t kw, int64_t i) {
    return {conv2d_i8_op,
            conv2d_bitmask_i8_op,
            {out, kh, kw, i},
            {{"kernel", std::vector<double>{double(kh), double(kw)}}, {"out", double(out)}}};
  }

  Lowered conv(Id id, const Node& node) {
    const Tensor& w = weight_of(node, 1);
    const Shape& s = w.shape();
    Layer made{std::vector<float>(size_t(w.size())), bias_of(node, s[0])};
    to_memory({Layout::ohwi, {}}, {s, DType::f32, false}, 1, w.read().data(), made.weights.data());
    return layer(id, x(node), made, conv_ops(s[0], s[2], s[3], s[1]), node.attrs);
  }

  Lowered linear(Id id, const Node& node) {
    const Tensor& w = weight_of(node, 1);
    const Lowered& from = x(node);
    const int64_t out = w.shape()[0], in = w.shape()[1];
    require(graph_[node.in[0]].type.shape.rank() == 1, "{} (linear): only rows have an int8 form",
            node.name);
    Layer made{{w.read().begin(), w.read().end()}, bias_of(node, out)};
    if (!from.order.empty())
      for (int64_t o = 0; o < out; ++o)
        for (int64_t i = 0; i < in; ++i)
          made.weights[size_t(o * in + i)] = w.read()[size_t(o * in + from.order[size_t(i)])];
    return layer(id, from, made,
                 {linear_i8_op, linear_bitmask_i8_op, {out, in}, {{"out", double(out)}}}, {});
  }

  // y = k x + t by channel: a depthwise 1x1 conv. A row is seen as a map of one position.
  Lowered affine(Id id, const Node& node) {
    if (fusion_.only_user(graph_, id) && fusion_.affine[size_t(fusion_.users[size_t(id)][0])])
      return {};  // done by the last of the chain
    std::vector<Id> chain{id};
    for (Id at = batched_operand(graph_, node);
         fusion_.affine[size_t(at)] && made_[size_t(at)].id < 0;
         at = batched_operand(graph_, graph_[at]))
      chain.insert(chain.begin(), at);
    Affine numbers;
    for (Id step : chain) append_step(net_, step, numbers);
    Lowered from = made_[size_t(batched_operand(graph_, graph_[chain[0]]))];
    const int64_t c = node.type.shape[0];
    Layer made{std::vector<float>(size_t(c)), std::vector<double>(size_t(c))};
    for (size_t i = 0; i < size_t(c); ++i) {
      const size_t k = from.order.empty() ? i : size_t(from.order[i]);
      made.weights[i] = float(numbers.factor[k]);
      made.bias[i] = numbers.offset[k];
    }
    const bool row = node.type.shape.rank() == 1;
    if (row) from.id = copy(from, node.name + ".map", {c, 1, 1});
    Lowered to = layer(id, from, made, conv_ops(c, 1, 1, 1), {{"groups", double(c)}});
    if (row) to.id = copy(to, node.name + ".row", {c});
    to.order = from.order;
    return to;
  }

  // --- layers without

  Id copy(const Lowered& from, const std::string& name, const Shape& shape) {
    if (to_->to().graph[from.id].type.shape == shape) return from.id;
    Attrs attrs = attrs_of(from.scale);
    attrs["shape"] = attr(shape);
    return add(copy_i8_op, name, {from.id}, attrs);
  }

  // A flattened map is a row only for those who look: linear reads any shape.
  Lowered flatten(const Node& node) const {
    Lowered made = x(node);
    const Shape& map = graph_[node.in[0]].type.shape;
    if (map.rank() == 3) made.order = memory_order({Layout::flat_hwc, map}, node.type.shape);
    return made;
  }

  Lowered as_declared(const Node& node, size_t k) {
    const Node& in = graph_[node.in[k]];
    Lowered& from = made_[size_t(node.in[k])];
    from.id = copy(from, in.name, in.type.shape);
    return from;
  }

  Lowered simple(Id id, const Node& node, const OpDef& op, std::vector<Lowered> from,
                 const Scale& scale) {
    std::vector<Id> in;
    for (const Lowered& value : from) in.push_back(value.id);
    return {add(op, node.name, in, quantized(id, scale, node.attrs)), scale, from[0].order};
  }

  Lowered relu(Id id, const Node& node) {
    Attrs attrs = attrs_of(own(id), {0, node.op == &relu6_op ? 6 : 1e30});
    const Lowered from = as_declared(node, 0);
    return {add(requantize_i8_op, node.name, {from.id}, attrs), own(id), from.order};
  }

  Lowered binary(Id id, const Node& node, const OpDef& op) {
    const Lowered a = as_declared(node, 0), b = as_declared(node, 1);
    require(graph_[node.in[0]].type.shape == graph_[node.in[1]].type.shape,
            "{} ({}): operands of two shapes have no int8 form", node.name, node.op->name);
    require(a.order == b.order, "{} ({}): a flattened map and a row have no int8 form here",
            node.name, node.op->name);
    return simple(id, node, op, {a, b}, own(id));
  }

  Lowered concat(Id id, const Node& node) {
    std::vector<Lowered> parts;
    std::vector<int32_t> order;
    bool moved = false;
    for (size_t k = 0; k < node.in.size(); ++k) {
      parts.push_back(as_declared(node, k));
      const int32_t base = int32_t(order.size());
      std::vector<int32_t> mine = parts.back().order;
      moved = moved || !mine.empty();
      if (mine.empty()) {
        mine.resize(size_t(graph_[node.in[k]].type.shape[0]));
        std::iota(mine.begin(), mine.end(), 0);
      }
      for (int32_t i : mine) order.push_back(base + i);
    }
    Lowered made = simple(id, node, concat_i8_op, parts, own(id));
    made.order = moved ? order : std::vector<int32_t>{};
    return made;
  }

  Lowered softmax(Id id, const Node& node) {
    require(node.integer("axis", 0) == 0 && node.type.shape.rank() != 2,
            "{} (softmax): only over features or channels it has an int8 form", node.name);
    return simple(id, node, softmax_i8_op, {as_declared(node, 0)}, {1.0f / 256, -128});
  }

  // The output is what its float node says: its shape and its order.
  void finish(const Node& node, Lowered& made) {
    require(made.order.empty(),
            "{} ({}): a flattened map has an int8 form before a linear layer, not as the output",
            node.name, node.op->name);
    made.id = copy(made, node.name, node.type.shape);
  }

  const Net& net_;
  const Graph& graph_;
  const Ranges& ranges_;
  const ToInt8& options_;
  Fusion fusion_;
  std::vector<Lowered> made_;
  Rewriter* to_ = nullptr;
};

}  // namespace

Net to_int8(const Net& net, const Ranges& ranges, const ToInt8& options) {
  Lowering lowering(net, ranges, options);
  return rewrite(net, [&](Rewriter& to, Id id) { return lowering.visit(to, id); });
}

bool is_int8(const Graph& graph) {
  return !graph.nodes.empty() && graph.nodes.back().type.dtype == DType::i8;
}

}  // namespace sparlet::quant
