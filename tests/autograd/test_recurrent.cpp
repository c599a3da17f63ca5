// lstm, gru and rnn beyond the table tests: against their formulas in double precision, and what
// lengths and directions mean.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "op_runner.h"
#include "tensor/error.h"
#include "tensor/kernels/recurrent.h"

using namespace sparlet;

namespace {

using Numbers = std::vector<double>;
const OpDef* const kOps[] = {&lstm_op, &gru_op, &rnn_op};

Numbers numbers(const Tensor& tensor) { return {tensor.read().begin(), tensor.read().end()}; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One direction of one sample, by the formulas of recurrent.h. Operands as the op's.
struct Reference {
  const OpDef& op;
  bool relu;
  int64_t steps, in, hidden;

  // Row g of w times v, plus the bias.
  static double row(const Numbers& w, const Numbers& bias, int64_t g, const double* v, int64_t n) {
    double sum = bias.empty() ? 0 : bias[size_t(g)];
    for (int64_t i = 0; i < n; ++i) sum += w[size_t(g * n + i)] * v[i];
    return sum;
  }

  // y of every step, then h, then c of lstm; `length` valid steps.
  Numbers run(const double* x, const Numbers* w, bool bias, bool reverse, int64_t length) const {
    const Numbers none;
    const Numbers &b_ih = bias ? w[2] : none, &b_hh = bias ? w[3] : none;
    Numbers h(size_t(hidden), 0.0), c = h, y(size_t(steps * hidden), 0.0);
    for (int64_t k = 0; k < length; ++k) {
      const int64_t t = reverse ? length - 1 - k : k;
      const auto from_x = [&](int64_t g) { return row(w[0], b_ih, g, x + t * in, in); };
      const Numbers before = h;
      const auto from_h = [&](int64_t g) { return row(w[1], b_hh, g, before.data(), hidden); };
      for (int64_t j = 0; j < hidden; ++j) {
        const auto sum = [&](int gate) {
          return from_x(gate * hidden + j) + from_h(gate * hidden + j);
        };
        double& state = h[size_t(j)];
        if (&op == &lstm_op) {
          double& cell = c[size_t(j)];
          cell = sigmoid(sum(1)) * cell + sigmoid(sum(0)) * std::tanh(sum(2));
          state = sigmoid(sum(3)) * std::tanh(cell);
        } else if (&op == &gru_op) {
          const double r = sigmoid(sum(0)), z = sigmoid(sum(1));
          const double n = std::tanh(from_x(2 * hidden + j) + r * from_h(2 * hidden + j));
          state = (1 - z) * n + z * before[size_t(j)];
        } else {
          state = relu ? std::max(0.0, sum(0)) : std::tanh(sum(0));
        }
        y[size_t(t * hidden + j)] = state;
      }
    }
    y.insert(y.end(), h.begin(), h.end());
    if (&op == &lstm_op) y.insert(y.end(), c.begin(), c.end());
    return y;
  }
};

// The op's result for n samples. Operands as sample_values gives them, in double precision; lengths
// apart.
Numbers reference(const Graph& graph, const std::vector<Numbers>& operands, const Tensor& lengths,
                  int64_t n) {
  const Node& node = graph.nodes.back();
  const Shape &x = graph.nodes[0].type.shape, &w_hh = graph.nodes[2].type.shape;
  const Reference one{*node.op, node.word("activation", "tanh") == "relu", x[0], x[1], w_hh[1]};
  const bool two = node.integer("bidirectional", 0) == 1;
  const size_t floats = operands.size() - (lengths ? 1 : 0);
  const size_t weights = (floats - 1) / (two ? 2 : 1);
  const int64_t rows = one.steps + (node.op == &lstm_op ? 2 : 1), row = one.hidden * (two ? 2 : 1);
  Numbers all(size_t(n * rows * row));
  for (int64_t s = 0; s < n; ++s)
    for (int d = 0; d < (two ? 2 : 1); ++d) {
      const int64_t length = lengths ? lengths.read<int32_t>()[size_t(s)] : one.steps;
      const Numbers out = one.run(operands[0].data() + s * one.steps * one.in,
                                  &operands[1 + size_t(d) * weights], weights == 4, d == 1, length);
      for (int64_t r = 0; r < rows; ++r)
        std::copy_n(out.data() + r * one.hidden, one.hidden,
                    all.data() + (s * rows + r) * row + d * one.hidden);
    }
  return all;
}

void each_sample(const std::function<void(const OpDef&, const Sample&, const Graph&)>& visit) {
  for (const OpDef* op : kOps)
    for (const Sample& sample : op->samples) {
      INFO(op->name, " ", sample.name);
      visit(*op, sample, sample_graph(*op, sample));
    }
}

// Half-sized normal values: no gate is stuck at its end.
std::vector<Tensor> calm_values(const Graph& graph, const Sample& sample, int64_t n) {
  std::vector<Tensor> values = sample_values(graph, sample, n, 11);
  for (Tensor& value : values)
    if (value.dtype() == DType::f32)
      for (float& v : value.write()) v *= 0.5f;
  return values;
}

std::vector<Numbers> in_double(const std::vector<Tensor>& values) {
  std::vector<Numbers> list;
  for (const Tensor& v : values) list.push_back(v.dtype() == DType::f32 ? numbers(v) : Numbers{});
  return list;
}

Tensor lengths_of(const std::vector<Tensor>& values) {
  return values.back().dtype() == DType::i32 ? values.back() : Tensor();
}

Sample one_layer(int64_t gates, const Shape& x, int64_t hidden, bool two, bool lengths) {
  Sample sample{.name = "one", .in = {{x}}};
  for (int d = 0; d < (two ? 2 : 1); ++d)
    for (const Shape& shape : {Shape{gates * hidden, x[1]}, Shape{gates * hidden, hidden},
                               Shape{gates * hidden}, Shape{gates * hidden}})
      sample.in.push_back({shape, "param"});
  if (lengths) sample.in.push_back({{1}, "input", DType::i32, Fill::length});
  if (two) sample.attrs["bidirectional"] = 1.0;
  return sample;
}

int64_t gates_of(const OpDef& op) { return &op == &lstm_op ? 4 : &op == &gru_op ? 3 : 1; }

Tensor whole(std::vector<int32_t> values) {
  Tensor tensor({int64_t(values.size()), 1}, DType::i32);
  std::ranges::copy(values, tensor.write<int32_t>().begin());
  return tensor;
}

}  // namespace

TEST_CASE("recurrent: the result is that of the formulas") {
  each_sample([](const OpDef&, const Sample& sample, const Graph& graph) {
    const int64_t n = 3;
    const std::vector<Tensor> values = sample_values(graph, sample, n, 10);
    const Numbers wanted = reference(graph, in_double(values), lengths_of(values), n);
    for (const Kernels* kernels : all_kernels())
      for (Mode mode : {Mode::infer, Mode::train}) {
        INFO(kernels->name);
        OpRunner runner(graph, {.mode = mode, .kernels = kernels});
        const Tensor y = runner.forward(n, values);
        REQUIRE(y.size() == int64_t(wanted.size()));
        double worst = 0;
        for (size_t i = 0; i < wanted.size(); ++i)
          worst = std::max(worst, std::abs(wanted[i] - y.read()[i]));
        CHECK(worst < (kernels->same_bits ? 2e-6 : 1e-5));
      }
  });
}

TEST_CASE("recurrent: gradients are those of the formulas, by differences in double precision") {
  each_sample([](const OpDef&, const Sample& sample, const Graph& graph) {
    const int64_t n = 3;
    const std::vector<Tensor> values = calm_values(graph, sample, n);
    std::vector<Numbers> operands = in_double(values);
    for (const Kernels* kernels : all_kernels()) {
      INFO(kernels->name);
      OpRunner runner(graph, {.mode = Mode::train, .kernels = kernels});
      Rng rng(12);
      const Tensor y = runner.forward(n, values);
      const Tensor dy = filled(y.shape(), DType::f32, Fill::normal, rng);
      const std::vector<Tensor> gradients = runner.backward(dy);
      const auto loss = [&] {
        const Numbers out = reference(graph, operands, lengths_of(values), n);
        double sum = 0;
        for (size_t i = 0; i < out.size(); ++i) sum += out[i] * dy.read()[i];
        return sum;
      };
      for (size_t k = 0; k < operands.size(); ++k) {
        if (!gradients[k]) continue;
        double top = 0;
        for (float g : gradients[k].read()) top = std::max(top, double(std::abs(g)));
        const size_t size = operands[k].size(), probes = std::min<size_t>(size, 16);
        for (size_t p = 0; p < probes; ++p) {
          const size_t i = probes == size ? p : size_t(rng.below(int64_t(size)));
          const double before = operands[k][i], h = 1e-5;
          operands[k][i] = before + h;
          const double high = loss();
          operands[k][i] = before - h;
          const double low = loss();
          operands[k][i] = before;
          CHECK(std::abs((high - low) / (2 * h) - gradients[k].read()[i]) < 1e-5 + 1e-5 * top);
        }
      }
    }
  });
}

TEST_CASE("recurrent: lengths: as each sample cut to its length and run alone") {
  for (const OpDef* op : kOps)
    for (bool two : {false, true}) {
      INFO(op->name, two ? ", two directions" : "");
      const int64_t n = 4, steps = 6, in = 3, hidden = 5, row = hidden * (two ? 2 : 1);
      const Sample sample = one_layer(gates_of(*op), {steps, in}, hidden, two, true);
      const Graph graph = sample_graph(*op, sample);
      std::vector<Tensor> values = calm_values(graph, sample, n);
      const std::vector<int32_t> lengths{6, 1, 4, 3};
      values.back() = whole(lengths);
      // What stands behind the last valid step must not matter, not even NaN.
      for (int64_t s = 0; s < n; ++s)
        for (int64_t i = lengths[size_t(s)] * in; i < steps * in; ++i)
          values[0].write()[size_t(s * steps * in + i)] = NAN;
      OpRunner runner(graph, {.batch = n, .mode = Mode::train});
      const Tensor all = runner.forward(n, values);
      Rng rng(13);
      const Tensor dy = filled(all.shape(), DType::f32, Fill::normal, rng);
      const std::vector<Tensor> gradients = runner.backward(dy);

      std::vector<Tensor> sums;
      for (size_t k = 1; k + 1 < values.size(); ++k) sums.emplace_back(values[k].shape());
      const int64_t states = (op == &lstm_op ? 2 : 1) * row, size = steps * row + states;
      for (int64_t s = 0; s < n; ++s) {
        const int64_t length = lengths[size_t(s)];
        const Sample cut = one_layer(gates_of(*op), {length, in}, hidden, two, false);
        OpRunner alone(sample_graph(*op, cut), {.batch = 1, .mode = Mode::train});
        std::vector<Tensor> one(values.begin(), values.end() - 1);
        one[0] = Tensor({1, length, in});
        std::copy_n(values[0].read().data() + s * steps * in, length * in, one[0].write().data());
        const Tensor y = alone.forward(1, one);
        Tensor dy_one(y.shape());
        const float *here = all.read().data() + s * size, *d = dy.read().data() + s * size;
        for (int64_t i = 0; i < length * row; ++i) CHECK(here[i] == y.read()[size_t(i)]);
        for (int64_t i = length * row; i < steps * row; ++i) CHECK(here[i] == 0);
        for (int64_t i = 0; i < states; ++i)
          CHECK(here[steps * row + i] == y.read()[size_t(length * row + i)]);
        std::copy_n(d, length * row, dy_one.write().data());
        std::copy_n(d + steps * row, states, dy_one.write().data() + length * row);
        const std::vector<Tensor> grads_one = alone.backward(dy_one);
        for (size_t k = 0; k < sums.size(); ++k)
          for (size_t i = 0; i < sums[k].read().size(); ++i)
            sums[k].write()[i] += grads_one[k + 1].read()[i];
        const float* dx = gradients[0].read().data() + s * steps * in;
        for (int64_t i = 0; i < steps * in; ++i)
          CHECK(dx[i] == doctest::Approx(i < length * in ? grads_one[0].read()[size_t(i)] : 0.f)
                             .epsilon(1e-4));
      }
      for (size_t k = 0; k < sums.size(); ++k) CHECK(difference(gradients[k + 1], sums[k]) < 1e-5);
    }
}

TEST_CASE("recurrent: the reverse direction is the forward one on the reversed sequence") {
  for (const OpDef* op : kOps)
    for (const Kernels* kernels : all_kernels()) {
      INFO(op->name, " ", kernels->name);
      const int64_t n = 2, steps = 5, in = 3, hidden = 4;
      const Sample two = one_layer(gates_of(*op), {steps, in}, hidden, true, false);
      const Sample one = one_layer(gates_of(*op), {steps, in}, hidden, false, false);
      OpRunner both(sample_graph(*op, two), {.mode = Mode::train, .kernels = kernels});
      OpRunner forwards(sample_graph(*op, one), {.mode = Mode::train, .kernels = kernels});
      std::vector<Tensor> values = calm_values(sample_graph(*op, two), two, n);
      std::vector<Tensor> turned(values.begin(), values.begin() + 1);
      turned.insert(turned.end(), values.begin() + 5, values.end());  // the reverse weights
      for (int64_t s = 0; s < n; ++s)
        for (int64_t t = 0; t < steps; ++t)
          for (int64_t i = 0; i < in; ++i)
            turned[0].write()[size_t((s * steps + t) * in + i)] =
                values[0].read()[size_t((s * steps + steps - 1 - t) * in + i)];
      const Tensor y = both.forward(n, values), back = forwards.forward(n, turned);
      const int64_t rows = steps + (op == &lstm_op ? 2 : 1);
      for (int64_t s = 0; s < n; ++s)
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t i = 0; i < hidden; ++i) {
            const int64_t from = r < steps ? steps - 1 - r : r;
            CHECK(
                y.read()[size_t(((s * rows + r) * 2 + 1) * hidden + i)] ==
                doctest::Approx(back.read()[size_t((s * rows + from) * hidden + i)]).epsilon(1e-5));
          }
    }
}

TEST_CASE("recurrent: misuse") {
  const auto refused = [](const OpDef& op, const Sample& sample) -> std::string {
    try {
      sample_graph(op, sample);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const auto has = [](const std::string& text, std::string_view part) {
    CHECK_MESSAGE(text.find(part) != text.npos, text);
  };
  Sample sample = one_layer(4, {5, 3}, 6, false, false);
  has(refused(gru_op, sample),
      "op (gru): wants w_ih [18,3] for x [5,3] and 6 hidden, found [24,3]");
  sample.in.pop_back();
  has(refused(lstm_op, sample), "op (lstm): wants lengths [1] of i32");
  sample.in.pop_back();
  CHECK(refused(lstm_op, sample) == "accepted");  // no biases
  sample.attrs["bidirectional"] = 1.0;
  has(refused(lstm_op, sample), "the same of the reverse direction[, lengths]), found 3");
  sample.attrs["bidirectional"] = 2.0;
  has(refused(lstm_op, sample), "bidirectional 2, wanted 0 or 1");
  sample.attrs = {{"activation", std::string("relu")}};
  has(refused(lstm_op, sample), "no attribute 'activation'");
  sample.in[0] = {{5, 3, 1}};
  sample.attrs = {};
  has(refused(lstm_op, sample), "wants x (steps,features) of each sample, found [5,3,1]");
  Sample relu = one_layer(1, {5, 3}, 6, false, false);
  relu.attrs["activation"] = std::string("elu");
  has(refused(rnn_op, relu), "activation elu, wanted tanh or relu");

  const Sample lengths = one_layer(3, {5, 3}, 2, false, true);
  const Graph graph = sample_graph(gru_op, lengths);
  OpRunner runner(graph, {});
  std::vector<Tensor> values = sample_values(graph, lengths, 2, 1);
  for (int32_t bad : {0, 6}) {
    values.back() = whole({3, bad});
    const std::string wanted = fmt::format("op (gru): a length of {}, wanted 1 to 5", bad);
    CHECK_THROWS_WITH_AS(runner.forward(2, values), doctest::Contains(wanted.c_str()), Error);
  }
}

TEST_CASE("recurrent: multiply-accumulates") {
  for (const OpDef* op : kOps) {
    const Graph graph = sample_graph(*op, one_layer(gates_of(*op), {7, 3}, 5, true, false));
    CHECK(op->macs(graph.nodes.back(), graph.types_of(graph.nodes.back().in)) ==
          2 * 7 * gates_of(*op) * 5 * (3 + 5));
  }
}

TEST_CASE("recurrent: oneDNN runs the LSTM, in both modes") {
  const auto there = all_kernels();
  const auto found = std::ranges::find_if(there, [](const Kernels* k) { return k->onednn; });
  if (found == there.end()) return;
  const Kernels& best = **found;
  for (bool reverse : {false, true})
    for (int64_t batch : {1, 32}) {
      const RecurrentShape shape{
          .steps = 9, .in = 5, .hidden = 8, .reverse = reverse, .out_row = 8};
      const auto infer = best.recurrent(shape, {.batch = batch});
      const auto train = best.recurrent(shape, {.batch = batch, .train = true});
      CHECK(infer->description() != "portable");
      // Two passes. oneDNN calls its training code for recurrent layers "ref": it is no loop of
      // scalars, but matrix products.
      CHECK(train->description().find("portable") == std::string_view::npos);
      CHECK(train->description().find(' ') != std::string_view::npos);
    }
  const RecurrentShape ragged{.steps = 9, .in = 5, .hidden = 8, .lengths = true, .out_row = 8};
  CHECK(best.recurrent(ragged, {})->description() == "portable");
}
