#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "random_nets.h"

using namespace sparlet;
using namespace sparlet::testing;

namespace {

double worst_difference(const Net& a, const Net& b, Rng& rng) {
  const Dataset data = random_bytes(input_shape(a), 5, rng);
  const Tensor samples = data.gathered();
  Tensor copy = samples;
  const View view{samples.shape(), samples.dtype(), copy.raw_write()};
  const Tensor ya = run(a, view), yb = run(b, view);
  REQUIRE(ya.shape() == yb.shape());
  double most = 0, size = 1e-6;
  for (int64_t i = 0; i < ya.size(); ++i) {
    size = std::max(size, double(std::abs(ya.read()[size_t(i)])));
    most = std::max(most, double(std::abs(ya.read()[size_t(i)] - yb.read()[size_t(i)])));
  }
  return most / size;
}

bool has(const Net& net, const OpDef& op) {
  return std::ranges::any_of(net.graph.nodes, [&](const Node& node) { return node.op == &op; });
}

}  // namespace

TEST_CASE("folding keeps the outputs and leaves no batch-norm, dropout or mask") {
  int norms = 0;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    const Net net = random_net(seed), folded = quant::fold_norms(net);
    norms += has(net, batch_norm_op);
    CHECK(!has(folded, batch_norm_op));
    CHECK(!has(folded, dropout_op));
    for (const Node& node : folded.graph.nodes) CHECK((node.type.batched || is_leaf(*node.op)));
    Rng rng(seed);
    CHECK(worst_difference(net, folded, rng) < 1e-5);
  }
  CHECK(norms > 50);
}

TEST_CASE("a batch-norm behind one layer alone costs no node; shared layers keep theirs") {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = b.input("x", {2, 5, 5});
  const Var c = nn::conv2d(x, "c", {.out = 3, .bias = false});
  const Net alone = shaken(b.finish(nn::batch_norm(nn::dropout(c, 0.5), "n")), rng);
  const Net folded = quant::fold_norms(alone);
  CHECK(std::ranges::count_if(folded.graph.nodes, [](const Node& n) { return n.type.batched; }) ==
        2);
  CHECK(folded.graph.nodes.back().name == "c");
  CHECK(worst_difference(alone, folded, rng) < 1e-5);

  const Net shared = shaken(b.finish(nn::add(nn::batch_norm(c, "m"), c)), rng);
  const Net kept = quant::fold_norms(shared);
  CHECK(kept.graph.find("c").has_value());
  CHECK(kept.graph[kept.graph.at("m")].op == &conv2d_op);
  CHECK(worst_difference(shared, kept, rng) < 1e-5);
}

TEST_CASE("a linear layer with and without bias takes a batch-norm in") {
  for (const bool bias : {false, true}) {
    Rng rng(3);
    NetBuilder b(rng);
    Var x = nn::linear(b.input("x", {6}), "l", {.out = 4, .bias = bias});
    const Net net = shaken(b.finish(nn::batch_norm(x, "n")), rng);
    const Net folded = quant::fold_norms(net);
    CHECK(folded.graph.nodes.back().op == &linear_op);
    CHECK(worst_difference(net, folded, rng) < 1e-5);
  }
}
