// Training nets with sparse weights: the optimiser goes on with the same weights whatever happens
// to them.
#include <cstdlib>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "data/digits.h"
#include "nn/checkpoint.h"
#include "nn/slots.h"
#include "nn/train.h"
#include "sparse/layers.h"
#include "sparse_nets.h"
#include "tensor/error.h"
#include "tensor/kernels/lines.h"

using namespace sparlet;
using sparse::Format;

namespace {

Data digits() {
  Data data{.name = "digits"};
  data.train = make_digits(200, 1);
  data.validation = make_digits(40, 1, 200);
  data.spec = {.shape = {1, 28, 28}, .classes = 10, .mean = 30, .deviation = 80};
  return data;
}

// 49 -> 24 -> 10, masked to this sparsity.
Net digits_net(const DataSpec& spec, double sparsity) {
  Rng rng(4);
  NetBuilder b(rng);
  Var x = nn::max_pool(b.data_input(spec), {.size = 4});
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 24}));
  const Net net = b.finish(nn::linear(x, "f2", {.out = 10}));
  const Net masked = sparse::mask(net, {.sparsity = sparsity});
  return sparse::convert(sparse::convert(masked, Format::csr), Format::masked);
}

Trained trained(const Net& net, const Data& data, const std::vector<Hook>& hooks, int epochs = 2) {
  Rng rng(7);
  return train(net, data, Adam{.rate = 5e-3f}, {.epochs = epochs, .batch = 20, .hooks = hooks},
               rng);
}

double weights_apart(const Net& a, const Net& b) {
  const Net x = sparse::convert(a, Format::dense), y = sparse::convert(b, Format::dense);
  double worst = 0;
  for (const char* name : {"f1.w", "f1.b", "f2.w", "f2.b"})
    worst = std::fmax(worst, apart(x.value(name), y.value(name)));
  return worst;
}

}  // namespace

TEST_CASE("training a sparse net is training the masked one") {
  const Data data = digits();
  const Net masked = digits_net(data.spec, 0.8);
  const Trained wanted = trained(masked, data, {});
  for (Format format : {Format::csr, Format::coo}) {
    const Trained found = trained(sparse::convert(masked, format), data, {});
    CHECK(weights_apart(found.net, wanted.net) < 2e-3);
    CHECK(found.history.back().train_loss ==
          doctest::Approx(wanted.history.back().train_loss).epsilon(1e-3));
  }
}

TEST_CASE("converting while training changes nothing: the optimiser's state comes along") {
  const Data data = digits();
  const Net masked = digits_net(data.spec, 0.8);
  const Trained wanted = trained(masked, data, {});
  const Hook turn = [](const TrainState& state) -> std::optional<Net> {
    return sparse::convert(state.executor.trained(), kForms[1 + state.step % 3]);
  };
  const Trained found = trained(masked, data, {turn});
  CHECK(weights_apart(found.net, wanted.net) < 2e-3);
}

TEST_CASE("prune, convert and regrow while training: the loss keeps falling") {
  const Data data = digits();
  const Net start = sparse::convert(digits_net(data.spec, 0.3), Format::csr);
  Rng rng(3);
  const Hook change = [&](const TrainState& state) -> std::optional<Net> {
    const Net now = state.executor.trained();
    if (state.step == 15 || state.step == 25) return sparse::prune_smallest(now, 0.2);
    if (state.step == 20) return sparse::convert(now, Format::coo);
    if (state.step == 30) return sparse::convert(now, Format::csr);
    if (state.step != 35) return {};
    std::vector<sparse::Connections> all;  // regrow one in ten
    const std::vector<sparse::Weight> weights = sparse::weights_of(now.graph);
    for (const sparse::Weight& weight : weights) {
      Tensor open = sparse::open_mask(now, weight), dense = sparse::dense_values(now, weight);
      sparse::Connections c;
      for (int32_t i = 0; i < int32_t(open.size()); ++i) {
        if (open.read()[size_t(i)] == 0 && rng.uniform() > 0.1) continue;
        c.at.push_back(i);
        c.value.push_back(dense.read()[size_t(i)]);
      }
      all.push_back(std::move(c));
    }
    return sparse::with_connections(now, weights, all);
  };
  const Trained t = trained(start, data, {change}, 16);
  REQUIRE(t.history.size() == 16);
  CHECK(!t.diverged);
  for (size_t e = 1; e < 8; ++e) CHECK(t.history[e].train_loss < t.history[e - 1].train_loss);
  CHECK(t.history.back().train_loss < 0.5 * t.history.front().train_loss);
}

TEST_CASE("gradual pruning of a CSR net") {
  const Data data = digits();
  const Net csr = sparse::convert(digits_net(data.spec, 0.3), Format::csr);
  const Hook prune = sparse::gradual({.target = 0.8, .begin = 2, .end = 18, .every = 4});
  const Trained t = trained(csr, data, {prune});
  CHECK(sparse::density(t.net) == doctest::Approx(0.2).epsilon(0.01));
  CHECK(t.net.graph[t.net.graph.at("f1")].op == &linear_csr_op);
}

TEST_CASE("optimiser slots move by row and column, also where only the places change") {
  Rng rng(2);
  NetBuilder b(rng);
  const Net net = b.finish(nn::linear(b.input("x", {3}), "fc", {.out = 2, .bias = false}));
  const auto with = [&](Format format, const std::vector<float>& mask) {
    return sparse::convert(net, format, {.masks = {{"fc.w", Tensor({2, 3}, mask)}}});
  };
  const ExecutorOptions options{.mode = Mode::train, .slots = 1};
  const Net before = with(Format::csr, {0, 1, 1, 1, 0, 0});
  for (const auto& [after, wanted] :
       {std::pair(with(Format::csr, {1, 0, 1, 1, 0, 0}), Tensor({3}, {0, 20, 30})),
        {with(Format::coo, {0, 1, 0, 1, 0, 1}), Tensor({3}, {10, 30, 0})},
        {with(Format::masked, {0, 1, 1, 0, 1, 1}), Tensor({2, 3}, {0, 10, 20, 30, 0, 0})}}) {
    Executor old(before, options);
    old.set_slot(before.graph.at("fc.w"), 0, Tensor({3}, {10, 20, 30}));
    const auto kept = keep_slots(old, 1);
    Executor fresh(after, options);
    restore_slots(fresh, kept);
    CHECK(fresh.slot(after.graph.at("fc.w"), 0) == wanted);
  }
  // From a masked weight, what was closed has no state.
  const Net masked = with(Format::masked, {1, 1, 0, 0, 0, 1});
  Executor old(masked, options);
  old.set_slot(masked.graph.at("fc.w"), 0, Tensor({2, 3}, {1, 2, 3, 4, 5, 6}));
  const Net after = with(Format::csr, {1, 0, 1, 0, 0, 1});
  Executor fresh(after, options);
  restore_slots(fresh, keep_slots(old, 1));
  CHECK(fresh.slot(after.graph.at("fc.w"), 0) == Tensor({3}, {1, 0, 6}));
  CHECK(patterns_differ(before, with(Format::csr, {1, 0, 1, 1, 0, 0})));
  CHECK(!patterns_differ(before, before));
}

TEST_CASE("a pattern that changes in place is run, and its weights trained, as the new one") {
  const Data data = digits();
  const Net start = sparse::convert(digits_net(data.spec, 0.8), Format::csr);
  const auto moved = [](const Net& net) {  // every entry one column on, where there is room
    std::vector<sparse::Weight> weights = sparse::weights_of(net.graph);
    std::vector<sparse::Connections> all;
    for (const sparse::Weight& weight : weights) {
      sparse::Connections c = sparse::connections(net, weight);
      for (size_t i = 0; i < c.at.size(); ++i) {
        const int32_t next = i + 1 < c.at.size() ? c.at[i + 1] : int32_t(weight.size());
        if (c.at[i] + 1 < next) ++c.at[i];
      }
      all.push_back(std::move(c));
    }
    return sparse::with_connections(net, weights, all);
  };
  Executor executor(start, {.batch = 3, .mode = Mode::train, .slots = 1});
  const Net other = moved(start);
  Tensor x = random_samples(start, 3, 1);
  const auto run_on = [&](Executor& e) {
    e.set_input(inputs(start.graph)[0], {x.shape(), x.dtype(), x.raw_write()});
    e.forward(3);
    return e.output();
  };
  REQUIRE(hash(start.graph) == hash(other.graph));
  const Tensor first = run_on(executor);
  executor.load(other);
  Executor fresh(other, {.batch = 3, .mode = Mode::train, .slots = 1});
  CHECK(run_on(executor) == run_on(fresh));
  CHECK(apart(run_on(executor), first) > 1e-3);
  const Hook change = [&](const TrainState& state) -> std::optional<Net> {
    if (state.step % 7 != 0) return {};
    return moved(state.executor.trained());
  };
  const Trained t = trained(start, data, {change}, 4);
  CHECK(t.history.back().train_loss < t.history.front().train_loss);
}

TEST_CASE("dense gradients of a sparse weight, by rows, are the dense layer's") {
  const Net masked = sparse::mask(flat_net(3), {.sparsity = 0.7, .keep = {"c1.w"}});
  const Tensor x = random_samples(masked, 5, 9);
  const auto gradient = [&](const Net& net, const char* layer, const char* weight) {
    Executor executor(net, {.batch = 5, .mode = Mode::train});
    Tensor copy = x;
    executor.set_input(inputs(net.graph)[0], {x.shape(), x.dtype(), copy.raw_write()});
    executor.forward(5);
    Rng rng(17);
    for (float& v : executor.output_grad().span<float>()) v = float(rng.normal());
    executor.backward();
    const Shape& shape = masked.value(weight).shape();
    Tensor all(shape);
    for (int64_t row = 0; row < shape[0]; row += 2) {
      const int64_t end = std::min(row + 2, shape[0]);
      const Tensor part = executor.dense_weight_grad(net.graph.at(layer), row, end);
      std::ranges::copy(part.read(), all.write().begin() + row * count(shape) / shape[0]);
    }
    return all;
  };
  for (Format format : {Format::csr, Format::coo}) {
    const Net net = sparse::convert(masked, format, {.layers = {"f1", "f2"}});
    for (const auto& [layer, weight] : {std::pair("f1", "f1.w"), {"f2", "f2.w"}})
      CHECK(apart(gradient(net, layer, weight), gradient(masked, layer, weight)) < 1e-5);
  }
}

TEST_CASE("checkpoints of sparse nets: going on is never having stopped") {
  const Data data = digits();
  const Net net = sparse::convert(digits_net(data.spec, 0.8), Format::csr);
  std::vector<Checkpoint> seen;
  Rng rng(7);
  TrainOptions options{.epochs = 3, .batch = 20};
  options.checkpoint = [&](const Checkpoint& c) { seen.push_back(c); };
  const Trained whole = train(net, data, Adam{}, options, rng);
  TrainOptions rest{.epochs = 3, .batch = 20};
  rest.resume = &seen[0];
  Rng again(7);
  CHECK(hash(train(net, data, Adam{}, rest, again).net) == hash(whole.net));
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
namespace {
int64_t heap() {
  const struct mallinfo2 info = ::mallinfo2();
  return int64_t(info.uordblks + info.hblkhd + mapped_bytes());
}
}  // namespace

namespace {
// Heap that a net of one layer, in training with Adam, holds after its first step; and its entries.
std::pair<double, double> held_in_training(double density, int64_t batch, const Kernels* kernels) {
  const int64_t before = heap();
  Rng rng(1);
  NetBuilder b(rng);
  const Net net =
      b.finish(sparse::linear(b.input("x", {1000}), "fc", {.out = 1500, .density = density}));
  Executor executor(net, {.batch = batch, .mode = Mode::train, .kernels = kernels, .slots = 2});
  Tensor x = random_samples(net, batch, 2);
  executor.set_input(inputs(net.graph)[0], {x.shape(), x.dtype(), x.raw_write()});
  executor.forward(batch);
  for (float& v : executor.output_grad().span<float>()) v = 1;
  executor.backward();
  executor.step(rule_of(Adam{}), 1e-3f, 1);
  return {double(heap() - before), double(net.value("fc.w").size())};
}
}  // namespace

TEST_CASE("memory of training: at most 6 values and 3 indices an entry, net and packings too") {
  for (const Kernels* kernels : all_kernels())
    for (int64_t batch : {1, 32}) {
      // What samples, biases and row pointers take is the same in both.
      const auto [few_bytes, few] = held_in_training(0.02, batch, kernels);
      const auto [many_bytes, many] = held_in_training(0.1, batch, kernels);
      const double each = (many_bytes - few_bytes) / (many - few);
      INFO(kernels->name, " batch ", batch, ": ", each, " bytes an entry");
      CHECK(each > 20);  // a value, its gradient, two of Adam, the net's own: counted at all
      CHECK(each <= 6 * 4 + 3 * 4);
    }
}
#endif
