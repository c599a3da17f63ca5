// Sparse variational dropout against its formulas, and on digits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "nets.h"
#include "sparse/prune.h"
#include "sparse/variational.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

// E log|ε| - log(α) / 2 for ε ~ N(1, α), by the midpoint rule, less its value at α = ∞ (E log|z| of
// a standard normal z, -(γ + log 2) / 2): the divergence from the log-uniform prior.
double divergence(double log_alpha) {
  const double deviation = std::exp(log_alpha / 2), step = 1e-4;
  double sum = 0;
  for (double z = -9 + step / 2; z < 9; z += step)
    sum += std::log(std::abs(1 + deviation * z)) * std::exp(-z * z / 2) * step;
  return sum / std::sqrt(2 * M_PI) - log_alpha / 2 + (0.5772156649 + std::log(2.0)) / 2;
}

// A convolution and, behind a flattened map, a linear layer: their weights lie in another order.
Net small_net() {
  Rng rng(3);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {2, 4, 3}), "c", {.out = 3, .pad = 1}));
  return b.finish(nn::linear(nn::flatten(x), "f", {.out = 4}));
}

double total_kl(const Net& net) {
  double total = 0;
  for (const std::string name : {"c.w", "f.w"}) {
    const auto mean = net.value(name).read(), spread = net.value(name + ".log_variance").read();
    for (size_t i = 0; i < mean.size(); ++i)
      total += sparse::variational_kl(sparse::log_alpha(mean[i], spread[i]));
  }
  return total;
}

Tensor gradient(const Executor& e, const std::string& name) {
  const Graph& graph = e.net().graph;
  const Id id = graph.at(name);
  Tensor out(graph[id].type.shape);
  to_plain(choose_layouts(graph)[size_t(id)], graph[id].type, 1, e.grad(id).data, out.raw_write());
  return out;
}

}  // namespace

TEST_CASE("the KL term is the divergence, as near as the paper says; its slope is its derivative") {
  for (double a = -7.5; a <= 7.5; a += 0.5) {
    CAPTURE(a);
    CHECK(std::abs(sparse::variational_kl(a) - divergence(a)) < 0.012);
    const double slope =
        (sparse::variational_kl(a + 1e-5) - sparse::variational_kl(a - 1e-5)) / 2e-5;
    CHECK(sparse::variational_kl_slope(a) == doctest::Approx(slope).epsilon(1e-6).scale(1e-3));
  }
  CHECK(sparse::variational_kl(40) == doctest::Approx(0));
  CHECK(sparse::log_alpha(0.5, std::log(0.5)) == doctest::Approx(std::log(2.0)));
  CHECK(sparse::log_alpha(0, 0) == 8);
}

TEST_CASE(
    "noise: outputs have the mean and the variance that normal weights give; inference none") {
  const Net net = small_net();
  Net noisy = sparse::with_noise(net, {.initial = -3, .samples = 1});
  CHECK(distance(outputs(net), outputs(noisy)) == 0);
  CHECK(sparse::prunable(noisy.graph) == sparse::prunable(net.graph));
  // One sample 4000 times: the linear layer's variance by its formula, given the convolution's mean
  // (whose own noise is as good as gone).
  std::ranges::fill(noisy.params[size_t(noisy.graph.at("c.w.log_variance"))].write(), -30.f);
  const int64_t n = 4000;
  const Tensor one = normal({1, 2, 4, 3}, 5);
  Tensor x({n, 2, 4, 3});
  for (int64_t i = 0; i < x.size(); ++i) x.write()[size_t(i)] = one.read()[size_t(i % one.size())];
  Executor e(noisy, {.batch = n, .mode = Mode::train, .seed = 7});
  e.set_input(0, {x.shape(), x.dtype(), x.raw_write()});
  const View y = e.forward(n);
  double square = 0;  // of what the linear layer reads
  const Id flat = noisy.graph[noisy.graph.at("f")].in[0];
  for (int64_t i = 0; i < 36; ++i)
    square += double(e.value(flat).f32()[i]) * e.value(flat).f32()[i];
  for (int64_t o = 0; o < 4; ++o) {
    double sum = 0, spread = 0;
    for (int64_t i = 0; i < n; ++i) sum += y.f32()[i * 4 + o];
    for (int64_t i = 0; i < n; ++i) spread += std::pow(y.f32()[i * 4 + o] - sum / double(n), 2);
    Tensor copy = one;
    const Tensor mean = run(net, {copy.shape(), copy.dtype(), copy.raw_write()});
    CHECK(std::abs(sum / double(n) - mean.read()[size_t(o)]) <
          4 * std::sqrt(square * std::exp(-3) / double(n)));
    CHECK(spread / double(n) == doctest::Approx(square * std::exp(-3)).epsilon(0.1));
  }
}

TEST_CASE("the hook adds the slopes of the KL term, by finite differences, and warms it up") {
  Net noisy = sparse::with_noise(small_net(), {.initial = -4, .samples = 1});
  Rng rng(8);
  for (const char* name : {"c.w.log_variance", "f.w.log_variance"})
    for (float& v : noisy.params[size_t(noisy.graph.at(name))].write())
      v += float(2 * rng.normal());
  const Hook hook =
      sparse::variational({.samples = 50, .begin = 10, .full = 20, .scale = 4, .end = 30});
  Executor e(noisy, {.batch = 3, .mode = Mode::train});
  Tensor x = normal({3, 2, 4, 3}, 5);
  e.set_input(0, {x.shape(), x.dtype(), x.raw_write()});
  e.forward(3);
  std::ranges::fill(e.output_grad().span<float>(), 0.25f);
  for (const auto& [step, scale] : {std::pair<int64_t, double>{10, 0}, {15, 0.04}, {25, 0.08}}) {
    e.backward();
    std::map<std::string, Tensor> before;
    const char* names[] = {"c.w", "f.w", "c.w.log_variance", "f.w.log_variance", "f.b"};
    for (const char* name : names) before[name] = gradient(e, name);
    CHECK_FALSE(
        hook.after_backward({.step = step, .total_steps = 40, .executor = e, .samples = 3}));
    for (const std::string name : names) {
      const Tensor after = gradient(e, name);
      for (size_t i = 0; i < size_t(after.size()); i += 5) {
        const double added = double(after.read()[i]) - before[name].read()[i];
        if (name == "f.b" || scale == 0) {
          CHECK(added == 0);
          continue;
        }
        const auto at = [&](float by) {
          Net moved = noisy;
          moved.params[size_t(noisy.graph.at(name))].write()[i] += by;
          return total_kl(moved);
        };
        const float h = name.ends_with(".w") ? std::abs(noisy.value(name).read()[i]) / 64 : 0.01f;
        const double slope = scale * (at(h) - at(-h)) / (2 * double(h));
        CHECK(added == doctest::Approx(slope).epsilon(0.01).scale(1e-3));
      }
    }
  }
}

TEST_CASE("on digits: most weights go at little loss, by the threshold or to an exact number") {
  Data data = toy_digits(1024);
  data.validation = make_digits(512, 1, 1024);
  Rng init(1), a(2);
  NetBuilder b(init);
  Var x = nn::flatten(nn::max_pool(b.data_input(data.spec), {.size = 2}));
  x = nn::relu(nn::linear(x, "f1", {.out = 32}));
  const Net net = b.finish(nn::linear(x, "f2", {.out = 10}));  // 6592 weights
  const Adam optimizer{.rate = 5e-3f};
  const Trained dense = train(net, data, optimizer, {.epochs = 20, .batch = 64}, a);
  sparse::Variational o{.samples = 1024, .begin = 0, .full = 320, .end = 800};
  for (const bool exact : {false, true}) {
    if (exact) o.sparsity = 0.9;
    Rng again(2);
    const Trained t = train(sparse::with_noise(net, o), data, optimizer,
                            {.epochs = 60,
                             .batch = 64,
                             .hooks = {sparse::variational(o)},
                             .checkpoint_from_step = o.end},
                            again);
    if (exact)
      CHECK(sparse::density(t.net) == doctest::Approx(1 - std::llround(0.9 * 6592) / 6592.0));
    else
      CHECK(sparse::density(t.net) < 0.2);
    CHECK(t.validation_error < dense.validation_error + 0.03);
    CHECK(t.net.graph.find("f1.w.mask"));
    CHECK_FALSE(t.net.graph.find("f1.w.log_variance"));
    CHECK(to_text(sparse::unmask(t.net).graph) == to_text(net.graph));
  }
}

TEST_CASE("what cannot be is refused") {
  const Net net = small_net();
  CHECK_THROWS_WITH_AS(sparse::variational({}), doctest::Contains("0 samples"), Error);
  CHECK_THROWS_AS(sparse::variational({.samples = 1, .begin = 5, .full = 4}), Error);
  CHECK_THROWS_AS(sparse::with_noise(net, {.samples = 1, .keep = {"c"}}), Error);
  CHECK_THROWS_AS(sparse::with_noise(net, {.samples = 1, .keep = {"c.w", "f.w"}}), Error);
  CHECK_THROWS_AS(sparse::with_noise(sparse::mask(net, {}), {.samples = 1}), Error);
  CHECK(hash(sparse::without_noise(net, {})) == hash(net));
  const Data data = toy_digits();
  Rng rng(1);
  const Net digits = digits_mlp(data.spec, rng);
  const sparse::Variational o{.samples = 128, .end = 4};
  const TrainOptions options{.epochs = 1, .batch = 32, .hooks = {sparse::variational(o)}};
  CHECK_THROWS_WITH_AS(train(digits, data, Adam{}, options, rng), doctest::Contains("with_noise"),
                       Error);
  const TrainOptions late{
      .epochs = 1, .batch = 32, .hooks = {sparse::variational({.samples = 128, .end = 5})}};
  CHECK_THROWS_WITH_AS(train(sparse::with_noise(digits, o), data, Adam{}, late, rng),
                       doctest::Contains("to step 5"), Error);
  // Weights that two layers share have one variance.
  NetBuilder b(rng);
  const Var w = b.param("w", Shape{4, 4}, Init::kaiming_uniform);
  Var x = b.op(linear_op, "a", {b.input("x", {4}), w});
  const Net shared = sparse::with_noise(b.finish(b.op(linear_op, "b", {nn::relu(x), w})), o);
  CHECK(weight_count(shared.graph) == 32);
  const Net quiet = sparse::without_noise(shared, {.sparsity = 0.5});
  CHECK(connection_counts_of(quiet) == std::vector<int64_t>{8});
}
