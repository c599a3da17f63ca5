// lstm_csr, gru_csr, rnn_csr (and the dense gradients of conv2d_csr's weight) against the dense ops
// with zeros in their weights: results and all gradients, on every path.
#include <doctest/doctest.h>

#include "autograd/executor.h"
#include "op_runner.h"

using namespace sparlet;

namespace {

struct Case {
  const OpDef &sparse, &dense;
  int64_t gates;
};
const Case kCases[] = {{lstm_csr_op, lstm_op, 4}, {gru_csr_op, gru_op, 3}, {rnn_csr_op, rnn_op, 1},
                       {lstm_coo_op, lstm_op, 4}, {gru_coo_op, gru_op, 3}, {rnn_coo_op, rnn_op, 1}};

Tensor random_dense(const Shape& shape, double density, Rng& rng) {
  Tensor w(shape);
  for (float& v : w.write()) v = rng.uniform() < density ? float(rng.normal()) : 0.f;
  return w;
}

// The two ops on the same numbers.
struct Pair {
  Graph sparse, dense;
  std::vector<Tensor> sparse_values, dense_values;
  std::vector<std::pair<size_t, size_t>> same;     // inputs that are the same in both
  std::vector<std::pair<size_t, size_t>> weights;  // of values and of dense weights

  Pair(const Case& one, int64_t steps, int64_t in, int64_t hidden, int64_t directions, bool lengths,
       double density, int64_t n, Rng& rng) {
    const auto add = [](Graph& graph, std::string_view leaf, const Type& type) {
      Attrs attrs{{"shape", attr(type.shape)}};
      if (type.dtype != DType::f32) attrs["dtype"] = std::string(name_of(type.dtype));
      graph.add(find_op(leaf), "in" + std::to_string(graph.nodes.size()), {}, attrs);
    };
    const auto both = [&](std::string_view leaf, const Tensor& value, const Shape& shape) {
      same.emplace_back(sparse_values.size(), dense_values.size());
      for (Graph* graph : {&sparse, &dense}) add(*graph, leaf, {shape, value.dtype(), false});
      sparse_values.push_back(value);
      dense_values.push_back(value);
    };
    const bool csr = one.sparse.name.ends_with("csr");
    both("input", filled({n, steps, in}, DType::f32, Fill::normal, rng), {steps, in});
    for (int64_t d = 0; d < directions; ++d) {
      for (int64_t columns : {in, hidden}) {
        const Tensor w = random_dense({one.gates * hidden, columns}, density, rng);
        const SparseTensor s = to_sparse(csr ? SparseFormat::csr : SparseFormat::coo, w);
        weights.emplace_back(sparse_values.size(), dense_values.size());
        add(dense, "param", {w.shape(), DType::f32, false});
        dense_values.push_back(w);
        for (const Tensor& part : {s.values, s.index[0], s.index[1]}) {
          add(sparse, part.dtype() == DType::f32 ? "param" : "constant",
              {part.shape(), part.dtype(), false});
          sparse_values.push_back(part);
        }
      }
      for (int i = 0; i < 2; ++i)
        both("param", filled({one.gates * hidden}, DType::f32, Fill::normal, rng),
             {one.gates * hidden});
    }
    if (lengths) {
      Tensor list({n, 1}, DType::i32);
      for (int32_t& v : list.write<int32_t>()) v = int32_t(1 + rng.below(steps));
      both("input", list, {1});
    }
    Attrs attrs{{"bidirectional", directions == 2 ? 1.0 : 0.0}};
    for (auto [graph, op] : {std::pair{&sparse, &one.sparse}, {&dense, &one.dense}}) {
      std::vector<Id> all;
      for (Id id = 0; id < Id(graph->nodes.size()); ++id) all.push_back(id);
      if (op == &one.sparse && !csr)
        attrs["hidden"] = double(hidden);
      else
        attrs.erase("hidden");
      graph->add(*op, "op", all, attrs);
    }
  }
};

void compare(const Pair& pair, const Kernels& kernels, int64_t batch, int64_t n) {
  OpRunner oracle(pair.dense, {.batch = batch, .mode = Mode::train});
  OpRunner runner(pair.sparse, {.batch = batch, .mode = Mode::train, .kernels = &kernels});
  OpRunner infer(pair.sparse, {.batch = batch, .kernels = &kernels});
  const Tensor wanted = oracle.forward(n, pair.dense_values);
  REQUIRE(pair.sparse.nodes.back().type == pair.dense.nodes.back().type);
  CHECK(difference(runner.forward(n, pair.sparse_values), wanted) < 1e-5);
  CHECK(difference(infer.forward(n, pair.sparse_values), wanted) < 1e-5);
  Rng rng(3);
  const Tensor dy = filled(wanted.shape(), DType::f32, Fill::normal, rng);
  const auto right = oracle.backward(dy), found = runner.backward(dy);
  for (auto [s, d] : pair.same)
    if (right[d]) CHECK(difference(found[s], right[d]) < 1e-4);
  for (auto [s, d] : pair.weights) {
    const Tensor& dense = pair.dense_values[d];
    Tensor at_entries(found[s].shape());  // the one slot of an empty weight stays 0
    size_t k = 0;
    for (size_t i = 0; i < dense.read().size(); ++i)
      if (dense.read()[i] != 0) at_entries.write()[k++] = right[d].read()[i];
    CHECK(difference(found[s], at_entries) < 1e-4);
  }
}

}  // namespace

TEST_CASE("sparse recurrent: as the dense ops, all densities, directions and lengths") {
  Rng rng(11);
  for (const Case& one : kCases)
    for (const Kernels* kernels : all_kernels())
      for (int round = 0; round < 6; ++round) {
        INFO(one.sparse.name, " ", kernels->name, " ", round);
        const double density = std::array{0.0, 0.02, 0.1, 0.4, 1.0, 0.2}[size_t(round)];
        const int64_t n = 1 + rng.below(9);
        const Pair pair(one, 1 + rng.below(6), 1 + rng.below(20), 1 + rng.below(40), 1 + round % 2,
                        round % 3 == 0, density, n, rng);
        compare(pair, *kernels, n + rng.below(3), n);
      }
}

// All rows of the gradient of the weight at input `operand` of the last node, as if it were dense.
Tensor dense_gradient(const Graph& graph, const std::vector<Tensor>& values, int64_t n,
                      int64_t rows, int operand) {
  Net net{graph, std::vector<Tensor>(graph.nodes.size())};
  for (size_t i = 0; i < values.size(); ++i)
    if (!graph.nodes[i].type.batched) net.params[i] = values[i];
  Executor executor(net, {.batch = n, .mode = Mode::train});
  for (Id id : inputs(graph))
    executor.set_input(id, {values[size_t(id)].shape(), values[size_t(id)].dtype(),
                            const_cast<std::byte*>(values[size_t(id)].raw())});
  executor.forward(n);
  const View dy = executor.output_grad();
  for (int64_t i = 0; i < dy.size(); ++i) dy.f32()[i] = float(i % 7) - 3;
  executor.backward();
  return executor.dense_weight_grad(graph.output(), 0, rows, operand);
}

TEST_CASE("sparse recurrent: the dense gradient of a sparse weight") {
  Rng rng(13);
  for (const Case& one : kCases) {
    INFO(one.sparse.name);
    const int64_t rows = one.gates * 6, n = 3;
    const Pair pair(one, 4, 5, 6, 2, true, 0.3, n, rng);
    for (auto [s, d] : pair.weights) {
      const Tensor found = dense_gradient(pair.sparse, pair.sparse_values, n, rows, int(s));
      CHECK(difference(found, dense_gradient(pair.dense, pair.dense_values, n, rows, int(d))) <
            1e-4);
    }
  }
}

TEST_CASE("sparse convolution: the dense gradient of a sparse weight") {
  const Graph dense = from_text(
      "input x shape=[4,6,5]\nparam w shape=[6,2,3,3]\n"
      "conv2d y x w groups=2 pad=1 stride=[1,2]\n");
  const Graph sparse = from_text(
      "input x shape=[4,6,5]\nparam v shape=[2]\nconstant c shape=[2] dtype=u8\n"
      "constant r shape=[7] dtype=u8\n"
      "conv2d_csr y x v c r groups=2 kernel=3 pad=1 stride=[1,2]\n");
  Rng rng(14);
  const Tensor x = filled({3, 4, 6, 5}, DType::f32, Fill::normal, rng);
  const Tensor w = filled({6, 2, 3, 3}, DType::f32, Fill::normal, rng);
  const std::vector<Tensor> operands{x, filled({2}, DType::f32, Fill::normal, rng),
                                     exact({2}, DType::u8, {3, 17}),
                                     exact({7}, DType::u8, {0, 0, 1, 1, 1, 2, 2})};
  const Tensor found = dense_gradient(sparse, operands, 3, 6, 1);
  CHECK(difference(found, dense_gradient(dense, {x, w}, 3, 6, 1)) < 1e-4);
}

TEST_CASE("sparse recurrent: batches 1 to 33") {
  Rng rng(12);
  for (int64_t n : {1, 2, 7, 8, 9, 16, 17, 32, 33}) {
    const Pair pair(kCases[n % 6], 5, 6, 10, 1, n % 2 == 0, 0.2, n, rng);
    for (const Kernels* kernels : all_kernels()) compare(pair, *kernels, n, n);
  }
}
