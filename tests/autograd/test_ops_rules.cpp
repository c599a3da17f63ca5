// What single ops promise beyond the table tests.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "op_runner.h"
#include "tensor/error.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"

using namespace sparlet;

namespace {

// One op on leaves of these kinds and shapes, or the message of the Error.
std::string refused(const OpDef& op, std::vector<Sample::Input> in, Attrs attrs = {}) {
  try {
    sample_graph(op, {.name = "", .in = std::move(in), .attrs = std::move(attrs)});
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

Tensor computed(const OpDef& op, std::vector<Tensor> values, std::vector<Sample::Input> in,
                Attrs attrs = {}, Mode mode = Mode::infer) {
  const Graph graph =
      sample_graph(op, {.name = "", .in = std::move(in), .attrs = std::move(attrs)});
  OpRunner runner(graph, {.mode = mode});
  return runner.forward(values[0].shape()[0], values);
}

}  // namespace

TEST_CASE("misuse: the message names node and op, and what was found") {
  const auto check = [](const std::string& message, std::string_view op, std::string_view part) {
    CHECK_MESSAGE(has(message, "op (" + std::string(op) + ")"), message);
    CHECK_MESSAGE(has(message, part), message);
    CHECK_MESSAGE(message.find('\n') == message.npos, message);
  };
  const Sample::Input map{{4, 5, 5}}, features{{6}}, bias{{6}, "param"};
  const auto weight = [](Shape shape) { return Sample::Input{shape, "param"}; };

  check(refused(conv2d_op, {map}), "conv2d", "wants inputs (x, w[, b]), found 1");
  check(refused(conv2d_op, {features, weight({6, 4, 3, 3})}), "conv2d", "found [6]");
  check(refused(conv2d_op, {map, weight({6, 4, 7, 3})}), "conv2d", "smaller than the window 7x3");
  check(refused(conv2d_op, {map, weight({6, 4, 3, 3})}, {{"dilation", 3.0}}), "conv2d",
        "dilation [3,3]");
  check(refused(conv2d_op, {map, weight({6, 3, 3, 3})}), "conv2d", "wants 3 channels a group");
  check(refused(conv2d_op, {map, weight({6, 1, 3, 3})}, {{"groups", 3.0}}), "conv2d", "3 groups");
  check(refused(conv2d_op, {map, weight({6, 4, 3, 3}), weight({5})}), "conv2d",
        "bias [6], found [5]");
  check(refused(conv2d_op, {map, weight({6, 4, 3, 3})}, {{"stride", 0.0}}), "conv2d", "stride 0");
  check(refused(conv2d_op, {map, weight({6, 4, 3, 3})}, {{"strid", 2.0}}), "conv2d",
        "did you mean 'stride'");
  check(refused(linear_op, {map, weight({3, 100})}), "linear", "flatten it first");
  check(refused(linear_op, {features, weight({3, 7})}), "linear", "wants 7 inputs");
  check(refused(linear_op, {features, weight({3, 6}), bias}), "linear", "bias [3], found [6]");
  check(refused(max_pool_op, {map}), "max_pool", "size");
  check(refused(max_pool_op, {map}, {{"size", 6.0}}), "max_pool", "smaller than the window 6x6");
  check(refused(max_pool_op, {map}, {{"size", 2.0}, {"pad", 2.0}}), "max_pool", "padding");
  check(refused(avg_pool_op, {map}, {{"size", 2.0}, {"count_pad", 2.0}}), "avg_pool",
        "count_pad 2");
  check(refused(global_avg_pool_op, {features}), "global_avg_pool", "found [6]");
  check(refused(add_op, {features, {{5}}}), "add", "found [6] and [5]");
  check(refused(mul_op, {map, {{4, 5, 1}}}), "mul", "found [4,5,5] and [4,5,1]");
  check(refused(concat_op, {map, {{4, 4, 5}}}), "concat", "[4,4,5] does not fit beside [4,5,5]");
  check(refused(concat_op, {map, map}, {{"axis", 1.0}}), "concat", "axis 1");
  check(refused(dropout_op, {map}, {{"rate", 1.0}}), "dropout", "rate 1");
  check(refused(gaussian_op, {map, features}), "gaussian", "found [4,5,5]");
  check(refused(batch_norm_op, {features, bias, bias, bias, weight({5})}), "batch_norm", "input 4");
  check(refused(softmax_op, {{{3, 4}}}), "softmax", "found [3,4]");
  check(refused(part_op, {features}, {{"begin", 4.0}, {"shape", 3.0}}), "part", "4 to 7");
  check(refused(part_op, {map}, {{"shape", 3.0}}), "part", "rank 1 or 2");
  check(refused(relu_op, {{{3}, "input", DType::i8}}), "relu", "wanted f32");
}

TEST_CASE("misuse: an op nobody knows") {
  CHECK_THROWS_WITH_AS(find_op("conv2"), doctest::Contains("did you mean 'conv2d'"), Error);
}

TEST_CASE("cost: multiply-accumulates of conv2d and linear by their formula") {
  const Graph conv = sample_graph(
      conv2d_op, {"", {{{4, 9, 8}}, {{6, 2, 3, 3}, "param"}}, {{"groups", 2.0}, {"stride", 2.0}}});
  CHECK(conv2d_op.macs(conv.nodes.back(), conv.types_of(conv.nodes.back().in)) ==
        4 * 3 * 6 * 2 * 3 * 3);
  const Graph rows = sample_graph(linear_op, {"", {{{3, 6}}, {{4, 6}, "param"}}});
  CHECK(linear_op.macs(rows.nodes.back(), rows.types_of(rows.nodes.back().in)) == 3 * 6 * 4);
}

TEST_CASE("relu6 stops at 6, relu and pooling pass NaN on") {
  CHECK(computed(relu6_op, {Tensor({1, 4}, {-1, 3, 6.5f, 6})}, {{{4}}}) ==
        Tensor({1, 4}, {0, 3, 6, 6}));
  const Tensor nan({1, 1, 1, 3}, {1, NAN, 2});
  CHECK(std::isnan(computed(relu_op, {nan}, {{{1, 1, 3}}}).read()[1]));
  CHECK(
      std::isnan(computed(max_pool_op, {nan}, {{{1, 1, 3}}}, {{"size", std::vector<double>{1, 3}}})
                     .read()[0]));
}

TEST_CASE("max_pool: the first of equals gets the gradient") {
  const Graph graph = sample_graph(max_pool_op, {"", {{{1, 2, 2}}}, {{"size", 2.0}}});
  OpRunner runner(graph, {.mode = Mode::train});
  runner.forward(1, {Tensor({1, 1, 2, 2}, {1, 5, 5, 5})});
  CHECK(runner.backward(Tensor({1, 1, 1, 1}, {2}))[0] == Tensor({1, 1, 2, 2}, {0, 2, 0, 0}));
}

TEST_CASE("dropout: keeps the mean, zeroes the rate's share, is the identity in inference") {
  Tensor x({1, 10000});
  for (float& v : x.write()) v = 1;
  const Tensor y = computed(dropout_op, {x}, {{{10000}}}, {{"rate", 0.3}}, Mode::train);
  int zeros = 0;
  for (float v : y.read()) {
    if (v == 0) ++zeros;
    CHECK((v == 0 || std::abs(v - 1 / 0.7f) < 1e-6f));
  }
  CHECK(std::abs(zeros - 3000) < 150);  // 3 deviations
  CHECK(computed(dropout_op, {x}, {{{10000}}}, {{"rate", 0.3}}) == x);
}

TEST_CASE("gaussian: the moments asked for, gradients of this draw, and the mean in inference") {
  const Sample sample{"", {{{20000}}, {{20000}}}};
  const Graph graph = sample_graph(gaussian_op, sample);
  Tensor mean({1, 20000}), variance({1, 20000});
  for (float& v : mean.write()) v = 2;
  for (float& v : variance.write()) v = 9;
  OpRunner runner(graph, {.mode = Mode::train});
  const Tensor y = runner.forward(1, {mean, variance});
  double sum = 0, square = 0;
  for (const float v : y.read()) sum += v, square += (v - 2) * (v - 2);
  CHECK(std::abs(sum / 20000 - 2) < 0.08);  // 4 deviations: 4 · 3 / 141, 4 · 9 √2 / 141
  CHECK(std::abs(square / 20000 - 9) < 0.36);
  // y = mean + σ e: dy/dmean = 1, dy/dvariance = e / 2σ = (y - mean) / 2σ².
  Tensor dy({1, 20000});
  for (float& v : dy.write()) v = 3;
  const auto din = runner.backward(dy);
  CHECK(din[0] == dy);
  for (size_t i = 0; i < 50; ++i)
    CHECK(din[1].read()[i] == doctest::Approx(3 * (y.read()[i] - 2) / 18).epsilon(1e-4));
  CHECK(computed(gaussian_op, {mean, variance}, {{{20000}}, {{20000}}}) == mean);
}

TEST_CASE("batch_norm: training moves the states, inference leaves them") {
  const Graph graph =
      sample_graph(batch_norm_op, {"", batch_norm_op.samples[1].in, {{"momentum", 0.5}}});
  std::vector<Tensor> values = sample_values(graph, batch_norm_op.samples[1], 4, 1);
  OpRunner train(graph, {.mode = Mode::train}), infer(graph, {});
  train.forward(4, values);
  infer.forward(4, values);
  CHECK(infer.operand(3) == values[3]);
  double mean = 0, variance = 0;
  for (int s = 0; s < 4; ++s) mean += values[0].read()[size_t(s * 7)] / 4;
  for (int s = 0; s < 4; ++s) variance += std::pow(values[0].read()[size_t(s * 7)] - mean, 2) / 3;
  CHECK(train.operand(3).read()[0] == doctest::Approx((values[3].read()[0] + mean) / 2));
  CHECK(train.operand(4).read()[0] == doctest::Approx((values[4].read()[0] + variance) / 2));
}

TEST_CASE("onednn: no pass of the samples falls to reference code") {
  const auto check_fast = [](std::string_view sample, std::string_view description) {
    INFO(sample, ": ", description);
    CHECK(!has(std::string(description), "ref"));
#if defined(__x86_64__)  // elsewhere oneDNN has little else, and portable code steps in
    if (__builtin_cpu_supports("avx2")) CHECK(!has(std::string(description), "portable"));
#endif
  };
  const auto there = all_kernels();
  const auto found = std::ranges::find_if(there, [](const Kernels* k) { return k->onednn; });
  if (found == there.end()) return;
  const Kernels& best = **found;
  for (const Sample& sample : conv2d_op.samples) {
    const Graph graph = sample_graph(conv2d_op, sample);
    const Shape &x = graph.nodes[0].type.shape, &w = graph.nodes[1].type.shape;
    const Node& node = graph.nodes.back();
    const ConvShape shape{.window = {.c = x[0],
                                     .h = x[1],
                                     .w = x[2],
                                     .kh = w[2],
                                     .kw = w[3],
                                     .stride = node.pair("stride", 1),
                                     .pad = node.sides("pad"),
                                     .dilation = node.pair("dilation", 1)},
                          .o = w[0],
                          .groups = node.integer("groups", 1),
                          .bias = true};
    for (int64_t batch : {1, 32}) {
      const auto kernel = best.conv2d(shape, {.batch = batch, .train = true});
      check_fast(sample.name, kernel->description());
    }
  }
  for (const Sample& sample : linear_op.samples) {
    const Shape& w = sample.in[1].shape;
    for (int64_t batch : {1, 32}) {
      const auto kernel =
          best.linear({.in = w[1], .out = w[0], .bias = true}, {.batch = batch, .train = true});
      check_fast(sample.name, kernel->description());
    }
  }
}

TEST_CASE("kernels: the table") {
  for (const Kernels* k : all_kernels()) {
    INFO(k->name);
    CHECK((k->conv2d && k->linear && k->recurrent && k->sparse && k->planes && k->max_pool &&
           k->max_pool_backward && k->update));
  }
  CHECK(all_kernels().front()->name == "portable");
  CHECK(&find_kernels("portable") == all_kernels().front());
  CHECK_THROWS_WITH_AS(find_kernels("fast"), doctest::Contains("there are portable"), Error);
  CHECK(&default_kernels() == (std::getenv("SPARLET_KERNELS") && *std::getenv("SPARLET_KERNELS")
                                   ? &find_kernels(std::getenv("SPARLET_KERNELS"))
                                   : all_kernels().back()));
  const auto there = [](std::string_view name) {
    return std::ranges::any_of(all_kernels(), [&](const Kernels* k) { return k->name == name; });
  };
#if defined(__x86_64__)
  CHECK(there("avx2") == bool(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
  CHECK(there("avx512") ==
        bool(__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl") && there("avx2")));
#else
  CHECK(!there("avx2"));
#endif
}

TEST_CASE("kernels: a forced path runs its own convolution, linear and recurrent layers") {
  for (const Kernels* kernels : all_kernels()) {
    if (kernels->onednn) continue;  // below and in test_recurrent.cpp: its own names
    const KernelOptions options{.batch = 2, .train = true};
    CHECK(kernels->conv2d({.window = {.c = 3, .h = 5, .w = 5, .kh = 3, .kw = 3}, .o = 4}, options)
              ->description() == kernels->name);
    CHECK(kernels->linear({.in = 5, .out = 3}, options)->description() == kernels->name);
    CHECK(kernels->recurrent({.steps = 2, .in = 3, .hidden = 4, .out_row = 4}, options)
              ->description() == kernels->name);
  }
}
