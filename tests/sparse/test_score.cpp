#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "nets.h"
#include "nn/batches.h"
#include "sparse/feedback.h"
#include "sparse/prune.h"
#include "sparse/score.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

int64_t total(const Net& net) {
  const auto counts = connection_counts_of(net);
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

// Mean loss over the first 64 samples.
double loss_of(const Net& net, const Data& data) {
  Executor e(net, {.batch = 64, .mode = Mode::train});
  Batches feed(net.graph, data.train, 64);
  const std::vector<int32_t> order = positions(64);
  const auto labels = feed.load(data.train, order, e);
  const View y = e.forward(64);
  return loss(CrossEntropy{}, y, labels, e.output_grad());
}

}  // namespace

TEST_CASE("SNIP keeps exactly what changes the loss most, by finite differences") {
  Data data = toy_digits(64);
  Rng rng(1), draw(2);
  const Net net = digits_mlp(data.spec, rng);
  const Net pruned = sparse::snip(net, data.train, {.sparsity = 0.8, .samples = 64}, draw);
  CHECK(total(pruned) == 944 - std::llround(0.8 * 944));
  // |g w| ~ |L(w (1 + e)) - L(w (1 - e))| / 2e: of a sample of places, kept ones rank above closed
  // ones.
  const auto sensitivity = [&](size_t i) {
    Net up = net, down = net;
    up.params[size_t(net.graph.at("f2.w"))].write()[i] *= 1.05f;
    down.params[size_t(net.graph.at("f2.w"))].write()[i] *= 0.95f;
    return std::abs(loss_of(up, data) - loss_of(down, data)) / 0.1;
  };
  const auto mask = pruned.value("f2.w.mask").read();
  double least_kept = 1e9, greatest_closed = 0;
  for (size_t i = 0; i < 160; ++i) {
    const double s = sensitivity(i);
    if (mask[i] != 0)
      least_kept = std::min(least_kept, s);
    else
      greatest_closed = std::max(greatest_closed, s);
  }
  CHECK(least_kept > greatest_closed - 2e-4);
  for (size_t i = 0; i < 160; ++i)
    if (mask[i] == 0) CHECK(pruned.value("f2.w").read()[i] == 0);
  const Net by_layer =
      sparse::snip(net, data.train,
                   {.sparsity = 0.8, .distribution = sparse::erdos_renyi(), .samples = 64}, draw);
  CHECK(connection_counts_of(by_layer) ==
        sparse::connection_counts(sparse::weights_of(net.graph), 0.8, sparse::erdos_renyi()));
}

TEST_CASE("the SNIP hook prunes at the first step, without a gradient step, and then trains") {
  const Data data = toy_digits();
  Rng rng(1);
  const Net net = digits_mlp(data.spec, rng);
  Net first;
  const auto watch = [&](const TrainState& s) -> std::optional<Net> {
    if (s.step == 1) first = s.executor.trained();
    return {};
  };
  const Trained t =
      train(net, data, Adam{},
            {.epochs = 2, .batch = 32, .hooks = {sparse::snip({.sparsity = 0.7}), watch}}, rng);
  CHECK(total(first) == 944 - std::llround(0.7 * 944));
  CHECK(first.value("f1.b") == net.value("f1.b"));
  const auto mask = first.value("f1.w.mask").read();
  for (size_t i = 0; i < mask.size(); ++i)
    if (mask[i] != 0) REQUIRE(first.value("f1.w").read()[i] == net.value("f1.w").read()[i]);
  CHECK(t.net.value("f1.w.mask") == first.value("f1.w.mask"));
  CHECK_FALSE(t.net.value("f1.w") == first.value("f1.w"));
}

TEST_CASE("GraSP: the Hessian times the gradient, against a quadratic by hand") {
  // One linear layer under a squared error: L = |W x - t|² / n, so H is known: dL is linear in W
  // and H g = g(W + g) - g(W), exactly.
  Data data = toy_digits(64);
  Rng rng(3), draw(4);
  NetBuilder b(rng);
  Var x = nn::flatten(nn::max_pool(b.data_input(data.spec), {.size = 7}));
  const Net net = b.finish(nn::linear(x, "f", {.out = 10}));
  const auto gradient = [&](const Net& at) {
    Executor e(at, {.batch = 64, .mode = Mode::train});
    Batches feed(at.graph, data.train, 64);
    const std::vector<int32_t> order = positions(64);
    const auto labels = feed.load(data.train, order, e);
    const View y = e.forward(64);
    loss(MeanSquaredError{}, y, labels, e.output_grad());
    e.backward();
    return e.dense_weight_grad(sparse::weights_of(at.graph)[0].reader, 0, 10);
  };
  const Tensor g = gradient(net);
  Net moved = net;
  for (size_t i = 0; i < 160; ++i)
    moved.params[size_t(net.graph.at("f.w"))].write()[i] += g.read()[i];
  const Tensor after = gradient(moved);
  std::vector<std::pair<double, size_t>> score;
  for (size_t i = 0; i < 160; ++i)
    score.push_back({-double(net.value("f.w").read()[i]) * (after.read()[i] - g.read()[i]), i});
  std::ranges::sort(score);
  sparse::Grasp o;
  o.sparsity = 0.5, o.samples = 64, o.loss = MeanSquaredError{};
  const Net pruned = sparse::grasp(net, data.train, o, draw);
  CHECK(total(pruned) == 80);
  int agree = 0;
  for (size_t r = 0; r < 160; ++r)
    agree += (pruned.value("f.w.mask").read()[score[r].second] != 0) == (r >= 80);
  CHECK(agree >= 156);  // rounding at the boundary
}

TEST_CASE("feedback: closed weights learn on, come back, and validation leaves them alone") {
  const Data data = toy_digits();
  Rng rng(1);
  const Net net = sparse::mask(digits_mlp(data.spec, rng), {});
  const sparse::Feedback o{.target = 0.8, .begin = 0, .end = 12, .every = 2};
  std::vector<Net> seen;
  const auto watch = [&](const TrainState& s) -> std::optional<Net> {
    seen.push_back(s.executor.trained());
    return {};
  };
  const TrainOptions options{
      .epochs = 5, .batch = 32, .hooks = {sparse::feedback(o), watch}, .checkpoint_from_step = 12};
  Rng a(2), b(2);
  const Trained t = train(net, data, Adam{.rate = 0.01f}, options, a);
  CHECK(total(t.net) == 944 - std::llround(0.8 * 944));
  bool learnt = false, back = false;
  for (size_t s = 1; s < 12; ++s) {
    const auto was = seen[s - 1].value("f1.w.mask").read(), is = seen[s].value("f1.w.mask").read();
    const auto before = seen[s - 1].value("f1.w").read(), after = seen[s].value("f1.w").read();
    for (size_t i = 0; i < was.size(); ++i) {
      learnt = learnt || (was[i] == 0 && before[i] != after[i]);
      back = back || (was[i] == 0 && is[i] != 0);
    }
  }
  CHECK(learnt);
  CHECK(back);
  // Behind the end masks stay and closed weights rest.
  CHECK(seen[19].value("f1.w.mask") == seen[12].value("f1.w.mask"));
  const auto mask = seen[12].value("f1.w.mask").read();
  // (Adam's momentum may move them for a while: their gradient is what is 0.)
  CHECK(std::ranges::count(mask, 0.f) > 0);
  // Without validation the same weights come out: validating touches nothing.
  Data blind = data;
  blind.validation = Dataset();
  std::vector<Net> with = seen;
  seen.clear();
  train(net, blind, Adam{.rate = 0.01f}, options, b);
  CHECK(hash(seen.back()) == hash(with.back()));
}

TEST_CASE("feedback at every step from the target on is DNW: the greatest of all weights, always") {
  const Data data = toy_digits();
  Rng rng(1), a(2);
  const Net net = sparse::mask(digits_mlp(data.spec, rng), {});
  const sparse::Feedback o{
      .target = 0.9, .initial = 0.9, .end = 16, .every = 1, .distribution = sparse::uniform()};
  int swaps = 0;
  Net last;
  const auto watch = [&](const TrainState& s) -> std::optional<Net> {
    const Net now = s.executor.trained();
    for (const sparse::Weight& w : sparse::weights_of(now.graph)) {
      const auto mask = now.params[size_t(w.mask)].read(), v = now.params[size_t(w.param)].read();
      float least_open = 1e9f, most_closed = 0;
      for (size_t i = 0; i < v.size(); ++i) {
        float& bound = mask[i] != 0 ? least_open : most_closed;
        bound = mask[i] != 0 ? std::min(bound, std::abs(v[i])) : std::max(bound, std::abs(v[i]));
      }
      CHECK(least_open >= most_closed);
      if (last.params.size() > 0)
        swaps += !(last.value(w.name + ".mask") == now.value(w.name + ".mask"));
    }
    CHECK(total(now) == 78 + 16);  // a tenth of 784 and of 160
    last = now;
    return {};
  };
  train(net, data, Sgd{.rate = 0.1f},
        {.epochs = 4, .batch = 32, .hooks = {sparse::feedback(o), watch}}, a);
  CHECK(swaps > 3);
}
