#include <doctest/doctest.h>

#include <algorithm>

#include "autograd/ops/ops.h"
#include "nets.h"
#include "nn/models.h"
#include "sparse/channels.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

// A residual sum, depthwise convolutions, norms, pools and a flattened map.
Net residual(uint64_t seed, int64_t pad = 1) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = b.input("x", {2, 8, 8});
  x = nn::relu(nn::batch_norm(nn::conv2d(x, "c1", {.out = 8, .pad = pad}), "n1"));
  Var y = nn::relu(nn::batch_norm(nn::depthwise(x, "d1", {.pad = 1}), "n2"));
  y = nn::batch_norm(nn::conv2d(y, "p1", {.out = 8, .kernel = 1}), "n3");
  x = nn::relu(nn::add(x, y));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c2", {.out = 6})));
  x = nn::flatten(x);
  x = nn::relu(nn::linear(x, "f1", {.out = 12}));
  Net net = b.finish(nn::linear(x, "f2", {.out = 3}));
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)  // running statistics of some training
    if (net.graph[id].op == &state_op)
      for (float& v : net.params[size_t(id)].write()) v = float(0.5 + rng.uniform());
  return net;
}

int64_t macs(const Net& net) {
  int64_t total = 0;
  for (const Node& node : net.graph.nodes)
    if (!is_leaf(*node.op)) total += node.op->macs(node, net.graph.types_of(node.in));
  return total;
}

void zero(Net& net, const std::string& leaf, size_t begin, size_t n) {
  std::ranges::fill(net.params[size_t(net.graph.at(leaf))].write().subspan(begin, n), 0.f);
}
void zero_row(Net& net, const std::string& leaf, int64_t row) {
  const Tensor& t = net.value(leaf);
  const size_t n = size_t(t.size() / t.shape()[0]);
  zero(net, leaf, size_t(row) * n, n);
}

}  // namespace

TEST_CASE("channels that must stay together are one group") {
  const Net net = residual(1);
  const sparse::Channels c = sparse::channels_of(net.graph);
  const auto of = [&](const char* name) { return c.of[size_t(net.graph.at(name))]; };
  CHECK(of("c1") == of("d1"));  // depthwise
  CHECK(of("c1") == of("p1"));  // the sum
  CHECK(of("c2") != of("c1"));
  CHECK(std::ranges::all_of(of("x"), [&](int32_t g) { return c.fixed[size_t(g)]; }));
  CHECK(std::ranges::all_of(of("f2"), [&](int32_t g) { return c.fixed[size_t(g)]; }));
  CHECK(std::ranges::none_of(of("f1"), [&](int32_t g) { return c.fixed[size_t(g)]; }));
  // What recurrent layers, attention and reshapes read stays.
  const Net mixed = mixed_net(1);
  const sparse::Channels m = sparse::channels_of(mixed.graph);
  CHECK(std::ranges::all_of(m.fixed, [](bool fixed) { return fixed; }));
  CHECK(hash(sparse::compact(mixed)) == hash(mixed));
}

TEST_CASE("compaction: the same outputs, and weights and MACs as the numbers of channels say") {
  for (const int64_t pad : {0, 1}) {
    Net net = residual(2, pad);
    // Group 3 of the residual block and map 4 of c2: all that makes them, biases and norms too.
    for (const char* leaf : {"c1.w", "c1.b", "n1.gamma", "n1.beta", "d1.w", "d1.b", "n2.gamma",
                             "n2.beta", "p1.w", "p1.b", "n3.gamma", "n3.beta"})
      zero_row(net, leaf, 3);
    zero_row(net, "c2.w", 4);
    zero_row(net, "c2.b", 4);
    zero_row(net, "f1.w", 7);
    zero_row(net, "f1.b", 7);
    const Net small = sparse::compact(net);
    CHECK(distance(outputs(net), outputs(small)) < 1e-5);
    CHECK(small.value("c1.w").shape() == Shape{7, 2, 3, 3});
    CHECK(small.value("d1.w").shape() == Shape{7, 1, 3, 3});
    CHECK(small.value("n2.mean").shape() == Shape{7});
    CHECK(small.value("c2.w").shape() == Shape{5, 7, 3, 3});
    const int64_t side = 6 + 2 * pad, map = side * side, inner = (side - 2) * (side - 2),
                  flat = (side - 2) / 2 * ((side - 2) / 2);
    CHECK(small.value("f1.w").shape() == Shape{11, 5 * flat});
    CHECK(macs(small) ==
          map * 7 * 2 * 9 + map * 7 * 9 + map * 7 * 7 + inner * 5 * 7 * 9 + 5 * flat * 11 + 11 * 3);
    CHECK(weight_count(small.graph) == 7 * 2 * 9 + 7 + 14 + 7 * 9 + 7 + 14 + 49 + 7 + 14 +
                                           5 * 7 * 9 + 5 + 11 * 5 * flat + 11 + 33 + 3);
    CHECK(hash(sparse::compact(small)) == hash(small));
  }
}

TEST_CASE("a unit without inputs is a constant: it goes into the biases behind it") {
  Rng rng(3);
  NetBuilder b(rng);
  Var x = nn::relu(nn::linear(b.input("x", {6}), "f1", {.out = 5}));
  x = nn::sigmoid(nn::linear(x, "f2", {.out = 4}));
  Net net = b.finish(nn::linear(x, "f3", {.out = 2}));
  zero_row(net, "f1.w", 2);
  net.params[size_t(net.graph.at("f1.b"))].write()[2] = 0.7f;      // relu(0.7)
  zero_row(net, "f2.w", 1);                                        // sigmoid(b)
  for (size_t r = 0; r < 2; ++r) zero(net, "f3.w", r * 4 + 3, 1);  // nobody reads unit 3
  const Net small = sparse::compact(net);
  CHECK(small.value("f1.w").shape() == Shape{4, 6});
  CHECK(small.value("f2.w").shape() == Shape{2, 4});
  CHECK(small.value("f3.w").shape() == Shape{2, 2});
  CHECK(distance(outputs(net), outputs(small)) < 1e-5);
  // A constant in front of a padded convolution is none at the border: it stays.
  NetBuilder c(rng);
  Var y = nn::relu(nn::conv2d(c.input("x", {1, 5, 5}), "c1", {.out = 3, .pad = 1}));
  Net maps = c.finish(nn::flatten(nn::conv2d(y, "c2", {.out = 2, .pad = 1})));
  zero_row(maps, "c1.w", 1);
  maps.params[size_t(maps.graph.at("c1.b"))].write()[1] = 0.5f;
  CHECK(sparse::compact(maps).value("c1.w").shape() == Shape{3, 1, 3, 3});
  maps.params[size_t(maps.graph.at("c1.b"))].write()[1] = -0.5f;  // relu makes it 0
  const Net less = sparse::compact(maps);
  CHECK(less.value("c1.w").shape() == Shape{2, 1, 3, 3});
  CHECK(distance(outputs(maps), outputs(less)) < 1e-5);
}

TEST_CASE("very sparse nets: compaction removes dead units with their masks, outputs the same") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Rng rng(seed);
    const Net net = sparse::random_mask(residual(seed, int64_t(seed % 2)), {.sparsity = 0.97}, rng);
    const Net small = sparse::compact(net);
    CHECK(distance(outputs(net), outputs(small)) < 1e-5);
    CHECK(weight_count(small.graph) < weight_count(net.graph) / 2);
    CHECK(small.graph.find("f1.w.mask"));
    for (const sparse::Weight& w : sparse::weights_of(small.graph))
      CHECK(small.params[size_t(w.mask)].shape() == w.shape);
  }
  // Nothing left at all: one channel a layer, and the outputs are the constant they were.
  Rng rng(7);
  const Net none = sparse::random_mask(residual(7), {.sparsity = 1}, rng);
  CHECK(distance(outputs(none), outputs(sparse::compact(none))) < 1e-5);
}

TEST_CASE("pruned channels: the least filters go, together or by layer, kept layers stay") {
  const Net net = residual(4);
  // Free groups: 8 of the block, 6 of c2, 12 of f1.
  const Net half = sparse::prune_channels(net, {.fraction = 0.5, .together = false});
  CHECK(half.value("c1.w").shape()[0] == 4);
  CHECK(half.value("p1.w").shape() == Shape{4, 4, 1, 1});
  CHECK(half.value("d1.w").shape()[0] == 4);
  CHECK(half.value("c2.w").shape() == Shape{3, 4, 3, 3});
  CHECK(half.value("f1.w").shape() == Shape{6, 27});
  CHECK(outputs(half).size() == 21);
  const Net all = sparse::prune_channels(net, {.fraction = 0.2});
  CHECK(all.value("c1.w").shape()[0] + all.value("c2.w").shape()[0] +
            all.value("f1.w").shape()[0] ==
        26 - 5);
  const Net kept = sparse::prune_channels(net, {.fraction = 1, .keep = {"c1", "f1"}});
  CHECK(kept.value("c1.w").shape()[0] == 8);
  CHECK(kept.value("c2.w").shape()[0] == 1);
  CHECK(kept.value("f1.w").shape()[0] == 12);
  CHECK_THROWS_WITH_AS(sparse::prune_channels(net, {.keep = {"f3"}}), doctest::Contains("'f1'"),
                       Error);
  CHECK_THROWS_AS(sparse::prune_channels(net, {.fraction = 1.5}), Error);
  // By hand: the greatest filters of c2 stay.
  const auto norm = [&](int64_t o) {
    double s = 0;
    for (const float w : net.value("c2.w").read().subspan(size_t(o * 72), 72)) s += double(w) * w;
    return s;
  };
  std::vector<int64_t> order{0, 1, 2, 3, 4, 5};
  std::ranges::sort(order, std::greater(), norm);
  std::vector<int64_t> best(order.begin(), order.begin() + 3);
  std::ranges::sort(best);
  for (size_t i = 0; i < 3; ++i)
    CHECK(half.value("c2.b").read()[i] == net.value("c2.b").read()[size_t(best[i])]);
}

TEST_CASE("reference nets can be halved, and still run") {
  Rng rng(5);
  const DataSpec spec{.shape = {3, 32, 32}, .classes = 10};
  for (const Net& net : {nn::resnet8(spec, rng), nn::mobilenet_v1(spec, 0.25, rng)}) {
    const Net half = sparse::prune_channels(net, {.fraction = 0.5, .together = false});
    CHECK(double(weight_count(half.graph)) < 0.35 * double(weight_count(net.graph)));
    CHECK(outputs(half).shape() == Shape{7, 10});
  }
}

TEST_CASE("channels go while the net trains") {
  const Data data = toy_digits();
  Rng rng(6);
  const Net net = digits_mlp(data.spec, rng);
  const auto hook =
      sparse::gradual_channels({.target = {.fraction = 0.5}, .begin = 2, .end = 10, .every = 2});
  const Trained t =
      train(net, data, Adam{},
            {.epochs = 4, .batch = 32, .hooks = {hook}, .checkpoint_from_step = 10}, rng);
  CHECK(t.net.value("f1.w").shape()[0] == 8);
  CHECK(t.net.value("f2.w").shape() == Shape{10, 8});
}

TEST_CASE("channels that go by and by are as many as those that go at once, in all or by layer") {
  const Net net = residual(8);
  for (const bool together : {true, false})
    for (const double fraction : {0.3, 0.5, 0.85}) {
      const sparse::ChannelPruning target{
          .fraction = fraction, .together = together, .keep = {"c2"}};
      const Hook hook =
          sparse::gradual_channels({.target = target, .begin = 0, .end = 11, .every = 2});
      Executor executor(net, {.batch = 2, .mode = Mode::train});
      for (int64_t step = 1; step <= 12; ++step) {
        const auto changed =
            hook.after_step({.step = step, .total_steps = 12, .executor = executor});
        if (changed) executor = Executor(*changed, executor.options());
      }
      const Net once = sparse::prune_channels(net, target), slowly = executor.trained();
      CHECK(slowly.value("c2.w").shape()[0] == 6);
      int64_t a = 0, b = 0;
      for (const char* name : {"c1.w", "f1.w"}) {
        a += once.value(name).shape()[0], b += slowly.value(name).shape()[0];
        if (!together) CHECK(to_text(once.graph) == to_text(slowly.graph));
      }
      CHECK(a == b);
    }
}
