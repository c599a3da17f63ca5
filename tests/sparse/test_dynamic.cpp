#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "loop.h"
#include "nn/batches.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

int64_t sum(const std::vector<int64_t>& list) {
  return std::accumulate(list.begin(), list.end(), int64_t(0));
}

// Laws of one update: what stays keeps value and state, what is new starts at 0 with a state of 0,
// what is closed is 0 with a state of 0.
void check_moved(const Snapshot& before, const Snapshot& after) {
  for (const auto& [name, mask] : after.mask) {
    bool lawful = true;
    for (size_t i = 0; i < mask.size(); ++i) {
      const bool stays = mask[i] != 0 && before.mask.at(name)[i] != 0;
      const float value = stays ? before.value.at(name)[i] : 0;
      const float state = stays ? before.momentum.at(name)[i] : 0;
      lawful = lawful && after.value.at(name)[i] == value && after.momentum.at(name)[i] == state;
    }
    CAPTURE(name);
    CHECK(lawful);
  }
}

}  // namespace

TEST_CASE("updates: when they are due and how the fraction goes down") {
  const sparse::Updates o{.begin = 10, .end = 90, .every = 20, .stop = 1, .fraction = 0.4};
  const auto at = [](int64_t step, double total = 100) {
    return sparse::Moment{.step = step, .training = double(step) / total};
  };
  std::vector<int64_t> steps;
  for (int64_t s = 1; s <= 100; ++s)
    if (due(o, at(s))) steps.push_back(s);
  CHECK(steps == std::vector<int64_t>{10, 30, 50, 70});  // at 90 nothing is left to drop
  CHECK(drop_fraction(o, at(10)) == doctest::Approx(0.4));
  CHECK(drop_fraction(o, at(50)) == doctest::Approx(0.2));
  CHECK(drop_fraction(o, at(30)) == doctest::Approx(0.2 * (1 + std::sqrt(0.5))));
  sparse::Updates other = o;
  other.anneal = sparse::Anneal::linear;
  CHECK(drop_fraction(other, at(30)) == doctest::Approx(0.3));
  other.anneal = sparse::Anneal::exponential;
  CHECK(drop_fraction(other, at(30)) == doctest::Approx(0.4 * 0.75 * 0.75 * 0.75));
  other.anneal = sparse::Anneal::constant;
  CHECK(drop_fraction(other, at(30)) == 0.4);
  CHECK(due(other, at(90)));
  other.anneal = sparse::Anneal::rate;
  CHECK(drop_fraction(other, {.step = 5, .training = 0.05, .rate = 0.1}) == doctest::Approx(0.04));
  // Every epoch, and never at the last step.
  const sparse::Updates epoch{.every = 0, .stop = 1, .anneal = sparse::Anneal::constant};
  CHECK(due(epoch, {.step = 25, .training = 0.25, .epoch = 25}));
  CHECK_FALSE(due(epoch, {.step = 26, .training = 0.26, .epoch = 25}));
  CHECK_FALSE(due(epoch, {.step = 100, .training = 1, .epoch = 25}));
  CHECK_THROWS_AS(due(epoch, at(3)), Error);
  // Three quarters of training.
  const sparse::Updates rigl{.every = 10};
  CHECK(due(rigl, at(70)));
  CHECK_FALSE(due(rigl, at(80)));
  CHECK(steps_to_next(o, at(3)) == 7);
  CHECK(steps_to_next(o, at(30)) == 0);
  CHECK(steps_to_next(o, at(31)) == 19);
  CHECK(steps_to_next(o, at(91)) == -1);
  CHECK(steps_to_next(rigl, at(71)) == 9);
  CHECK(steps_to_next(rigl, at(76)) == -1);
  CHECK(steps_to_next(epoch, {.step = 26, .training = 0.26, .epoch = 25}) == 24);
  const sparse::Updates longer = stretched(o, 2.5);
  CHECK(longer.begin == 25);
  CHECK(longer.end == 225);
  CHECK(longer.every == 50);
  CHECK_THROWS_AS(check(sparse::Updates{.fraction = 1.1}), Error);
}

TEST_CASE(
    "every method keeps exact counts, moves state with its connection, on every kind of weight") {
  const Net net = sparse_net(mixed_net(3), 0.8, 1);
  const std::vector<int64_t> counts = connection_counts_of(net);
  for (const char* method : {"set", "rigl", "rigl-itop", "snfs"}) {
    CAPTURE(method);
    sparse::DynamicOptions o = often(sparse::dynamic_from(method));
    int reports = 0;
    int64_t moved = 0;
    o.report = [&](const sparse::UpdateReport& r) {
      ++reports;
      int64_t before = 0, after = 0;
      for (const auto& w : r.weights) {
        before += w.before, after += w.after;
        moved += w.grown - w.regrown;
        // Kept and grown have nothing in common: else the counts would not add up.
        CHECK(w.after == w.before - w.dropped + w.grown);
        CHECK(int64_t(std::set<int32_t>(w.at.begin(), w.at.end()).size()) == w.after);
        if (!o.share) CHECK(w.grown == w.dropped);
        if (!o.share) CHECK(w.dropped == int64_t(r.drop_fraction * double(w.before) + 1e-9));
      }
      CHECK(before == after);
    };
    Loop loop(net, Sgd{.rate = 0.05f, .momentum = 0.9f, .weight_decay = 1e-3f}, o);
    for (int64_t step = 1; step <= 40; ++step) {
      loop.batch(step);
      const Snapshot before(loop.executor);
      const bool changed = loop.dynamic.step(step, double(step) / 40);
      const std::vector<int64_t> now = connection_counts_of(loop.executor.trained());
      CHECK(sum(now) == sum(counts));
      if (!o.share) CHECK(now == counts);
      const Snapshot after(loop.executor);
      if (changed && o.replaces_step) check_moved(before, after);
      for (const auto& [name, mask] :
           after.mask)  // closed stays closed, whatever the optimiser does
        for (size_t i = 0; i < mask.size(); ++i)
          if (mask[i] == 0)
            CHECK((after.value.at(name)[i] == 0 && after.momentum.at(name)[i] == 0));
    }
    CHECK(reports >= 8);
    CHECK(moved > 50);
    if (o.share) CHECK_FALSE(connection_counts_of(loop.executor.trained()) == counts);
  }
}

TEST_CASE("RigL drops the least magnitudes and grows the greatest gradients, by brute force") {
  const Net net = sparse_net(mixed_net(4), 0.7, 2);
  const sparse::DynamicOptions o = often(sparse::rigl_options(), 5);
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  for (int64_t step = 1; step <= 5; ++step) {
    loop.batch(step);
    if (step < 5) {
      loop.dynamic.step(step, double(step) / 20);
      continue;
    }
    const Net before = loop.executor.trained();
    std::map<std::string, std::set<int32_t>> expected;
    for (const sparse::Weight& w : sparse::weights_of(before.graph)) {
      const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      sparse::Connections c = sparse::connections(before, w);
      std::vector<size_t> order(c.at.size());
      std::iota(order.begin(), order.end(), 0);
      std::ranges::sort(order, {}, [&](size_t i) { return std::abs(c.value[i]); });
      const double p = drop_fraction(o.updates, {.step = 5, .training = 0.25});
      const size_t n = size_t(p * double(c.at.size()));
      std::set<int32_t> kept;
      for (size_t i = n; i < order.size(); ++i) kept.insert(c.at[order[i]]);
      std::vector<int32_t> others;
      for (int32_t i = 0; i < int32_t(w.size()); ++i)
        if (!kept.contains(i)) others.push_back(i);
      std::ranges::stable_sort(others, std::greater(),
                               [&](int32_t i) { return std::abs(g.read()[size_t(i)]); });
      kept.insert(others.begin(), others.begin() + int64_t(n));
      expected[w.name] = kept;
    }
    CHECK(loop.dynamic.step(step, 0.25));
    const Net after = loop.executor.trained();
    for (const sparse::Weight& w : sparse::weights_of(after.graph)) {
      const auto at = sparse::connections(after, w).at;
      CHECK(std::set<int32_t>(at.begin(), at.end()) == expected[w.name]);
    }
  }
}

TEST_CASE("the gradient that RigL grows by is the loss's: finite differences on closed places") {
  const Net net = sparse_net(mixed_net(5), 0.6, 3);
  Loop loop(net, Sgd{.rate = 0}, sparse::rigl_options());
  const auto value = [&](const Net& at) {
    Executor e(at, {.batch = 8, .mode = Mode::train});
    Tensor x = normal(batched(8, at.graph[0].type.shape), 1);
    e.set_input(0, {x.shape(), x.dtype(), x.raw_write()});
    const View y = e.forward(8);
    double total = 0;
    for (int64_t i = 0; i < y.size(); ++i)
      total += (double(y.f32()[i]) - 0.3f) * (double(y.f32()[i]) - 0.3f) / 16;
    return total;
  };
  loop.batch(1);
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
    const auto mask = net.params[size_t(w.mask)].read();
    const size_t closed = size_t(std::ranges::find(mask, 0.f) - mask.begin());
    if (closed == mask.size()) continue;
    Net up = net, down = net;
    up.params[size_t(w.mask)].write()[closed] = down.params[size_t(w.mask)].write()[closed] = 1;
    up.params[size_t(w.param)].write()[closed] = 1e-2f;
    down.params[size_t(w.param)].write()[closed] = -1e-2f;
    const float g =
        loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand).read()[closed];
    CHECK((value(up) - value(down)) / 2e-2 == doctest::Approx(g).epsilon(0.01).scale(0.05));
  }
}

TEST_CASE("step() in a loop of one's own is the hook, byte for byte") {
  const Data data = toy_digits();
  for (const std::string method : {"set", "rigl", "snfs"}) {
    CAPTURE(method);
    Rng init(1);
    const Net net = sparse_net(digits_mlp(data.spec, init), 0.8, 4);
    const sparse::DynamicOptions o = often(sparse::dynamic_from(method));
    const Sgd optimizer{.rate = 0.05f, .momentum = 0.9f};
    Net last;
    const auto keep = [&](const TrainState& s) -> std::optional<Net> {
      last = s.executor.trained();
      return {};
    };
    Rng rng(5);
    train(net, data, optimizer, {.epochs = 3, .batch = 32, .hooks = {sparse::dynamic(o), keep}},
          rng);

    Rng again(5);
    again.next();
    Executor executor(net, {.batch = 32, .mode = Mode::train, .slots = 1});
    sparse::Dynamic dynamic(executor, optimizer, o);
    Batches feed(net.graph, data.train, 32);
    std::vector<int32_t> order = positions(128);
    for (int64_t step = 1; step <= 12; ++step) {
      if (step % 4 == 1) again.shuffle(order);
      const auto labels = feed.load(
          data.train, std::span(order).subspan(size_t((step - 1) % 4 * 32), 32), executor);
      const View y = executor.forward(32);
      loss(CrossEntropy{}, y, labels, executor.output_grad());
      executor.backward();
      dynamic.step(step, double(step) / 12);
    }
    CHECK(hash(executor.trained()) == hash(last));
    CHECK((dynamic.dense_bytes() > 0) == (method == "snfs"));
  }
}

TEST_CASE("gradient accumulation: two half batches choose the connections of one whole") {
  const Net net = sparse_net(mixed_net(6), 0.7, 5);
  const sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
  Loop half(net, Sgd{.rate = 0.05f}, o);
  // The reference: the mean of both batches' gradients, by hand.
  std::map<std::string, std::vector<float>> mean;
  for (const int64_t seed : {1, 2}) {
    half.batch(seed);
    for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
      const Tensor g = half.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      mean[w.name].resize(size_t(g.size()));
      for (size_t i = 0; i < size_t(g.size()); ++i) mean[w.name][i] += g.read()[i] / 2;
    }
    if (seed == 1) half.dynamic.add(1, 0.1, 8);
  }
  const Net before = half.executor.trained();
  CHECK(half.dynamic.step(1, 0.1, 8));
  const Net after = half.executor.trained();
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
    const auto was = before.params[size_t(w.mask)].read(), is = after.params[size_t(w.mask)].read();
    float least_grown = 1e9f, greatest_left = 0;
    for (size_t i = 0; i < was.size(); ++i) {
      const float g = std::abs(mean[w.name][i]);
      if (is[i] != 0 && was[i] == 0) least_grown = std::fmin(least_grown, g);
      if (is[i] == 0 && was[i] == 0) greatest_left = std::fmax(greatest_left, g);
    }
    CHECK(least_grown >= greatest_left * (1 - 1e-5f));
  }
  const Data data = toy_digits();
  Rng init(1), a(2), b(2);
  const Net start = sparse_net(digits_mlp(data.spec, init), 0.8, 6);
  const TrainOptions options{
      .epochs = 2, .batch = 16, .hooks = {sparse::dynamic(often(o))}, .accumulate = 2};
  const Trained one = train(start, data, Adam{}, options, a),
                two = train(start, data, Adam{}, options, b);
  CHECK(hash(one.net) == hash(two.net));
  CHECK(connection_counts_of(one.net) == connection_counts_of(start));
}

TEST_CASE("redistribution takes all growth to the last connection, also where a weight is full") {
  // 90 % of the small last weight is there: it cannot take its share.
  Rng rng(7);
  const Net net = sparse::random_mask(
      mixed_net(7),
      {.sparsity = 0.8, .distribution = sparse::custom({{"f.w", 0.1}, {"c.w", 0.05}})}, rng);
  const std::vector<int64_t> counts = connection_counts_of(net);
  sparse::DynamicOptions o = often(sparse::snfs_options(), 1);
  o.share = [](const sparse::Seen& seen) { return seen.weight.name == "f.w" ? 100.0 : 1.0; };
  Loop loop(net, Sgd{.rate = 0.01f}, o);
  for (int64_t step = 1; step <= 15; ++step) {
    loop.batch(step);
    CHECK(loop.dynamic.step(step, double(step) / 20));
    const auto now = connection_counts_of(loop.executor.trained());
    CHECK(sum(now) == sum(counts));
    CHECK(now.back() <= 18);
  }
  for (const auto& share :
       {sparse::share_magnitude(), sparse::share_connections(), sparse::share_variance()}) {
    o.share = share;
    Loop other(net, Adam{}, o);
    for (int64_t step = 1; step <= 4; ++step) {
      other.batch(step);
      CHECK(other.dynamic.step(step, double(step) / 20));
      CHECK(sum(connection_counts_of(other.executor.trained())) == sum(counts));
    }
  }
}
