// What holds of every method: the exact number of weights in what train() returns, also under
// distillation, and runs that are interrupted.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "loop.h"
#include "nn/batches.h"
#include "nn/checkpoint.h"
#include "sparse/channels.h"
#include "sparse/convert.h"
#include "sparse/feedback.h"
#include "sparse/prune.h"
#include "sparse/score.h"
#include "sparse/variational.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

constexpr double kSparsity = 0.8;
constexpr int kEpochs = 5;  // of 4 steps
constexpr int64_t kEnd = 13;

// A net that trains by a method, and what of its 944 weights is left at the end.
struct Method {
  const char* name;
  std::function<Net(const Net&)> start;
  std::function<Hook()> hook;
  int64_t left = 944 - 755;
};

std::vector<Method> methods() {
  const auto masked = [](const Net& net) { return sparse_net(net, kSparsity, 4); };
  const auto open = [](const Net& net) { return sparse::mask(net, {}); };
  const auto same = [](const Net& net) { return net; };
  const auto csr = [=](const Net& net) {
    return sparse::convert(masked(net), sparse::Format::csr);
  };
  const auto dynamic = [](const char* word) {
    return [=] { return sparse::dynamic(often(sparse::dynamic_from(word))); };
  };
  const sparse::Variational noise{.sparsity = kSparsity, .samples = 128, .full = 5, .end = kEnd};
  std::vector<Method> list{
      {"snip", same, [] { return sparse::snip({.sparsity = kSparsity}); }},
      {"gradual", same,
       [] { return sparse::gradual({.target = kSparsity, .begin = 2, .end = kEnd, .every = 4}); }},
      {"gradual, by layer", open,
       [] {
         return sparse::gradual({.target = kSparsity,
                                 .begin = 2,
                                 .end = kEnd,
                                 .every = 4,
                                 .power = 1,
                                 .distribution = sparse::erdos_renyi()});
       }},
      {"feedback", open,
       [] { return sparse::feedback({.target = kSparsity, .end = kEnd, .every = 3}); }},
      {"variational", [=](const Net& net) { return sparse::with_noise(net, noise); },
       [=] { return sparse::variational(noise); }},
      // 8 of 16 units: 8 · 49 + 10 · 8 weights.
      {"channels", same,
       [] {
         return sparse::gradual_channels(
             {.target = {.fraction = 0.5}, .begin = 2, .end = kEnd, .every = 3});
       },
       472}};
  for (const char* word : {"static", "set", "rigl", "rigl-itop", "snfs"}) {
    list.push_back({word, masked, dynamic(word)});
    list.push_back({word, csr, dynamic(word)});
  }
  return list;
}

int64_t connections(const Net& net) {
  const auto counts = connection_counts_of(net);
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

TrainOptions options_of(const Method& method) {
  return {.epochs = kEpochs, .batch = 32, .hooks = {method.hook()}, .checkpoint_from_step = kEnd};
}

}  // namespace

TEST_CASE("every method, with a teacher: what train() returns has exactly the weights asked for") {
  const Data data = toy_digits();
  Rng init(1);
  const Net net = digits_mlp(data.spec, init), teacher = digits_mlp(data.spec, init);
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    TrainOptions options = options_of(method);
    options.loss = Distillation{.teacher = teacher, .alpha = 0.5f, .temperature = 2};
    Rng rng(3);
    const Trained t = train(method.start(net), data, Adam{.rate = 5e-3f}, options, rng);
    CHECK(connections(t.net) == method.left);
    CHECK(t.best_epoch >= 3);  // the first that ends behind kEnd
    CHECK(t.history.back().train_loss < t.history.front().train_loss);
    // What is stored is what was validated.
    CHECK(error_of(sparse::unmask(t.net), data.validation) == t.validation_error);
  }
}

TEST_CASE("every method: an interrupted run goes on as if it had never stopped, byte for byte") {
  const Data data = toy_digits();
  Rng init(1);
  const Net net = digits_mlp(data.spec, init);
  const Optimizer optimizers[] = {Sgd{.rate = 0.05f, .momentum = 0.9f}, Adam{.rate = 5e-3f}};
  int which = 0;
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    const Optimizer& optimizer = optimizers[which++ % 2];
    std::map<int, std::vector<uint8_t>> files, again;
    TrainOptions options = options_of(method);
    options.checkpoint = [&](const Checkpoint& c) { files[c.epoch] = to_bytes(c); };
    Rng rng(3);
    const Net start = method.start(net);
    const Trained whole = train(start, data, optimizer, options, rng);
    REQUIRE(files.size() == kEpochs);
    for (const int stop : {1, 2, 4}) {
      const Checkpoint from = checkpoint_from(files.at(stop), "file");
      TrainOptions rest = options_of(method);  // hooks that remember nothing yet
      rest.resume = &from;
      rest.checkpoint = [&](const Checkpoint& c) { again[c.epoch] = to_bytes(c); };
      again.clear();
      Rng other(99);
      CHECK(hash(train(start, data, optimizer, rest, other).net) == hash(whole.net));
      for (int epoch = stop + 1; epoch <= kEpochs; ++epoch)
        CHECK(again.at(epoch) == files.at(epoch));
    }
  }
}

TEST_CASE("every hook runs in a loop of one's own, byte for byte as in train()") {
  const Data data = toy_digits();
  Rng init(1);
  const Net net = digits_mlp(data.spec, init);
  const Sgd optimizer{.rate = 0.05f, .momentum = 0.9f};
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    const Net start = method.start(net);
    Net last;
    const auto keep = [&](const TrainState& s) -> std::optional<Net> {
      last = s.executor.trained();
      return {};
    };
    Rng rng(5), again(5);
    train(start, data, optimizer, {.epochs = kEpochs, .batch = 32, .hooks = {method.hook(), keep}},
          rng);
    Executor executor(start,
                      {.batch = 32, .mode = Mode::train, .slots = 1, .seed = mix(again.next(), 0)});
    sparse::Dynamic dynamic(executor, optimizer, method.hook());
    Batches feed(start.graph, data.train, 32);
    std::vector<int32_t> order = positions(128);
    for (int64_t step = 1; step <= 4 * kEpochs; ++step) {
      if (step % 4 == 1) again.shuffle(order);
      const auto labels = feed.load(
          data.train, std::span(order).subspan(size_t((step - 1) % 4 * 32), 32), executor);
      const View y = executor.forward(32);
      loss(CrossEntropy{}, y, labels, executor.output_grad());
      executor.backward();
      dynamic.step(step, double(step) / (4 * kEpochs));
    }
    CHECK(hash(executor.trained()) == hash(last));
  }
}

TEST_CASE("a loop of one's own goes on with what was saved; other memories are refused") {
  const Net net = sparse_net(mixed_net(3), 0.8, 1);
  const Sgd optimizer{.rate = 0.05f};
  const sparse::DynamicOptions o = often(sparse::snfs_options());
  Loop whole(net, optimizer, o);
  for (int64_t step = 1; step <= 5; ++step) {
    whole.batch(step);
    whole.dynamic.step(step, double(step) / 20);
  }
  Loop second(whole.executor.trained(), optimizer, o);
  second.dynamic.load(whole.dynamic.saved());
  for (int64_t step = 6; step <= 12; ++step)
    for (Loop* each : {&whole, &second}) {
      each->batch(step);
      each->dynamic.step(step, double(step) / 20);
    }
  CHECK(hash(whole.executor.trained()) == hash(second.executor.trained()));

  const std::vector<uint8_t> saved = whole.dynamic.saved();
  for (size_t n = 0; n < saved.size(); n += 1 + n / 8)
    CHECK_THROWS_AS(second.dynamic.load({saved.data(), n}), Error);
  std::vector<uint8_t> longer = saved;
  longer.push_back(0);
  CHECK_THROWS_AS(second.dynamic.load(longer), Error);

  const Data data = toy_digits();
  Rng rng(1);
  const Net start = sparse_net(digits_mlp(data.spec, rng), 0.8, 1);
  Checkpoint last;
  TrainOptions options{
      .epochs = 2, .batch = 32, .hooks = {sparse::snfs()}, .checkpoint = [&](const Checkpoint& c) {
        last = c;
      }};
  train(start, data, optimizer, options, rng);
  CHECK(last.hooks.size() == 1);
  options.resume = &last;
  options.hooks = {sparse::rigl()};
  CHECK_THROWS_WITH_AS(train(start, data, optimizer, options, rng),
                       doctest::Contains("1 hooks that remember something, wanted 0"), Error);
  options.hooks = {sparse::gradual_channels({})};
  CHECK_THROWS_WITH_AS(train(start, data, optimizer, options, rng),
                       doctest::Contains("gradual_channels"), Error);
}
