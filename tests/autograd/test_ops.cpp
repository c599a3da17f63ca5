// The table tests: every op, every sample, every kernel path.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "autograd/executor.h"
#include "op_runner.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

// Calls visit(op, sample, graph) for all ops that compute something.
void each_sample(const std::function<void(const OpDef&, const Sample&, const Graph&)>& visit) {
  for (const OpDef* op : all_ops()) {
    if (is_leaf(*op)) continue;
    CHECK_MESSAGE(!op->samples.empty(), op->name);
    for (const Sample& sample : op->samples) {
      INFO(op->name, " ", sample.name);
      visit(*op, sample, sample_graph(*op, sample));
    }
  }
}

double weighted(const Tensor& y, const Tensor& weight) {
  double sum = 0;
  for (size_t i = 0; i < y.read().size(); ++i) sum += double(y.read()[i]) * weight.read()[i];
  return sum;
}

// Central differences of Σ weight × y at some elements of an operand, against the gradient.
void check_gradient(OpRunner& runner, std::vector<Tensor>& values, size_t operand,
                    const Tensor& weight, const Tensor& gradient, int64_t n) {
  Rng rng(99);
  double top = 1;
  for (float g : gradient.read()) top = std::max(top, double(std::abs(g)));
  const int64_t size = values[operand].size(), probes = std::min<int64_t>(size, 24);
  int64_t checked = 0;
  for (int64_t p = 0; p < probes; ++p) {
    const auto i = size_t(probes == size ? p : rng.below(size));
    const float before = values[operand].read()[i];
    const auto slope = [&](double h) {
      const float up = float(before + h), down = float(before - h);
      values[operand].write()[i] = up;
      const double high = weighted(runner.forward(n, values), weight);
      values[operand].write()[i] = down;
      const double low = weighted(runner.forward(n, values), weight);
      values[operand].write()[i] = before;
      return (high - low) / (double(up) - down);
    };
    const double wide = slope(1e-2), narrow = slope(5e-3);
    if (std::abs(wide - narrow) > 5e-3 * top) continue;  // a kink in between
    ++checked;
    CHECK_MESSAGE(std::abs(narrow - gradient.read()[i]) < 5e-3 * top, "operand ", operand,
                  " element ", i, ": ", narrow, " by differences, ", gradient.read()[i]);
  }
  CHECK_MESSAGE(4 * checked >= 3 * probes, "too many kinks");
}

}  // namespace

TEST_CASE("ops: gradients agree with central differences") {
  each_sample([](const OpDef& op, const Sample& sample, const Graph& graph) {
    if (!op.trainable) return;
    for (const Kernels* kernels : all_kernels()) {
      INFO(kernels->name);
      OpRunner runner(graph, {.mode = Mode::train, .kernels = kernels});
      const int64_t n = 3;
      std::vector<Tensor> values = sample_values(graph, sample, n, 1);
      const Tensor y = runner.forward(n, values);
      Rng rng(2);
      const Tensor weight = filled(y.shape(), DType::f32, Fill::normal, rng);
      const std::vector<Tensor> gradients = runner.backward(weight);
      for (size_t i = 0; i < values.size(); ++i)
        if (gradients[i]) check_gradient(runner, values, i, weight, gradients[i], n);
    }
  });
}

TEST_CASE("ops: every path agrees with the portable one, in both modes, full and partial batch") {
  each_sample([](const OpDef& op, const Sample& sample, const Graph& graph) {
    for (const Kernels* kernels : all_kernels())
      for (Mode mode : {Mode::infer, Mode::train})
        for (int64_t n : {4, 3, 1}) {
          if (mode == Mode::train && !op.trainable) continue;
          INFO(kernels->name, mode == Mode::train ? " train " : " infer ", n);
          OpRunner oracle(graph, {.mode = mode}), runner(graph, {.mode = mode, .kernels = kernels});
          const std::vector<Tensor> values = sample_values(graph, sample, n, 3);
          const Tensor wanted = oracle.forward(n, values), y = runner.forward(n, values);
          if (y.dtype() != DType::f32) {
            CHECK(y == wanted);
            continue;
          }
          CHECK(difference(y, wanted) < 1e-5);
          if (mode == Mode::infer) continue;
          Rng rng(4);
          const Tensor dy = filled(y.shape(), DType::f32, Fill::normal, rng);
          const auto gradients = runner.backward(dy), right = oracle.backward(dy);
          for (size_t i = 0; i < right.size(); ++i)
            if (right[i]) CHECK(difference(gradients[i], right[i]) < 1e-4);
        }
  });
}

TEST_CASE("ops: a sample's result does not depend on its batch") {
  each_sample([](const OpDef& op, const Sample& sample, const Graph& graph) {
    if (!graph.nodes.back().type.batched) return;
    for (const Kernels* kernels : all_kernels())
      for (Mode mode : {Mode::infer, Mode::train}) {
        if (mode == Mode::train && (op.couples_batch || op.random || !op.trainable)) continue;
        const int64_t n = 4;
        OpRunner runner(graph, {.batch = n, .mode = mode, .kernels = kernels});
        const std::vector<Tensor> values = sample_values(graph, sample, n, 5);
        const Tensor all = runner.forward(n, values);
        for (int64_t s = 0; s < n; ++s) {
          std::vector<Tensor> one;
          for (size_t i = 0; i < values.size(); ++i)
            one.push_back(one_sample(graph.nodes[i].type, values[i], s));
          const Tensor wanted = one_sample(graph.nodes.back().type, all, s);
          const Tensor y = runner.forward(1, one);
          if (!kernels->same_bits && y.dtype() == DType::f32)  // may sum in another order
            CHECK(difference(y, wanted) < 1e-5);
          else
            CHECK(y == wanted);
        }
      }
  });
}

TEST_CASE("ops: the same in place") {
  each_sample([](const OpDef& op, const Sample& sample, const Graph& graph) {
    if (!op.in_place) return;
    const std::vector<Tensor> values = sample_values(graph, sample, 4, 6);
    OpRunner apart(graph, {}), over(graph, {.in_place = true});
    CHECK(over.forward(4, values) == apart.forward(4, values));
  });
}

TEST_CASE("ops: text round trip and cost") {
  each_sample([](const OpDef& op, const Sample&, const Graph& graph) {
    const Graph again = from_text(to_text(graph));
    CHECK(to_text(again) == to_text(graph));
    CHECK(hash(again) == hash(graph));
    REQUIRE(again.nodes.size() == graph.nodes.size());
    CHECK(again.nodes.back().type == graph.nodes.back().type);
    CHECK(again.nodes.back().attrs == graph.nodes.back().attrs);
    const auto types = graph.types_of(graph.nodes.back().in);
    CHECK(op.macs(graph.nodes.back(), types) >= 0);
    if (op.scratch) CHECK(op.scratch(graph.nodes.back(), types) >= 0);
    if (op.in_place) CHECK(op.in_place(graph.nodes.back(), types) < int(types.size()));
  });
}

TEST_CASE("ops: an executor computes the same") {
  each_sample([](const OpDef&, const Sample& sample, const Graph& graph) {
    const int64_t n = 3;
    const std::vector<Tensor> values = sample_values(graph, sample, n, 8);
    Net net{graph, std::vector<Tensor>(graph.nodes.size())};
    for (size_t i = 0; i < values.size(); ++i)
      if (!graph.nodes[i].type.batched) net.params[i] = values[i];
    Executor executor(net, {.batch = 4});
    for (Id id : inputs(graph))
      executor.set_input(id, {values[size_t(id)].shape(), values[size_t(id)].dtype(),
                              const_cast<std::byte*>(values[size_t(id)].raw())});
    executor.forward(n);
    OpRunner runner(graph, {.kernels = &default_kernels()});
    CHECK(executor.output() == runner.forward(n, values));
  });
}
