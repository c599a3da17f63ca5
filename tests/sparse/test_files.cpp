// Masks and weights from other nets and from files of their own; what compaction saves in a file.
#include <doctest/doctest.h>

#include <numeric>

#include "autograd/ops/ops.h"
#include "cost/cost.h"
#include "deploy/spt.h"
#include "nets.h"
#include "nn/models.h"
#include "sparse/channels.h"
#include "sparse/convert.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;
using sparse::Format;

namespace {

// Through the bytes of a file.
Net stored(const Net& net) { return deploy::parse(deploy::serialize(net), "file"); }

Net masked(uint64_t seed, double sparsity) {
  Rng rng(seed);
  return sparse::random_mask(mixed_net(seed), {.sparsity = sparsity}, rng);
}

bool same_masks(const Net& a, const Net& b) {
  const Net x = sparse::convert(a, Format::masked), y = sparse::convert(b, Format::masked);
  for (const sparse::Weight& w : sparse::weights_of(x.graph))
    if (!(x.value(w.name + ".mask") == y.value(w.name + ".mask"))) return false;
  return true;
}

}  // namespace

TEST_CASE("masks alone and weights alone make the net again, in every form") {
  const Net net = masked(1, 0.7), other = masked(2, 0.4);
  const Net masks = stored(sparse::masks_alone(net)), values = stored(sparse::values_alone(net));
  CHECK(hash(masks) == hash(sparse::masks_alone(net)));
  CHECK(masks.value("f.w.mask").dtype() == DType::u8);
  CHECK_FALSE(values.graph.find("f.w.mask"));
  CHECK(weight_count(values.graph) == weight_count(net.graph));
  // Masks only: the other net's weights, where they are open here.
  const Net borrowed = sparse::with_masks_of(other, masks);
  CHECK(same_masks(borrowed, net));
  CHECK(borrowed.value("f.b") == other.value("f.b"));
  CHECK(hash(sparse::with_values_of(borrowed, values)) == hash(net));
  CHECK(hash(sparse::with_values_of(borrowed, net)) == hash(net));
  // Weights only: the other net's masks.
  const Net ticket = sparse::with_values_of(other, values);
  CHECK(same_masks(ticket, other));
  CHECK(ticket.value("f.w") == net.value("f.w"));
  // A sparse net with another number of entries: takes the masks, then the weights.
  for (const Format format : {Format::csr, Format::coo}) {
    const Net sparse_net = sparse::convert(other, format);
    const Net whole = sparse::with_values_of(sparse::with_masks_of(sparse_net, masks), values);
    CHECK(distance(outputs(whole), outputs(net)) < 1e-5);
    CHECK(connection_counts_of(whole) == connection_counts_of(net));
    CHECK(hash(stored(whole)) == hash(whole));
    CHECK(sparse::weights_of(whole.graph)[0].format);
    CHECK(hash(sparse::masks_alone(whole)) == hash(sparse::masks_alone(net)));
    // Values at entries of its own; nothing is added.
    const Net kept = sparse::with_values_of(sparse_net, values);
    CHECK(connection_counts_of(kept) == connection_counts_of(other));
    CHECK(distance(outputs(kept), outputs(ticket)) < 1e-5);
    CHECK(hash(sparse::values_alone(sparse::with_values_of(whole, net))) ==
          hash(sparse::values_alone(net)));
  }
  Rng rng(5);
  const Net shuffled = sparse::shuffled_masks(sparse::convert(net, Format::csr), rng);
  CHECK(connection_counts_of(shuffled) == connection_counts_of(net));
  CHECK_FALSE(same_masks(shuffled, net));
  CHECK(hash(sparse::unmask(stored(sparse::mask(net, {})))) == hash(sparse::unmask(net)));
}

TEST_CASE("what does not fit is told by name") {
  const Net net = masked(1, 0.7);
  Rng rng(1);
  NetBuilder b(rng);
  const Net small = b.finish(nn::linear(b.input("x", {5}), "f", {.out = 3}));
  const auto refused = [](const auto& f, const std::string& name) {
    CHECK_THROWS_WITH_AS(f(), doctest::Contains(name.c_str()), Error);
  };
  refused([&] { sparse::with_masks_of(small, sparse::masks_alone(net)); }, "a.in.w");
  refused([&] { sparse::with_masks_of(net, sparse::masks_alone(sparse::mask(small, {}))); },
          "f.w is [3,6], its mask [3,5]");
  refused([&] { sparse::with_masks_of(net, small); }, "has none");
  refused([&] { sparse::masks_alone(small); }, "has none");
  refused([&] { sparse::with_values_of(net, sparse::values_alone(small)); }, "a.in.b");
  refused([&] { sparse::with_values_of(small, net); }, "f.w (param): is [3,5] here, param [3,6]");
  NetBuilder c(rng);
  const Net bare = c.finish(nn::linear(c.input("x", {5}), "f", {.out = 3, .bias = false}));
  refused([&] { sparse::with_values_of(bare, small); }, "f.b: is in the net to take values from");
}

namespace {

// Convolutions, a residual sum over depthwise ones, norms: `wide` maps in the block, `last` behind
// it.
Net residual(int64_t wide, int64_t last, int64_t units) {
  Rng rng(7);
  NetBuilder b(rng);
  Var x = b.data_input({.shape = {2, 8, 8}, .classes = 3, .mean = 30, .deviation = 80});
  x = nn::relu(nn::batch_norm(nn::conv2d(x, "c1", {.out = wide, .pad = 1}), "n1"));
  Var y = nn::relu(nn::batch_norm(nn::depthwise(x, "d1", {.pad = 1}), "n2"));
  y = nn::batch_norm(nn::conv2d(y, "p1", {.out = wide, .kernel = 1}), "n3");
  x = nn::relu(nn::add(x, y));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c2", {.out = last})));
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = units}));
  Net net = b.finish(nn::linear(x, "f2", {.out = 3}));
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
    if (net.graph[id].op == &state_op)
      for (float& v : net.params[size_t(id)].write()) v = float(0.5 + rng.uniform());
  return net;
}

void clear_rows(Net& net, const std::string& leaf, int64_t begin, int64_t n) {
  Tensor& t = net.params[size_t(net.graph.at(leaf))];
  const int64_t row = t.size() / t.shape()[0];
  for (float& v : t.write().subspan(size_t(begin * row), size_t(n * row))) v = 0;
}

// Of the int8 model that it makes.
cost::Cost shipped(const Net& net) {
  const Net folded = quant::fold_norms(net);
  return cost::measure(quant::to_int8(folded, quant::placeholder(folded)));
}

}  // namespace

TEST_CASE(
    "a compacted net is the one that was built small: its file, MACs and memory as predicted") {
  Net net = residual(12, 8, 20);
  for (const char* leaf : {"c1.w", "c1.b", "n1.gamma", "n1.beta", "d1.w", "d1.b", "n2.gamma",
                           "n2.beta", "p1.w", "p1.b", "n3.gamma", "n3.beta"})
    clear_rows(net, leaf, 5, 4);
  for (const char* leaf : {"c2.w", "c2.b"}) clear_rows(net, leaf, 1, 3);
  for (const char* leaf : {"f1.w", "f1.b"}) clear_rows(net, leaf, 0, 9);
  const Net small = sparse::compact(net);
  CHECK(distance(outputs(small), outputs(net)) < 1e-5);
  const Net built = residual(8, 5, 11);
  CHECK(to_text(small.graph) == to_text(built.graph));
  CHECK(deploy::serialize(small).size() == deploy::serialize(built).size());
  const cost::Cost found = shipped(small), predicted = cost::predict(built, 0),
                   before = shipped(net);
  CHECK(found.size == predicted.size);
  CHECK(found.macs == predicted.macs);
  CHECK(found.memory == predicted.memory);
  CHECK(found.size < before.size * 2 / 3);
  CHECK(found.macs < before.macs * 3 / 5);
  // With masks on top: the masks get smaller with their weights, sizes follow the sparsity.
  const Net sparse_one = sparse::mask(small, {.sparsity = 0.7});
  const cost::Cost pruned = shipped(sparse_one), wanted = cost::predict(built, 0.7);
  CHECK(double(pruned.size) == doctest::Approx(double(wanted.size)).epsilon(0.02));
  CHECK(pruned.macs == wanted.macs);
}

TEST_CASE("MobileNet of half the channels, pruned, costs what MobileNet of half the width does") {
  Rng rng(5);
  const DataSpec spec{.shape = {3, 32, 32}, .classes = 10};
  const Net half = sparse::prune_channels(nn::mobilenet_v1(spec, 0.25, rng),
                                          {.fraction = 0.5, .together = false});
  const Net built = nn::mobilenet_v1(spec, 0.125, rng);
  CHECK(to_text(half.graph) == to_text(built.graph));
  const cost::Cost found = shipped(half), predicted = cost::predict(built, 0);
  CHECK(found.size == predicted.size);
  CHECK(found.macs == predicted.macs);
  CHECK(found.memory == predicted.memory);
  CHECK(hash(stored(half)) == hash(half));
}
