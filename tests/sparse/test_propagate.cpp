// Masks through dead units.
#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "autograd/ops/ops.h"
#include "nets.h"
#include "sparse/channels.h"
#include "sparse/convert.h"
#include "sparse/masks.h"
#include "sparse/prune.h"

using namespace sparlet;

namespace {

int64_t total(const Net& net) {
  const auto counts = connection_counts_of(net);
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

void fill_states(Net& net, uint64_t seed) {
  Rng rng(seed);
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
    if (net.graph[id].op == &state_op)
      for (float& v : net.params[size_t(id)].write()) v = float(0.5 + rng.uniform());
}

// Convolutions, a residual sum, depthwise, norms, pooling, a flattened map.
Net maps_net(uint64_t seed, int64_t pad) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = b.input("x", {2, 8, 8});
  x = nn::relu(nn::batch_norm(nn::conv2d(x, "c1", {.out = 8, .pad = 1}), "n1"));
  Var y = nn::relu(nn::batch_norm(nn::depthwise(x, "d1", {.pad = 1}), "n2"));
  y = nn::conv2d(y, "p1", {.out = 8, .kernel = 1});
  x = nn::relu(nn::add(x, y));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c2", {.out = 6, .pad = pad})));
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 12}));
  Net net = b.finish(nn::linear(x, "f2", {.out = 3}));
  fill_states(net, seed);
  return net;
}

void close(Net& net, const std::string& mask, size_t begin, size_t n, size_t stride = 1) {
  const auto m = net.params[size_t(net.graph.at(mask))].write();
  for (size_t i = 0; i < n; ++i) m[begin + i * stride] = 0;
}
float at(const Net& net, const std::string& name, size_t i) { return net.value(name).read()[i]; }

}  // namespace

TEST_CASE("of a perceptron just the connections on a path from an input to an output are left") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Rng rng(seed);
    NetBuilder b(rng);
    const int64_t sizes[] = {9, 8, 7, 6, 3};
    Var x = b.input("x", {9});
    for (int k = 1; k < 5; ++k) {
      x = nn::linear(x, "f" + std::to_string(k), {.out = sizes[k]});
      if (k < 4) x = k % 2 ? nn::relu(x) : nn::sigmoid(x);
    }
    const Net net = sparse::random_mask(b.finish(x), {.sparsity = 0.86}, rng);
    const auto mask = [&](const Net& of, int k, int64_t o, int64_t i) {
      return at(of, "f" + std::to_string(k) + ".w.mask", size_t(o * sizes[k - 1] + i)) != 0;
    };
    std::vector<std::vector<bool>> fed(5), read(5);
    for (int k = 0; k < 5; ++k) {
      fed[size_t(k)].assign(size_t(sizes[k]), k == 0);
      read[size_t(k)].assign(size_t(sizes[k]), k == 4);
    }
    for (int k = 1; k < 5; ++k)
      for (int64_t o = 0; o < sizes[k]; ++o)
        for (int64_t i = 0; i < sizes[k - 1]; ++i)
          if (mask(net, k, o, i) && fed[size_t(k - 1)][size_t(i)]) fed[size_t(k)][size_t(o)] = true;
    for (int k = 4; k >= 1; --k)
      for (int64_t o = 0; o < sizes[k]; ++o)
        for (int64_t i = 0; i < sizes[k - 1]; ++i)
          if (mask(net, k, o, i) && read[size_t(k)][size_t(o)])
            read[size_t(k - 1)][size_t(i)] = true;
    const Net found = sparse::propagated_masks(net);
    int wrong = 0;
    for (int k = 1; k < 5; ++k)
      for (int64_t o = 0; o < sizes[k]; ++o)
        for (int64_t i = 0; i < sizes[k - 1]; ++i)
          wrong += mask(found, k, o, i) != (mask(net, k, o, i) && fed[size_t(k - 1)][size_t(i)] &&
                                            read[size_t(k)][size_t(o)]);
    CHECK(wrong == 0);
    CHECK(total(found) < total(net));
    CHECK(distance(outputs(net), outputs(found)) < 1e-5);
    CHECK(to_text(found.graph) == to_text(net.graph));
  }
}

TEST_CASE(
    "through norms, pools, sums, depthwise and flattened maps: the same outputs, and no more") {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    Rng rng(seed);
    const Net net = sparse::random_mask(maps_net(seed, int64_t(seed % 2)), {.sparsity = 0.95}, rng);
    const Net found = sparse::propagated_masks(net);
    CHECK(distance(outputs(net), outputs(found)) < 1e-5);
    CHECK(total(found) < total(net));
    for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
      const auto was = net.params[size_t(w.mask)].read(), is = found.params[size_t(w.mask)].read();
      for (size_t i = 0; i < was.size(); ++i) REQUIRE(is[i] <= was[i]);
    }
    CHECK(hash(sparse::propagated_masks(found)) == hash(found));
    // What can be taken out for real is what it was.
    CHECK(to_text(sparse::compact(found).graph) == to_text(sparse::compact(net).graph));
  }
}

TEST_CASE("a constant goes into the biases behind it, but not over a border of zeros") {
  for (const int64_t pad : {0, 1}) {
    Rng rng(3);
    NetBuilder b(rng);
    Var x = nn::conv2d(b.input("x", {2, 5, 5}), "c1", {.out = 4, .pad = 1});
    x = nn::relu(nn::batch_norm(x, "n1"));
    Net net = b.finish(nn::flatten(nn::conv2d(x, "c2", {.out = 3, .pad = pad})));
    fill_states(net, 4);
    net = sparse::mask(net, {});
    close(net, "c1.w.mask", 18, 18);  // map 1 has no inputs: its norm makes it a number
    close(net, "c1.w.mask", 36, 18);  // map 2 too, but below 0
    net.params[size_t(net.graph.at("n1.beta"))].write()[1] = 3;
    net.params[size_t(net.graph.at("n1.beta"))].write()[2] = -9;
    const Net found = sparse::propagated_masks(net);
    CHECK(distance(outputs(net), outputs(found)) < 1e-5);
    for (size_t o = 0; o < 3; ++o) {
      CHECK(at(found, "c2.w.mask", o * 36 + 9) == (pad ? 1 : 0));
      CHECK(at(found, "c2.w.mask", o * 36 + 18) == 0);
      CHECK(at(found, "c2.w.mask", o * 36 + 27) == 1);
      CHECK((at(found, "c2.b", o) == at(net, "c2.b", o)) == (pad == 1));
    }
  }
}

TEST_CASE("an open connection of value 0 keeps its units alive: it may learn") {
  Rng rng(5);
  NetBuilder b(rng);
  Var x = nn::relu(nn::linear(b.input("x", {3}), "f1", {.out = 2}));
  Net net = sparse::mask(b.finish(nn::linear(x, "f2", {.out = 2})), {});
  close(net, "f1.w.mask", 0, 2);  // unit 0 reads input 2 alone,
  net.params[size_t(net.graph.at("f1.w"))].write()[2] = 0;
  CHECK(total(sparse::propagated_masks(net)) == total(net));
  close(net, "f1.w.mask", 2, 1);  // and now nothing
  const Net found = sparse::propagated_masks(net);
  CHECK(total(found) == total(net) - 2);
  CHECK(distance(outputs(net), outputs(found)) < 1e-6);
  // Unit 1 is read by nobody: its inputs go, those of unit 0 too.
  Net unread = sparse::mask(sparse::unmask(net), {});
  close(unread, "f2.w.mask", 0, 2, 2);
  close(unread, "f2.w.mask", 1, 2, 2);
  CHECK(total(sparse::propagated_masks(unread)) == 0);
  // A plain weight has no mask to lose: who it reads stays.
  const Net half =
      sparse::with_mask(sparse::unmask(unread), "f1.w", Tensor({2, 3}, {1, 1, 1, 0, 0, 0}));
  CHECK(sparse::propagated_masks(half).value("f1.w.mask") == half.value("f1.w.mask"));
}

TEST_CASE("sparse weights lose the same entries and stay sparse") {
  using sparse::Format;
  Rng rng(6);
  const Net masked = sparse::random_mask(maps_net(6, 0), {.sparsity = 0.95}, rng);
  const Net wanted = sparse::propagated_masks(masked);
  for (const Format format : {Format::csr, Format::coo}) {
    const Net net = sparse::convert(masked, format);
    const Net found = sparse::propagated_masks(net);
    CHECK(connection_counts_of(found) == connection_counts_of(wanted));
    CHECK(distance(outputs(found), outputs(net)) < 1e-5);
    CHECK(found.graph[found.graph.at("f1")].op == net.graph[net.graph.at("f1")].op);
  }
}
