#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "data/digits.h"
#include "nn/layers.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

// 3·1·3·3 + 5·12 + 2·5 = 27 + 60 + 10 = 97 prunable weights.
Net small_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {1, 4, 4}), "c1", {.out = 3, .pad = 1}));
  x = nn::batch_norm(x, "n1");
  x = nn::flatten(nn::max_pool(x));
  x = nn::relu(nn::linear(x, "f1", {.out = 5}));
  return b.finish(nn::linear(x, "f2", {.out = 2}));
}

std::vector<std::string> masks(const Net& net) {
  std::vector<std::string> names;
  for (const Node& node : net.graph.nodes)
    if (node.name.ends_with(".mask")) names.push_back(node.name);
  return names;
}

int64_t zeros(const Net& net) {
  int64_t n = 0;
  for (const std::string& name : masks(net)) n += std::ranges::count(net.value(name).read(), 0.f);
  return n;
}

// Every entry that is zero in `before` is zero in `after`.
bool only_lost(const Net& before, const Net& after) {
  for (const std::string& name : masks(before)) {
    const auto a = before.value(name).read(), b = after.value(name).read();
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i] == 0 && b[i] != 0) return false;
  }
  return true;
}

Tensor inputs(int64_t n) {
  Rng rng(99);
  Tensor x(Shape{n, 1, 4, 4});
  for (float& v : x.write()) v = float(rng.normal());
  return x;
}

Tensor outputs(const Net& net) {
  Tensor x = inputs(7);
  return run(net, {x.shape(), x.dtype(), x.raw_write()});
}

double distance(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (size_t i = 0; i < size_t(a.size()); ++i)
    most = std::fmax(most, std::abs(a.read()[i] - b.read()[i]));
  return most;
}

Data digits() {
  Data data{.name = "digits"};
  data.train = make_digits(100, 1);
  data.validation = make_digits(40, 1, 100);
  data.spec = {.shape = {1, 28, 28}, .classes = 10, .mean = 30, .deviation = 80};
  return data;
}

Net digits_net(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = nn::max_pool(b.data_input(spec), {.size = 4});
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 16}));
  return b.finish(nn::linear(x, "f2", {.out = 10}));
}

}  // namespace

TEST_CASE("prunable: conv and linear weights in graph order, masked or not") {
  const Net net = small_net(1);
  const std::vector<std::string> expected{"c1.w", "f1.w", "f2.w"};
  CHECK(sparse::prunable(net.graph) == expected);
  CHECK(sparse::prunable(sparse::mask(net, {}).graph) == expected);
}

TEST_CASE("mask: exactly round(sparsity x weights) zeros, the smallest of all") {
  const Net net = small_net(1);
  for (double sparsity : {0.0, 0.004, 0.1, 0.33, 0.5, 0.777, 0.99, 1.0}) {
    const Net pruned = sparse::mask(net, {.sparsity = sparsity});
    const int64_t expected = std::llround(sparsity * 97);
    CHECK(zeros(pruned) == expected);
    CHECK(sparse::density(pruned) == doctest::Approx(double(97 - expected) / 97));
    float greatest_gone = 0, least_kept = 1e9f;
    for (const std::string& name : sparse::prunable(net.graph)) {
      const auto w = pruned.value(name).read(), m = pruned.value(name + ".mask").read();
      for (size_t i = 0; i < w.size(); ++i) {
        if (m[i] == 0)
          greatest_gone = std::fmax(greatest_gone, std::abs(w[i]));
        else
          least_kept = std::fmin(least_kept, std::abs(w[i]));
      }
      CHECK(pruned.value(name) == net.value(name));
    }
    CHECK(greatest_gone < least_kept);
    CHECK(pruned.graph.find("c1.w.masked"));
  }
}

TEST_CASE("mask: of equal magnitudes the first go") {
  Net net = small_net(1);
  for (const std::string& name : sparse::prunable(net.graph))
    for (float& w : net.params[size_t(net.graph.at(name))].write()) w = w < 0 ? -0.5f : 0.5f;
  const Net pruned = sparse::mask(net, {.sparsity = 30.0 / 97});
  CHECK(zeros(pruned) == 30);
  CHECK(std::ranges::count(pruned.value("c1.w.mask").read(), 0.f) == 27);
  const auto f1 = pruned.value("f1.w.mask").read();
  CHECK(std::ranges::count(f1.first(3), 0.f) == 3);
  CHECK(std::ranges::count(f1.subspan(3), 0.f) == 0);
}

TEST_CASE("mask: what is gone stays gone, even where the weight has grown") {
  Net half = sparse::mask(small_net(1), {.sparsity = 0.5});
  for (const std::string& name : sparse::prunable(half.graph)) {
    const auto m = half.value(name + ".mask").read();
    const auto w = half.params[size_t(half.graph.at(name))].write();
    for (size_t i = 0; i < w.size(); ++i) w[i] = m[i] == 0 ? 100.f : 0.01f;
  }
  const Net more = sparse::mask(half, {.sparsity = 0.8});
  CHECK(zeros(more) == std::llround(0.8 * 97));
  CHECK(only_lost(half, more));
  CHECK(to_text(more.graph) == to_text(half.graph));
  const Net less = sparse::mask(more, {.sparsity = 0.2});
  CHECK(hash(less) == hash(more));
}

TEST_CASE("mask: `keep` leaves weights alone and does not count them") {
  const Net net = small_net(1);
  const Net pruned = sparse::mask(net, {.sparsity = 0.5, .keep = {"c1.w"}});
  CHECK(!pruned.graph.find("c1.w.mask"));
  CHECK(zeros(pruned) == 35);
  CHECK(sparse::density(pruned) == doctest::Approx(62.0 / 97));
  CHECK_THROWS_WITH_AS(sparse::mask(net, {.keep = {"c1"}}), doctest::Contains("c1.w"), Error);
  CHECK_THROWS_AS(sparse::mask(net, {.sparsity = 1.01}), Error);
  CHECK_THROWS_AS(sparse::mask(net, {.sparsity = -0.1}), Error);
}

TEST_CASE("mask: a NaN weight counts as the largest") {
  Net net = small_net(1);
  net.params[size_t(net.graph.at("f2.w"))].write()[4] = std::nanf("");
  const Net pruned = sparse::mask(net, {.sparsity = 0.9});
  CHECK(zeros(pruned) == 87);
  CHECK(pruned.value("f2.w.mask").read()[4] == 1);
}

TEST_CASE("a mask of ones changes no output; unmask gives the same outputs without masks") {
  const Net net = small_net(2);
  CHECK(distance(outputs(net), outputs(sparse::mask(net, {}))) == 0);
  const Net pruned = sparse::mask(net, {.sparsity = 0.6});
  const Net bare = sparse::unmask(pruned);
  CHECK(distance(outputs(pruned), outputs(net)) > 1e-3);
  CHECK(distance(outputs(pruned), outputs(bare)) <= 1e-6);
  CHECK(masks(bare).empty());
  CHECK(to_text(bare.graph) == to_text(net.graph));
  CHECK(sparse::density(bare) == sparse::density(pruned));
  CHECK(hash(sparse::unmask(net)) == hash(net));
}

TEST_CASE("weights that two layers share are pruned once") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var w = b.param("w", Shape{4, 4}, Init::kaiming_uniform);
  Var x = b.op(linear_op, "a", {b.input("x", {4}), w});
  const Net net = b.finish(b.op(linear_op, "b", {nn::relu(x), w}));
  CHECK(sparse::prunable(net.graph).size() == 1);
  const Net pruned = sparse::mask(net, {.sparsity = 0.5});
  CHECK(zeros(pruned) == 8);
  CHECK(pruned.graph[pruned.graph.at("a")].in[1] == pruned.graph[pruned.graph.at("b")].in[1]);
}

TEST_CASE("the schedule is Zhu and Gupta's cubic") {
  const sparse::Gradual g{.target = 0.8, .begin = 100, .end = 300, .every = 10};
  CHECK(sparse::sparsity_at(g, 100) == 0);
  CHECK(sparse::sparsity_at(g, 200) == doctest::Approx(0.8 * 0.875));
  CHECK(sparse::sparsity_at(g, 300) == 0.8);
  CHECK(sparse::sparsity_at(g, 9999) == 0.8);
  CHECK_THROWS_AS(sparse::gradual({.target = 1.5}), Error);
  CHECK_THROWS_AS(sparse::gradual({.begin = 5, .end = 4}), Error);
  CHECK_THROWS_AS(sparse::gradual({.every = 0}), Error);
}

TEST_CASE("gradual pruning in training: masks only lose entries and hit the target at `end`") {
  const Data data = digits();
  Rng rng(4);
  const Net net = digits_net(data.spec, rng);
  const int64_t weights = 16 * 49 + 160;
  std::vector<Net> seen;
  std::vector<int64_t> at;
  const Hook watch = [&](const TrainState& state) -> std::optional<Net> {
    Net now = state.executor.trained();
    if (seen.empty() || zeros(now) != zeros(seen.back())) {
      seen.push_back(std::move(now));
      at.push_back(state.step);
    }
    return {};
  };
  // 10 steps an epoch; 27 is not on the grid of every 6th from 5.
  const sparse::Gradual plan{.target = 0.85, .begin = 5, .end = 27, .every = 6};
  const Trained t = train(net, data, Adam{.rate = 5e-3f},
                          {.epochs = 4,
                           .batch = 10,
                           .hooks = {sparse::gradual(plan), watch},
                           .checkpoint_from_step = plan.end},
                          rng);
  CHECK(at == std::vector<int64_t>{1, 11, 17, 23, 27});
  for (size_t i = 0; i < seen.size(); ++i) {
    CHECK(zeros(seen[i]) == std::llround(sparse::sparsity_at(plan, at[i]) * double(weights)));
    if (i > 1) CHECK(only_lost(seen[i - 1], seen[i]));
  }
  CHECK(zeros(t.net) == std::llround(0.85 * double(weights)));
  CHECK(t.best_epoch >= 2);
  CHECK(only_lost(seen.back(), t.net));
  CHECK(error_of(sparse::unmask(t.net), data.validation) == t.validation_error);

  Rng again(4);
  const Net first = digits_net(data.spec, again);
  const Trained u = train(first, data, Adam{.rate = 5e-3f},
                          {.epochs = 4,
                           .batch = 10,
                           .hooks = {sparse::gradual(plan)},
                           .checkpoint_from_step = plan.end},
                          again);
  CHECK(hash(u.net) == hash(t.net));
}

TEST_CASE("a masked weight gets no gradient") {
  Rng rng(4);
  const Data data = digits();
  const Net net = sparse::mask(digits_net(data.spec, rng), {.sparsity = 0.7});
  const Trained t = train(net, data, Sgd{.rate = 0.05f}, {.epochs = 1, .batch = 10}, rng);
  const auto m = net.value("f1.w.mask").read(), before = net.value("f1.w").read(),
             after = t.net.value("f1.w").read();
  int64_t moved = 0;
  for (size_t i = 0; i < m.size(); ++i) {
    if (m[i] == 0) CHECK(before[i] == after[i]);
    moved += before[i] != after[i];
  }
  CHECK(moved > 50);
}

TEST_CASE("prune_fraction: floor(k n), of all or of what is left, each weight or together") {
  Rng rng(1);
  NetBuilder b(rng);
  Net net = b.finish(nn::linear(b.input("x", {5}), "f", {.out = 2, .bias = false}));
  for (size_t i = 0; i < 10; ++i)
    net.params[size_t(net.graph.at("f.w"))].write()[i] = float(i + 1) / 10 * (i % 2 ? 1.f : -1.f);
  const std::pair<double, int64_t> cases[] = {{0.1, 1}, {0.33, 3}, {0.5, 5}, {1, 10}};
  for (const auto& [k, gone] : cases) {
    const Net pruned = sparse::prune_fraction(net, {.k = k});
    const auto mask = pruned.value("f.w.mask").read();
    for (int64_t i = 0; i < 10; ++i) CHECK(mask[size_t(i)] == (i < gone ? 0 : 1));
  }
  // Again and again: a share of the whole, until nothing is left; a share of the rest.
  Net whole = net, rest = net;
  for (const int64_t gone : {3, 6, 9, 10, 10}) {
    whole = sparse::prune_fraction(whole, {.k = 0.3});
    CHECK(zeros(whole) == gone);
  }
  for (const int64_t gone : {3, 5, 6, 7, 7}) {
    rest = sparse::prune_fraction(rest, {.k = 0.3, .of_remaining = true});
    CHECK(zeros(rest) == gone);
  }
  const Net two = small_net(1);
  CHECK(zeros(sparse::prune_fraction(two, {.k = 0.5})) == 13 + 30 + 5);
  const Net together = sparse::prune_fraction(two, {.k = 0.5, .together = true});
  CHECK(zeros(together) == 48);
  for (const std::string& name : masks(together))
    CHECK(together.value(name) == sparse::mask(two, {.sparsity = 48.0 / 97}).value(name));
}

TEST_CASE("by a distribution each weight has its own exact count; biases only when asked") {
  const Net net = small_net(1);
  const Net pruned = sparse::mask(net, {.sparsity = 0.5, .distribution = sparse::uniform()});
  int64_t left = 0;
  for (const char* name : {"c1.w", "f1.w", "f2.w"}) {
    const Tensor& mask = pruned.value(std::string(name) + ".mask");
    const int64_t open = mask.size() - std::ranges::count(mask.read(), 0.f);
    CHECK(std::abs(open - mask.size() / 2) <= 1);
    left += open;
  }
  CHECK(left == 97 - 49);
  CHECK_FALSE(pruned.graph.find("f1.b.mask"));
  const Net all = sparse::mask(net, {.sparsity = 0.5, .biases = true});
  CHECK(all.graph.find("f1.b.mask"));
  CHECK(all.graph.find("c1.b.mask"));
  CHECK(zeros(all) == std::llround(0.5 * (97 + 3 + 5 + 2)));
  const Net bare = sparse::unmask(all);
  CHECK_FALSE(bare.graph.find("f1.b.mask"));
  CHECK(distance(outputs(all), outputs(bare)) == 0);
}

TEST_CASE("sparsity_at: a start above zero, and a straight line") {
  const sparse::Gradual g{.target = 0.8, .begin = 0, .end = 100, .initial = 0.2, .power = 1};
  CHECK(sparse::sparsity_at(g, 0) == doctest::Approx(0.2));
  CHECK(sparse::sparsity_at(g, 25) == doctest::Approx(0.35));
  CHECK(sparse::sparsity_at(g, 100) == 0.8);
  CHECK_THROWS_AS(sparse::gradual({.target = 0.5, .initial = 0.6}), Error);
}

TEST_CASE("rounds: equal shares of what is left; a rewound ticket starts from the first weights") {
  const Net first = small_net(1);
  std::vector<int64_t> seen;
  Net trained = first;
  const auto retrain = [&](const Net& net, int round) {
    seen.push_back(zeros(net));
    Rng rng{uint64_t(round)};
    Net next = net;
    for (const std::string& name : sparse::prunable(net.graph))
      for (float& w : next.params[size_t(net.graph.at(name))].write()) w += float(rng.normal());
    if (round > 0) CHECK(only_lost(trained, net));
    CHECK(net.value("f1.w") == (round == 0 ? first : trained).value("f1.w"));
    trained = next;
    return next;
  };
  const Net last = sparse::prune_in_rounds(first, {.sparsity = 0.875, .rounds = 3}, retrain);
  CHECK(zeros(last) == 85);  // round(0.875 · 97)
  CHECK(seen == std::vector<int64_t>{49, 73, 85});
  const auto again = [&](const Net& net, int) {
    CHECK(net.value("f1.w") == first.value("f1.w"));
    CHECK(net.value("n1.gamma") == first.value("n1.gamma"));
    Net next = net;
    Rng rng(3);
    for (float& w : next.params[size_t(net.graph.at("f1.w"))].write()) w = float(rng.normal());
    return next;
  };
  const Net ticket =
      sparse::prune_in_rounds(first, {.sparsity = 0.5, .rounds = 2, .rewind = true}, again);
  CHECK(zeros(ticket) == 49);
  CHECK_THROWS_AS(sparse::prune_in_rounds(first, {.rounds = 0}, again), Error);
}

TEST_CASE("fine-tuning keeps the mask to the last entry, also under distillation") {
  const Data data = digits();
  Rng rng(1);
  const Net teacher = digits_net(data.spec, rng);
  const Net start = sparse::mask(digits_net(data.spec, rng), {.sparsity = 0.8});
  const Trained t =
      train(start, data, Adam{}, {.epochs = 2, .batch = 32, .loss = Distillation{teacher}}, rng);
  for (const std::string& name : masks(start)) CHECK(t.net.value(name) == start.value(name));
  CHECK_FALSE(t.net.value("f2.w") == start.value("f2.w"));
}
