// Every op that layer_references.cpp knows, every sample, every kernel path: values and gradients
// against double precision.
#include <doctest/doctest.h>

#include <cmath>

#include "layer_references.h"
#include "op_runner.h"

using namespace sparlet;

namespace {

constexpr int64_t kSamples = 3;

using Operands = std::vector<reference::Array>;

std::vector<double> numbers(const Tensor& tensor) {
  const auto copy = [](const auto& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  switch (tensor.dtype()) {
    case DType::f32:
      return copy(tensor.read());
    case DType::i32:
      return copy(tensor.read<int32_t>());
    case DType::u16:
      return copy(tensor.read<uint16_t>());
    default:
      REQUIRE(tensor.dtype() == DType::u8);
      return copy(tensor.read<uint8_t>());
  }
}

// One sample of each operand.
Operands operands(const Graph& graph, const std::vector<Tensor>& values, int64_t sample) {
  Operands in;
  for (Id id : graph.nodes.back().in) {
    const Type& type = graph[id].type;
    const Tensor one = one_sample(type, values[size_t(id)], sample);
    in.push_back({type.shape, numbers(one)});
  }
  return in;
}

struct Check {
  const reference::Op& op;
  const Graph& graph;
  const std::vector<Tensor>& values;

  const Node& node() const { return graph.nodes.back(); }
  int64_t samples() const { return node().type.batched ? kSamples : 1; }

  // The reference on all samples: [n, ...], or one result where none is batched.
  Tensor expected() const {
    std::vector<float> all;
    for (int64_t s = 0; s < samples(); ++s) {
      const std::vector<double> y = op(node(), operands(graph, values, s));
      REQUIRE(int64_t(y.size()) == count(node().type.shape));
      all.insert(all.end(), y.begin(), y.end());
    }
    return Tensor(node().type.batched ? batched(kSamples, node().type.shape) : node().type.shape,
                  all);
  }

  // How Σ dy × y changes as one operand moves this way: central differences in double precision.
  double slope(const Tensor& dy, size_t operand, const Tensor& way) const {
    constexpr double h = 1e-6;
    const Type& type = graph[node().in[operand]].type;
    double sum = 0;
    for (int64_t s = 0; s < samples(); ++s) {
      const Tensor mine = one_sample(type, way, s);
      const auto moved = [&](double by) {
        Operands in = operands(graph, values, s);
        for (size_t i = 0; i < in[operand].v.size(); ++i) in[operand].v[i] += by * mine.read()[i];
        return op(node(), in);
      };
      const std::vector<double> high = moved(h), low = moved(-h);
      for (size_t i = 0; i < high.size(); ++i)
        sum += dy.read()[size_t(s) * high.size() + i] * (high[i] - low[i]) / (2 * h);
    }
    return sum;
  }
};

// The gradient along a way, and how far rounding may take it.
void check_along(const Tensor& gradient, const Tensor& way, double wanted) {
  double sum = 0, size = 1e-3;
  for (size_t i = 0; i < way.read().size(); ++i) {
    const double part = double(gradient.read()[i]) * way.read()[i];
    sum += part;
    size = std::max(size, std::abs(part));
  }
  CHECK_MESSAGE(std::abs(sum - wanted) < 1e-4 * size, sum, " along a random way, wanted ", wanted);
}

}  // namespace

TEST_CASE("layers: values and gradients agree with double precision") {
  for (const auto& [name, op] : reference::ops())
    for (const Sample& sample : find_op(name).samples) {
      INFO(name, " ", sample.name);
      const Graph graph = sample_graph(find_op(name), sample);
      const std::vector<Tensor> values = sample_values(graph, sample, kSamples, 21);
      const Check check{op, graph, values};
      const Tensor wanted = check.expected();
      Rng rng(22);
      const Tensor dy = filled(wanted.shape(), DType::f32, Fill::normal, rng);
      std::vector<Tensor> ways;
      std::vector<double> slopes;
      // Large layers: values alone, the references are slow.
      const bool small = graph.nodes.back().op->macs(graph.nodes.back(),
                                                     graph.types_of(graph.nodes.back().in)) < 50000;
      for (size_t i = 0; i < values.size() && small; ++i) {
        ways.push_back(filled(values[i].shape(), DType::f32, Fill::normal, rng));
        const bool moves = values[i].dtype() == DType::f32;  // no index
        slopes.push_back(moves ? check.slope(dy, i, ways[i]) : 0);
      }
      for (const Kernels* kernels : all_kernels()) {
        INFO(kernels->name);
        OpRunner runner(graph, {.mode = Mode::train, .kernels = kernels});
        CHECK(difference(runner.forward(kSamples, values), wanted) < 1e-5);
        const std::vector<Tensor> gradients = runner.backward(dy);
        for (size_t i = 0; i < ways.size(); ++i)
          if (gradients[i]) check_along(gradients[i], ways[i], slopes[i]);
      }
    }
}

// Ops whose double-precision reference is not one of layer_references.cpp, and where it is.
const std::map<std::string_view, std::string_view> elsewhere{
    {"lstm", "test_recurrent.cpp"},
    {"gru", "test_recurrent.cpp"},
    {"rnn", "test_recurrent.cpp"},
    {"part", "test_recurrent.cpp"},
    {"lstm_csr", "test_recurrent_sparse.cpp"},
    {"gru_csr", "test_recurrent_sparse.cpp"},
    {"rnn_csr", "test_recurrent_sparse.cpp"},
    {"lstm_coo", "test_recurrent_sparse.cpp"},
    {"gru_coo", "test_recurrent_sparse.cpp"},
    {"rnn_coo", "test_recurrent_sparse.cpp"},
    {"batch_norm", "golden: batchnorm2d_train, batchnorm2d_eval, batchnorm1d_*"},
    {"dropout", "test_ops_rules.cpp: its rule is a random one"},
    {"gaussian", "test_ops_rules.cpp: likewise"},
};

TEST_CASE("layers: no op without a reference") {
  for (const OpDef* op : all_ops()) {
    if (is_leaf(*op) || !op->trainable) continue;  // int8: tests/runtime/kernels_test.cpp
    CHECK_MESSAGE(reference::ops().contains(op->name) != elsewhere.contains(op->name), op->name,
                  " wants its definition in layer_references.cpp, or a word here where it is");
  }
}

TEST_CASE("layers: batch_norm of lines is that of maps one pixel high") {
  const auto samples = [](const Shape& x) {
    const Shape c{x[0]};
    return Sample{"", {{x}, {c, "param"}, {c, "param"}, {c, "state"}, {c, "state"}}};
  };
  const Sample line = samples({3, 7}), map = samples({3, 1, 7});
  const Graph line_graph = sample_graph(batch_norm_op, line);
  const Graph map_graph = sample_graph(batch_norm_op, map);
  std::vector<Tensor> values = sample_values(line_graph, line, 4, 31);
  OpRunner lines(line_graph, {.mode = Mode::train}), maps(map_graph, {.mode = Mode::train});
  const Tensor y = lines.forward(4, values);
  values[0] = values[0].reshaped({4, 3, 1, 7});
  CHECK(y.reshaped({4, 3, 1, 7}) == maps.forward(4, values));
  CHECK(lines.operand(4) == maps.operand(4));
  Rng rng(32);
  const Tensor dy = filled(y.shape(), DType::f32, Fill::normal, rng);
  const auto mine = lines.backward(dy), wanted = maps.backward(dy.reshaped({4, 3, 1, 7}));
  CHECK(mine[0].reshaped({4, 3, 1, 7}) == wanted[0]);
  CHECK(mine[1] == wanted[1]);
  CHECK(mine[2] == wanted[2]);
}

TEST_CASE("activations: far out and NaN") {
  const auto at = [](const OpDef& op, float x) {
    const Graph graph = sample_graph(op, {"", {{{1}}}});
    return OpRunner(graph, {}).forward(1, {Tensor({1, 1}, {x})}).read()[0];
  };
  for (const OpDef* op : {&sigmoid_op, &tanh_op, &silu_op, &gelu_op, &hardsigmoid_op, &hardswish_op,
                          &elu_op, &exp_op, &log_op, &sqrt_op, &scale_op, &leaky_relu_op})
    CHECK_MESSAGE(std::isnan(at(*op, NAN)), op->name);
  CHECK(at(exp_op, 100) == INFINITY);
  CHECK(at(exp_op, -200) == 0);
  CHECK(at(sigmoid_op, 200) == 1);
  CHECK(at(sigmoid_op, -200) == 0);
  CHECK(at(tanh_op, 50) == 1);
  CHECK(at(tanh_op, -INFINITY) == -1);
  CHECK(at(tanh_op, 1e-6f) == doctest::Approx(1e-6));
  CHECK(at(elu_op, -200) == -1);
}

TEST_CASE("exp, sigmoid and tanh keep to the last places of float") {
  std::vector<float> x;
  for (int i = -8700; i <= 8800; ++i) x.push_back(float(i) / 100);
  const int64_t n = int64_t(x.size());
  const auto worst = [&](const OpDef& op, double (*exact)(double)) {
    const Graph graph = sample_graph(op, {"", {{{n}}}});
    const Tensor y = OpRunner(graph, {}).forward(1, {Tensor({1, n}, x)});
    double most = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double wanted = exact(x[i]);
      if (std::abs(wanted) < 1e-37) continue;
      most = std::max(most, std::abs(y.read()[i] - wanted) / std::abs(wanted));
    }
    return most;
  };
  CHECK(worst(exp_op, [](double v) { return std::exp(v); }) < 2.4e-7);
  CHECK(worst(sigmoid_op, [](double v) { return 1 / (1 + std::exp(-v)); }) < 3.6e-7);
  CHECK(worst(tanh_op, [](double v) { return std::tanh(v); }) < 4.8e-7);
}
