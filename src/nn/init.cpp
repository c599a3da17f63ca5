#include "nn/init.h"

#include <algorithm>
#include <cmath>

#include "autograd/op.h"
#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

void draw_uniform(Tensor& weight, double bound, Rng& rng) {
  for (float& w : weight.write()) w = float(rng.uniform(-bound, bound));
}

void draw_normal(Tensor& weight, double deviation, Rng& rng) {
  for (float& w : weight.write()) w = float(deviation * rng.normal());
}

Tensor filled(const Shape& shape, float value) {
  Tensor tensor(shape);
  std::ranges::fill(tensor.write(), value);
  return tensor;
}

template <class T>
void put(Tensor& tensor, const std::vector<double>& values) {
  const std::span<T> to = tensor.write<T>();
  for (size_t i = 0; i < to.size(); ++i) to[i] = T(values[values.size() == 1 ? 0 : i]);
}

// The value that the attribute `value` gives.
Tensor given(const Node& node) {
  const Attr& attribute = node.attrs.find("value")->second;
  std::vector<double> values;
  if (const auto* one = std::get_if<double>(&attribute)) values = {*one};
  if (const auto* list = std::get_if<std::vector<double>>(&attribute)) values = *list;
  Tensor tensor(node.type.shape, node.type.dtype);
  require(values.size() == 1 || int64_t(values.size()) == tensor.size(),
          "{} ({}): value has {} numbers, wanted 1 or {}", node.name, node.op->name, values.size(),
          tensor.size());
  switch (node.type.dtype) {
    case DType::f32:
      put<float>(tensor, values);
      break;
    case DType::i8:
      put<int8_t>(tensor, values);
      break;
    case DType::u8:
      put<uint8_t>(tensor, values);
      break;
    case DType::i16:
      put<int16_t>(tensor, values);
      break;
    case DType::u16:
      put<uint16_t>(tensor, values);
      break;
    case DType::i32:
      put<int32_t>(tensor, values);
      break;
  }
  return tensor;
}

// The node that uses a leaf, and as which of its inputs; unbatched products and sums between them
// (masks) are looked through.
struct Use {
  const Node* node = nullptr;
  int input = 0;
};

Use use_of(const Graph& graph, const std::vector<std::vector<Id>>& readers, Id id) {
  for (Id reader : readers[size_t(id)]) {
    const Node& node = graph[reader];
    if (!node.type.batched && (node.op == &mul_op || node.op == &add_op)) {
      if (const Use use = use_of(graph, readers, reader); use.node) return use;
    }
    return {&node, int(std::ranges::find(node.in, id) - node.in.begin())};
  }
  return {};
}

Tensor fresh_leaf(const Graph& graph, const Node& leaf, const Use& use, Rng& rng) {
  const Shape& shape = leaf.type.shape;
  require(leaf.type.dtype == DType::f32, "{} ({}): {} cannot be drawn; give value=NUMBER",
          leaf.name, leaf.op->name, name_of(leaf.type.dtype));
  const OpDef* op = use.node ? use.node->op : nullptr;
  const bool weighted = op == &conv1d_op || op == &conv2d_op || op == &conv3d_op ||
                        op == &conv_transpose2d_op || op == &linear_op;
  if (weighted && use.input == 2)
    return fresh_bias(shape[0], graph[use.node->in[1]].type.shape, rng);
  if (op == &lstm_op || op == &gru_op || op == &rnn_op)
    return fresh_recurrent(shape, graph[use.node->in[2]].type.shape[1], rng);
  if (op == &layer_norm_op) return filled(shape, use.input == 1 ? 1 : 0);
  if (op == &prelu_op) return filled(shape, 0.25f);
  if (op == &batch_norm_op) return filled(shape, use.input == 1 || use.input == 4 ? 1 : 0);
  if (op == &mul_op) return filled(shape, 1);
  if (op == &add_op || op == &sub_op || leaf.op == &state_op) return filled(shape, 0);
  Tensor weight(shape);
  initialize(weight, Init::kaiming_uniform, rng);
  return weight;
}

}  // namespace

int64_t fan_in(const Shape& weight) {
  return weight.rank() == 0 ? 1 : weight.rank() == 1 ? weight[0] : count(weight) / weight[0];
}

int64_t fan_out(const Shape& weight) {
  return weight.rank() == 0 ? 1 : weight.rank() == 1 ? weight[0] : count(weight) / weight[1];
}

void initialize(Tensor& weight, Init init, Rng& rng) {
  const double in = double(fan_in(weight.shape())), out = double(fan_out(weight.shape()));
  switch (init) {
    case Init::kaiming_normal:
      return draw_normal(weight, std::sqrt(2 / in), rng);
    case Init::kaiming_uniform:
      return draw_uniform(weight, std::sqrt(1 / in), rng);
    case Init::he_uniform:
      return draw_uniform(weight, std::sqrt(6 / in), rng);
    case Init::xavier_normal:
      return draw_normal(weight, std::sqrt(2 / (in + out)), rng);
    case Init::xavier_uniform:
      return draw_uniform(weight, std::sqrt(6 / (in + out)), rng);
    case Init::zeros:
      std::ranges::fill(weight.write(), 0.f);
      return;
    case Init::ones:
      std::ranges::fill(weight.write(), 1.f);
      return;
  }
}

Tensor fresh_bias(int64_t size, const Shape& weight, Rng& rng) {
  Tensor bias(Shape{size});
  draw_uniform(bias, 1 / std::sqrt(double(fan_in(weight))), rng);
  return bias;
}

Tensor fresh_recurrent(const Shape& shape, int64_t hidden, Rng& rng) {
  Tensor weight(shape);
  draw_uniform(weight, 1 / std::sqrt(double(hidden)), rng);
  return weight;
}

Net initialized(const Graph& graph, Rng& rng) {
  Net net{graph, std::vector<Tensor>(graph.nodes.size())};
  const std::vector<std::vector<Id>> readers = users(graph);
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    if (!is_leaf(*node.op) || node.op == &input_op) continue;
    Tensor& value = net.params[size_t(id)];
    if (node.has("value")) {
      value = given(node);
    } else {
      require(node.op != &constant_op, "{} (constant): has no value; give value=NUMBER", node.name);
      value = fresh_leaf(graph, node, use_of(graph, readers, id), rng);
    }
  }
  return net;
}

}  // namespace sparlet
