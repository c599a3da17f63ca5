#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <set>

#include "../allocations.h"
#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "nn/train.h"
#include "tensor/error.h"
#include "toy.h"

using namespace sparlet;
using test::line_data;
using test::two_layers;

namespace {

struct Run {
  Trained trained;
  Net initial;
};

Run run_line(const Optimizer& optimizer, const TrainOptions& options, uint64_t seed = 3,
             int64_t train_samples = 200, int64_t validation_samples = 100) {
  const Data data = line_data(train_samples, validation_samples);
  Rng rng(seed);
  const Net net = two_layers(data.spec, rng);
  return {train(net, data, optimizer, options, rng), net};
}

// Counts the steps of every epoch.
Hook counter(std::vector<int>& per_epoch) {
  return [&](const TrainState& state) -> std::optional<Net> {
    per_epoch.resize(size_t(state.epoch) + 1);
    ++per_epoch[size_t(state.epoch)];
    return {};
  };
}

// A net whose output is its input: as many classes as features.
Net identity(int64_t features) {
  Rng rng(1);
  NetBuilder b(rng);
  return b.finish(nn::relu(b.input("x", {features})));
}

}  // namespace

TEST_CASE(
    "train learns a toy problem with every optimiser, and leaves the net it was given alone") {
  const Optimizer optimizers[] = {Sgd{.rate = 0.2f},
                                  Sgd{.rate = 0.05f, .momentum = 0.9f, .nesterov = true},
                                  Adam{.rate = 0.02f}, AdamW{.rate = 0.02f}};
  for (const Optimizer& optimizer : optimizers) {
    const Data data = line_data(200, 100);
    Rng rng(3);
    const Net net = two_layers(data.spec, rng);
    const uint64_t before = hash(net);
    const Trained t = train(net, data, optimizer, {.epochs = 40, .batch = 20}, rng);
    CHECK(hash(net) == before);
    CHECK(t.validation_error <= 0.02);
    CHECK(t.validation_error == error_of(t.net, data.validation));
    CHECK(!t.diverged);
    CHECK(t.history.size() == 40);
    CHECK(t.history.back().train_loss < 0.5f * t.history.front().train_loss);
    CHECK(t.history[size_t(t.best_epoch)].validation_error == t.validation_error);
  }
}

TEST_CASE("mean squared error trains too") {
  const Run r =
      run_line(Adam{.rate = 0.02f}, {.epochs = 30, .batch = 20, .loss = MeanSquaredError{}});
  CHECK(r.trained.validation_error <= 0.03);
}

TEST_CASE("the same seed gives the same bytes, another seed others") {
  const TrainOptions options{.epochs = 3, .batch = 16};
  const Net a = run_line(Adam{}, options, 5).trained.net;
  const Net b = run_line(Adam{}, options, 5).trained.net;
  const Net c = run_line(Adam{}, options, 6).trained.net;
  CHECK(test::same_values(a, b));
  CHECK(!test::same_values(a, c));
}

TEST_CASE("steps: the last partial batch is dropped or taken; a small train set is one batch") {
  std::vector<int> steps;
  run_line(Sgd{}, {.epochs = 2, .batch = 64, .hooks = {counter(steps)}});
  CHECK(steps == std::vector<int>{3, 3});
  steps.clear();
  run_line(Sgd{}, {.epochs = 2, .batch = 64, .drop_last = false, .hooks = {counter(steps)}});
  CHECK(steps == std::vector<int>{4, 4});
  steps.clear();
  run_line(Sgd{}, {.epochs = 2, .batch = 64, .hooks = {counter(steps)}}, 1, 10);
  CHECK(steps == std::vector<int>{1, 1});
}

TEST_CASE("each epoch takes every training sample once, in another order") {
  // Feature 0 is the sample's number, so the executor's input shows which were taken.
  Data data = line_data(30, 0);
  for (int64_t i = 0; i < 30; ++i) data.train.x.write()[size_t(2 * i)] = float(i);
  std::vector<std::vector<float>> epochs(2);
  const Hook look = [&](const TrainState& state) -> std::optional<Net> {
    const View x = state.executor.value(state.executor.net().graph.at("x"));
    const int64_t n = state.step % 4 == 0 ? 6 : 8;
    for (int64_t i = 0; i < n; ++i) epochs[size_t(state.epoch)].push_back(x.f32()[2 * i]);
    return {};
  };
  Rng rng(1);
  train(two_layers(data.spec, rng), data, Sgd{.rate = 0},
        {.epochs = 2, .batch = 8, .drop_last = false, .hooks = {look}}, rng);
  CHECK(epochs[0] != epochs[1]);
  for (const auto& seen : epochs) {
    CHECK(seen.size() == 30);
    CHECK(std::set<float>(seen.begin(), seen.end()).size() == 30);
  }
}

TEST_CASE("error_of counts every sample exactly once, whatever the batch") {
  // Outputs are the inputs: sample i is right iff its label is where the 1 is. 3 of 11 are wrong,
  // one of them the very last.
  Tensor x(Shape{11, 3}), y(Shape{11}, DType::i32);
  for (int64_t i = 0; i < 11; ++i) {
    x.write()[size_t(3 * i + i % 3)] = 1;
    const bool wrong = i == 0 || i == 5 || i == 10;
    y.write<int32_t>()[size_t(i)] = int32_t((i + wrong) % 3);
  }
  const Dataset data = Dataset::all(x, y);
  for (int64_t batch : {1, 2, 3, 4, 5, 10, 11, 64})
    CHECK(error_of(identity(3), data, batch) == doctest::Approx(3.0 / 11));
  CHECK_THROWS_AS(error_of(identity(3), data.take(0)), Error);
  CHECK_THROWS_AS(error_of(identity(4), data), Error);
}

TEST_CASE("outputs must be as many as classes: the message names the output") {
  Data data = line_data(20, 10);
  Rng rng(1);
  data.spec.classes = 3;
  const Net net = two_layers(data.spec, rng);
  data.spec.classes = 2;
  CHECK_THROWS_WITH_AS(train(net, data, Sgd{}, {.epochs = 1}, rng),
                       "f2 (linear): 3 outputs, the data has 2 classes", Error);
}

TEST_CASE("of equal outputs the first counts") {
  const Dataset data = Dataset::all(Tensor(Shape{2, 3}), Tensor(Shape{2}, DType::i32));
  CHECK(error_of(identity(3), data) == 0);
}

TEST_CASE("the checkpoint is the best epoch; checkpoint_from_step leaves out earlier ones") {
  // 10 steps an epoch. The rate is 0 from step 30 on, and in epoch 3 the outputs change sign.
  const Hook spoil = [](const TrainState& state) -> std::optional<Net> {
    if (state.step != 35) return {};
    Net net = state.executor.trained();
    for (const char* name : {"f2.w", "f2.b"})
      for (float& w : net.params[size_t(net.graph.at(name))].write()) w = -w;
    return net;
  };
  TrainOptions options{
      .epochs = 8, .batch = 20, .schedule = Step{.size = 30, .gamma = 0}, .hooks = {spoil}};
  const Trained any = run_line(Sgd{.rate = 0.2f}, options).trained;
  double best = 1;
  for (const EpochReport& e : any.history) best = std::fmin(best, e.validation_error);
  CHECK(any.best_epoch <= 2);
  CHECK(any.validation_error == best);
  CHECK(any.history[size_t(any.best_epoch)].validation_error == best);
  CHECK(any.history[3].validation_error > 0.5);

  options.checkpoint_from_step = 61;
  const Trained late = run_line(Sgd{.rate = 0.2f}, options).trained;
  CHECK(late.best_epoch == 6);
  CHECK(late.validation_error == any.history[3].validation_error);
  options.checkpoint_from_step = 10000;
  CHECK(run_line(Sgd{.rate = 0.2f}, options).trained.best_epoch == 7);
}

TEST_CASE("without validation data the checkpoint is the last state") {
  const Run r = run_line(Sgd{}, {.epochs = 3}, 1, 200, 0);
  CHECK(r.trained.best_epoch == 2);
  CHECK(r.trained.validation_error == 1);
  CHECK(!test::same_values(r.trained.net, r.initial));
}

TEST_CASE("patience stops after that many epochs without a better checkpoint") {
  const Run r = run_line(Sgd{.rate = 0}, {.epochs = 50, .patience = 3});
  CHECK(r.trained.history.size() == 4);
  CHECK(r.trained.best_epoch == 0);
  const Run late = run_line(Sgd{.rate = 0},
                            {.epochs = 50, .batch = 100, .checkpoint_from_step = 9, .patience = 3});
  CHECK(late.trained.history.size() == 8);  // epochs 0-3 do not count, 4 is the best, 3 more
}

TEST_CASE("progress sees every epoch and can stop") {
  int calls = 0;
  const Run r = run_line(Sgd{}, {.epochs = 9, .progress = [&](const EpochReport& e) {
                                   CHECK(e.epoch == calls);
                                   return ++calls < 4;
                                 }});
  CHECK(calls == 4);
  CHECK(r.trained.history.size() == 4);
}

TEST_CASE("a run that diverges is a result: the last good net, or the initial one") {
  const Run r = run_line(Sgd{.rate = 1e30f}, {.epochs = 5, .batch = 20});
  CHECK(r.trained.diverged);
  CHECK(r.trained.history.size() == 1);
  CHECK(r.trained.best_epoch == -1);
  CHECK(test::same_values(r.trained.net, r.initial));

  // Good for two epochs, then a weight becomes NaN.
  const Hook poison = [](const TrainState& state) -> std::optional<Net> {
    if (state.step != 25) return {};
    Net net = state.executor.trained();
    net.params[size_t(net.graph.at("f2.w"))].write()[0] = std::numeric_limits<float>::quiet_NaN();
    return net;
  };
  const Run late = run_line(Sgd{}, {.epochs = 5, .batch = 20, .hooks = {poison}});
  CHECK(late.trained.diverged);
  CHECK(late.trained.history.size() == 3);
  CHECK(late.trained.best_epoch >= 0);
  for (float w : late.trained.net.value("f2.w").read()) CHECK(std::isfinite(w));
}

TEST_CASE("weights that are spoilt by the very last step are found out too") {
  const Hook poison = [](const TrainState& state) -> std::optional<Net> {
    if (state.step != state.total_steps) return {};
    Net net = state.executor.trained();
    for (float& b : net.params[size_t(net.graph.at("f2.b"))].write())
      b = std::numeric_limits<float>::quiet_NaN();
    return net;
  };
  const Run r = run_line(Sgd{.rate = 0}, {.epochs = 2, .batch = 20, .hooks = {poison}});
  CHECK(r.trained.diverged);
  CHECK(r.trained.best_epoch == 0);
  CHECK(std::isfinite(r.trained.net.value("f2.b").read()[0]));
}

TEST_CASE("a hook that changes values or structure for nothing changes nothing else") {
  // The optimiser's slots must survive both, or the momentum would be lost.
  const Optimizer optimizer = Adam{.rate = 0.02f};
  const TrainOptions options{.epochs = 3, .batch = 20};
  const Net plain = run_line(optimizer, options).trained.net;

  TrainOptions same = options;
  same.hooks = {
      [](const TrainState& state) -> std::optional<Net> { return state.executor.trained(); }};
  CHECK(test::same_values(run_line(optimizer, same).trained.net, plain));

  TrainOptions masked = options;
  masked.hooks = {[](const TrainState& state) -> std::optional<Net> {
    if (state.step != 7) return {};
    const Net net = state.executor.trained();
    return rewrite(net, [&](Rewriter& r, Id id) {
      const Id copy = r.copy(id);
      if (r.old(id).name != "f1.w") return copy;
      Tensor ones(r.old(id).type.shape);
      for (float& one : ones.write()) one = 1;
      return r.add(mul_op, "f1.w.once", {copy, r.leaf(constant_op, "f1.w.ones", ones)});
    });
  }};
  const Net rebuilt = run_line(optimizer, masked).trained.net;
  CHECK(rebuilt.graph.find("f1.w.once"));
  for (const char* name : {"f1.w", "f1.b", "f2.w", "f2.b"}) {
    const auto a = rebuilt.value(name).read(), b = plain.value(name).read();
    for (size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-4));
  }
}

TEST_CASE("hooks see the steps and the rate of the schedule") {
  std::vector<float> rates;
  const Hook look = [&](const TrainState& state) -> std::optional<Net> {
    CHECK(state.step == int64_t(rates.size()) + 1);
    CHECK(state.steps_per_epoch == 2);
    CHECK(state.total_steps == 6);
    CHECK(state.epoch == (state.step - 1) / 2);
    rates.push_back(state.rate);
    return {};
  };
  run_line(Sgd{.rate = 0.4f},
           {.epochs = 3, .batch = 100, .schedule = Step{.size = 2, .gamma = 0.5}, .hooks = {look}});
  CHECK(rates == std::vector<float>{0.4f, 0.4f, 0.2f, 0.2f, 0.1f, 0.1f});
}

TEST_CASE("nothing is allocated between the steps of an epoch") {
  std::vector<int64_t> counts;
  counts.reserve(1000);
  const Hook look = [&](const TrainState& state) -> std::optional<Net> {
    if (state.epoch == 1) counts.push_back(testing::allocations());
    return {};
  };
  const Data data = [] {
    Data d = line_data(96, 20);
    d.spec.shape = {2, 8, 8};
    Tensor x(Shape{96, 2, 8, 8}, DType::u8), v(Shape{20, 2, 8, 8}, DType::u8);
    d.train = Dataset::all(x, d.train.y);
    d.validation = Dataset::all(v, d.validation.y);
    d.spec.dtype = DType::u8;
    d.spec.mean = 5;
    d.spec.deviation = 50;
    return d;
  }();
  Rng rng(1);
  NetBuilder b(rng);
  Var x = nn::conv2d(b.data_input(data.spec), "c1", {.out = 4, .pad = 1});
  x = nn::max_pool(nn::relu(nn::batch_norm(x, "n1")));
  x = nn::dropout(nn::flatten(x), 0.2);
  const Net net = b.finish(nn::linear(x, "f1", {.out = 2}));
  for (const Kernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->name));
    counts.clear();
    const int64_t before = testing::start_counting();
    train(net, data, Adam{},
          {.epochs = 3, .batch = 10, .drop_last = false, .hooks = {look}, .kernels = kernels}, rng);
    CHECK(testing::stop_counting() > before);  // the counter counts
    REQUIRE(counts.size() == 10);
    CHECK(counts.back() == counts.front());
  }
}

TEST_CASE("options and data that make no sense are errors before any step") {
  const Data data = line_data(20, 20);
  Rng rng(1);
  const Net net = two_layers(data.spec, rng);
  CHECK_THROWS_AS(train(net, data, Sgd{}, {.batch = 0}, rng), Error);
  CHECK_THROWS_AS(train(net, data, Sgd{}, {.epochs = -1}, rng), Error);
  CHECK_THROWS_AS(train(net, data, Sgd{}, {.schedule = Step{.size = 0}}, rng), Error);
  CHECK_THROWS_AS(train(net, data, Sgd{.rate = -1}, {}, rng), Error);
  CHECK_THROWS_AS(train(net, data, Sgd{}, {.loss = CrossEntropy{.label_smoothing = 2}}, rng),
                  Error);
  Data empty = data;
  empty.train = data.train.take(0);
  CHECK_THROWS_AS(train(net, empty, Sgd{}, {}, rng), Error);
  Data labels = data;
  labels.train.y.write<int32_t>()[3] = 2;
  CHECK_THROWS_AS(train(net, labels, Sgd{}, {}, rng), Error);
  const Run none = run_line(Sgd{}, {.epochs = 0});
  CHECK(test::same_values(none.trained.net, none.initial));
  CHECK(none.trained.best_epoch == -1);
}
