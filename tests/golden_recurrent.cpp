// Golden cases of lstm, gru and rnn: stacked layers, each an op of its own, forward and backward.
#include "autograd/op_runner.h"
#include "golden_case.h"
#include "tensor/error.h"

namespace sparlet::golden {
namespace {

// The sizes of a case, and where its numbers stand in ours.
struct Stack {
  int64_t n, steps, hidden, layers, directions;
  bool lstm;

  int64_t row() const { return hidden * directions; }
  int64_t sample() const { return (steps + (lstm ? 2 : 1)) * row(); }
  // A state of PyTorch is (layers·directions, n, hidden).
  int64_t state_at(int64_t layer, int64_t s, int64_t i) const {
    return ((layer * directions + i / hidden) * n + s) * hidden + i % hidden;
  }
};

std::string weight_name(const char* stem, int64_t layer, int64_t direction) {
  return fmt::format("{}_l{}{}", stem, layer, direction == 1 ? "_reverse" : "");
}

// What the layer takes, in our order, by PyTorch's names; "" is its x.
std::vector<std::string> operands(const Case& test, const Stack& k, int64_t layer) {
  std::vector<std::string> names{""};
  for (int64_t d = 0; d < k.directions; ++d)
    for (const char* stem : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"})
      names.push_back(weight_name(stem, layer, d));
  if (test.in.contains("lengths")) names.push_back("lengths");
  return names;
}

// Between the packed results [n][sample] of a layer and y, h, c: calls visit(packed, name, theirs).
template <class Visit>
void each(const Stack& k, int64_t layer, bool with_y, const Visit& visit) {
  for (int64_t s = 0; s < k.n; ++s) {
    const int64_t first = s * k.sample(), states = first + k.steps * k.row();
    for (int64_t i = 0; with_y && i < k.steps * k.row(); ++i)
      visit(first + i, "y", s * k.steps * k.row() + i);
    for (int64_t i = 0; i < k.row(); ++i) {
      visit(states + i, "h", k.state_at(layer, s, i));
      if (k.lstm) visit(states + k.row() + i, "c", k.state_at(layer, s, i));
    }
  }
}

// The y of a packed result, [n, steps, row].
Tensor y_of(const Stack& k, const Tensor& packed) {
  Tensor y({k.n, k.steps, k.row()});
  for (int64_t s = 0; s < k.n; ++s)
    std::copy_n(packed.read().data() + s * k.sample(), k.steps * k.row(),
                y.write().data() + s * k.steps * k.row());
  return y;
}

OpRunner layer_runner(const Case& test, const Stack& k, const std::vector<Tensor>& values,
                      const Kernels& kernels) {
  Sample sample{.name = test.name, .in = {{{k.steps, values[0].shape()[2]}}}};
  for (size_t i = 1; i < values.size(); ++i)
    if (values[i].dtype() == DType::f32)
      sample.in.push_back({values[i].shape(), "param"});
    else
      sample.in.push_back({{1}, "input", DType::i32});
  if (k.directions == 2) sample.attrs["bidirectional"] = 1.0;
  return OpRunner(sample_graph(find_op(test.op), sample),
                  {.batch = k.n, .mode = Mode::train, .kernels = &kernels});
}

}  // namespace

bool run_recurrent(const Case& test, const Kernels& kernels) {
  if (test.op != "lstm" && test.op != "gru" && test.op != "rnn") return false;
  require(test.attrs.at("batch_first") == true, "x must be (n, steps, features)");
  const Shape& x = test.in.at("x").shape();
  const Stack k{.n = x[0],
                .steps = x[1],
                .hidden = test.attrs.at("hidden"),
                .layers = test.attrs.at("layers"),
                .directions = test.attrs.at("bidirectional") ? 2 : 1,
                .lstm = test.op == "lstm"};

  std::map<std::string, Tensor> found;
  for (const auto& [name, wanted] : test.out) found[name] = Tensor(wanted.shape());
  std::vector<OpRunner> runners;
  Tensor below = test.in.at("x");
  for (int64_t layer = 0; layer < k.layers; ++layer) {
    std::vector<Tensor> values;
    for (const std::string& name : operands(test, k, layer))
      values.push_back(name.empty() ? below : test.in.at(name));
    runners.push_back(layer_runner(test, k, values, kernels));
    const Tensor packed = runners.back().forward(k.n, values);
    each(k, layer, layer + 1 == k.layers, [&](int64_t at, const char* name, int64_t theirs) {
      found.at(name).write()[size_t(theirs)] = packed.read()[size_t(at)];
    });
    below = y_of(k, packed);
  }
  for (const auto& [name, wanted] : test.out) expect_close(name, found[name], wanted, kForward);

  Tensor above = test.grad_out.at("y");
  for (int64_t layer = k.layers - 1; layer >= 0; --layer) {
    Tensor packed({k.n, k.sample()});
    each(k, layer, false, [&](int64_t at, const char* name, int64_t theirs) {
      if (test.grad_out.contains(name))
        packed.write()[size_t(at)] = test.grad_out.at(name).read()[size_t(theirs)];
    });
    for (int64_t s = 0; s < k.n; ++s)
      std::copy_n(above.read().data() + s * k.steps * k.row(), k.steps * k.row(),
                  packed.write().data() + s * k.sample());
    const std::vector<Tensor> gradients = runners[size_t(layer)].backward(packed);
    const std::vector<std::string> names = operands(test, k, layer);
    for (size_t i = 1; i < names.size(); ++i)
      if (gradients[i])
        expect_close("gradient of " + names[i], gradients[i], test.grad.at(names[i]), kGradient);
    above = gradients[0];
  }
  expect_close("gradient of x", above, test.grad.at("x"), kGradient);
  return true;
}

}  // namespace sparlet::golden
