#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "autograd/ops/ops.h"
#include "nets.h"
#include "nn/layers.h"
#include "sparse/dynamic.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "sparse/report.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

Net mlp(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::linear(b.input("x", {40}), "f1", {.out = 30}));
  return b.finish(nn::linear(x, "f2", {.out = 20}));
}

int64_t total(const Net& net) {
  const auto counts = connection_counts_of(net);
  return std::accumulate(counts.begin(), counts.end(), int64_t(0));
}

// What a mask closes is zero.
bool closed_are_zero(const Net& net) {
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
    if (w.mask < 0) continue;
    const auto m = net.params[size_t(w.mask)].read(), v = net.params[size_t(w.param)].read();
    for (size_t i = 0; i < m.size(); ++i)
      if (m[i] == 0 && v[i] != 0) return false;
  }
  return true;
}

std::vector<int64_t> row_counts(const Net& net, const std::string& name) {
  const Tensor& mask = net.value(name + ".mask");
  const int64_t rows = mask.shape()[0], columns = mask.size() / rows;
  std::vector<int64_t> out;
  for (int64_t r = 0; r < rows; ++r)
    out.push_back(
        std::ranges::count(mask.read().subspan(size_t(r * columns), size_t(columns)), 1.f));
  return out;
}

}  // namespace

TEST_CASE("weights of convolution, attention and lstm are prunable, biases when asked") {
  const Net net = mixed_net(1);
  CHECK(sparse::prunable(net.graph) ==
        std::vector<std::string>{"c.w", "a.in.w", "a.out.w", "l.l0.w_ih", "l.l0.w_hh", "f.w"});
  const std::vector<std::string> all = sparse::prunable(net.graph, true);
  for (const char* name : {"c.b", "a.in.b", "a.out.b", "l.l0.b_ih", "l.l0.b_hh", "f.b"})
    CHECK(std::ranges::count(all, name) == 1);
  CHECK(all.size() == 12);
}

TEST_CASE("weights of every kind of layer are prunable, in blocks of any depth") {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = nn::reshape(nn::conv1d(b.input("x", {2, 8}), "s1.b1.c1", {.out = 4}), {1, 4, 3, 2});
  x = nn::conv3d(x, "s1.b1.c3", {.out = 2, .kernel = 2});
  x = nn::reshape(x, {2, 3, 2});
  x = nn::conv_transpose2d(x, "s1.up", {.out = 3, .kernel = 2});
  x = nn::reshape(x, {8, 9});
  x = nn::rnn(nn::gru(x, "s2.g", {.hidden = 3}).y, "s2.r", {.hidden = 5}).h;
  const Net net =
      b.finish(b.op(matmul_op, "m",
                    {b.param("m.w", Shape{2, 1}, Init::kaiming_uniform), nn::reshape(x, {1, 5})}));
  const std::vector<std::string> names{"s1.b1.c1.w",   "s1.b1.c3.w",   "s1.up.w",
                                       "s2.g.l0.w_ih", "s2.g.l0.w_hh", "s2.r.l0.w_ih",
                                       "s2.r.l0.w_hh", "m.w"};
  CHECK(sparse::prunable(net.graph) == names);
  const Net masked = sparse::random_mask(net, {.sparsity = 0.5}, rng);
  CHECK(sparse::density(masked) == doctest::Approx(0.5).epsilon(0.02));
  const Net fraction = sparse::prune_fraction(net, {.k = 0.5});
  for (const sparse::Weight& w : sparse::weights_of(fraction.graph))
    CHECK(sparse::connection_count(fraction, w) == w.size() - w.size() / 2);
  // Each moves its connections by gradients, the first operand of a product too.
  Executor e(masked, {.batch = 2, .mode = Mode::train});
  sparse::DynamicOptions o = sparse::rigl_options();
  o.updates.every = 1;
  sparse::Dynamic dynamic(e, Sgd{}, o);
  Tensor in = normal({2, 2, 8}, 3);
  e.set_input(0, {in.shape(), in.dtype(), in.raw_write()});
  e.forward(2);
  for (float& v : e.output_grad().span<float>()) v = 1;
  e.backward();
  CHECK(dynamic.step(1, 0.1));
  CHECK(connection_counts_of(e.trained()) == connection_counts_of(masked));
}

TEST_CASE("a random mask has exactly its counts, whatever the places") {
  Rng rng(5);
  const Net net = mixed_net(1);
  int64_t size = 0;
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) size += w.size();
  for (double sparsity : {0.0, 0.3, 0.9, 0.99, 1.0}) {
    for (const auto places :
         {sparse::Places::random, sparse::Places::per_neuron, sparse::Places::per_neuron_inputs}) {
      const Net masked = sparse::random_mask(
          net, {.sparsity = sparsity, .distribution = sparse::erdos_renyi(), .places = places},
          rng);
      CHECK(total(masked) == size - std::llround(sparsity * double(size)));
      CHECK(closed_are_zero(masked));
    }
  }
}

TEST_CASE("per-neuron masks: rows alike to one; inputs all used; symmetric rows the same") {
  Rng rng(6);
  const Net net = mlp(1);
  for (const auto places : {sparse::Places::per_neuron, sparse::Places::per_neuron_inputs}) {
    const Net masked = sparse::random_mask(net, {.sparsity = 0.93, .places = places}, rng);
    for (const char* name : {"f1.w", "f2.w"}) {
      const auto rows = row_counts(masked, name);
      CHECK(std::ranges::max(rows) - std::ranges::min(rows) <= 1);
    }
  }
  // 84 connections for 40 inputs, 42 for 30.
  const Net used = sparse::random_mask(
      net, {.sparsity = 0.93, .places = sparse::Places::per_neuron_inputs}, rng);
  for (const sparse::Weight& w : sparse::weights_of(used.graph)) {
    const auto mask = used.params[size_t(w.mask)].read();
    for (int64_t c = 0; c < w.shape[1]; ++c) {
      float open = 0;
      for (int64_t r = 0; r < w.shape[0]; ++r) open += mask[size_t(r * w.shape[1] + c)];
      CHECK(open >= 1);
    }
  }
  const Net same =
      sparse::random_mask(net, {.sparsity = 0.9, .places = sparse::Places::symmetric}, rng);
  const auto mask = same.value("f1.w.mask").read();
  CHECK(row_counts(same, "f1.w")[0] == 4);
  for (size_t i = 40; i < mask.size(); ++i) CHECK(mask[i] == mask[i % 40]);
  const Net bernoulli =
      sparse::random_mask(net, {.sparsity = 0.5, .places = sparse::Places::bernoulli}, rng);
  CHECK(total(bernoulli) > 700);  // 900 of 1800, deviation 21
  CHECK(total(bernoulli) < 1100);
}

TEST_CASE("random masks: the same seed the same, every place as likely") {
  const Net net = mlp(1);
  std::vector<int> hits(1200, 0);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Rng a(seed), b(seed);
    const Net one = sparse::random_mask(net, {.sparsity = 0.8}, a);
    if (seed < 3) CHECK(hash(one) == hash(sparse::random_mask(net, {.sparsity = 0.8}, b)));
    const auto mask = one.value("f1.w.mask").read();
    for (size_t i = 0; i < mask.size(); ++i) hits[i] += mask[i] != 0;
  }
  // Binomial(200, 0.2): 40 ± 5.7.
  CHECK(std::ranges::min(hits) > 10);
  CHECK(std::ranges::max(hits) < 72);
}

TEST_CASE("a mask of one's own; masks and weights from another net; shuffled") {
  const Net net = mlp(1), other = mlp(2);
  Tensor checker(Shape{30, 40});
  for (size_t i = 0; i < 1200; ++i) checker.write()[i] = float((i / 40 + i % 40) % 2);
  const Net given = sparse::with_mask(net, "f1.w", checker);
  CHECK(given.value("f1.w.mask") == checker);
  CHECK(closed_are_zero(given));
  CHECK_FALSE(given.graph.find("f2.w.mask"));
  CHECK_THROWS_WITH_AS(sparse::with_mask(net, "f11.w", checker), doctest::Contains("'f1.w'"),
                       Error);
  CHECK_THROWS_AS(sparse::with_mask(net, "f2.w", checker), Error);
  Tensor half = checker;
  half.write()[3] = 0.5f;
  CHECK_THROWS_AS(sparse::with_mask(net, "f1.w", half), Error);

  const Net borrowed = sparse::with_masks_of(other, given);
  CHECK(borrowed.value("f1.w.mask") == checker);
  CHECK(borrowed.value("f2.w") == other.value("f2.w"));
  CHECK(borrowed.value("f1.w").read()[1] == other.value("f1.w").read()[1]);
  const Net ticket = sparse::with_values_of(borrowed, net);
  CHECK(ticket.value("f1.w.mask") == checker);
  CHECK(ticket.value("f2.w") == net.value("f2.w"));
  CHECK(ticket.value("f1.b") == net.value("f1.b"));
  CHECK_THROWS_AS(sparse::with_values_of(net, mixed_net(1)), Error);

  Rng rng(7);
  const Net shuffled = sparse::shuffled_masks(given, rng);
  CHECK(total(shuffled) == total(given));
  CHECK_FALSE(shuffled.value("f1.w.mask") == checker);
}

TEST_CASE("fresh weights by the connections' fan have the activations' variance of a dense layer") {
  Rng rng(8);
  NetBuilder b(rng);
  const Net net = b.finish(nn::linear(b.input("x", {400}), "f", {.out = 300, .bias = false}));
  const Net masked = sparse::random_mask(net, {.sparsity = 0.9}, rng);
  for (const auto fan : {sparse::SparseInit::Fan::in, sparse::SparseInit::Fan::layer,
                         sparse::SparseInit::Fan::average}) {
    for (const bool normal : {true, false}) {
      const Net fresh =
          sparse::sparse_initialized(masked, {.fan = fan, .normal = normal, .gain = 1}, rng);
      CHECK(fresh.value("f.w.mask") == masked.value("f.w.mask"));
      double square = 0;
      for (const float w : fresh.value("f.w").read()) square += double(w) * w;
      // Inputs of variance 1: outputs' variance = sum of squares of a row = gain (in, layer), about
      // 2·400 / (300 + 400) for the average.
      const double wanted = fan == sparse::SparseInit::Fan::average ? 8.0 / 7 : 1;
      CHECK(square / 300 == doctest::Approx(wanted).epsilon(0.06));
    }
  }
}

TEST_CASE("costs by weight: connections and multiply-accumulates, and those of training") {
  Rng rng(9);
  const Net net = sparse::random_mask(mlp(1), {.sparsity = 0.75}, rng);
  const auto rows = sparse::weight_costs(net);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].macs == 1200);
  CHECK(rows[0].effective == doctest::Approx(300));
  CHECK(rows[1].connections == 150);
  CHECK(sparse::training_macs(net) == doctest::Approx(3 * 450));
  CHECK(sparse::training_macs(net, 100) == doctest::Approx(3 * 450 + 13.5));
  const std::string table = sparse::sparsity_table(net);
  CHECK(table.find("75.00%") != std::string::npos);
  CHECK(table.find("f2.w") != std::string::npos);
  // The two matrices of a recurrent layer share its work by size.
  const auto mixed = sparse::weight_costs(mixed_net(1));
  CHECK(mixed[3].macs == 2 * mixed[4].macs);
}
