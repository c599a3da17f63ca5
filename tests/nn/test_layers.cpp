#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops/ops.h"
#include "nn/models.h"
#include "tensor/error.h"
#include "toy.h"

using namespace sparlet;

namespace {

std::vector<std::string> names(const Graph& graph) {
  std::vector<std::string> list;
  for (const Node& node : graph.nodes) list.push_back(node.name);
  return list;
}

Shape shape_of(const Net& net, std::string_view name) {
  return net.graph[net.graph.at(name)].type.shape;
}

std::string message(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// Mean square and greatest magnitude.
struct Spread {
  double variance = 0, top = 0;
};

Spread spread(const Tensor& tensor) {
  Spread s;
  for (float v : tensor.read()) {
    s.variance += double(v) * v / double(tensor.size());
    s.top = std::fmax(s.top, std::abs(v));
  }
  return s;
}

Spread drawn(const Shape& shape, Init init) {
  Rng rng(7);
  Tensor weight(shape);
  initialize(weight, init, rng);
  return spread(weight);
}

}  // namespace

TEST_CASE("layers name their weights after themselves and have the shapes of their options") {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = b.input("x", {4, 9, 9});
  x = nn::conv2d(x, "c1", {.out = 6, .kernel = 3, .stride = 2, .pad = 1, .groups = 2});
  CHECK(x.shape() == Shape{6, 5, 5});
  x = nn::batch_norm(x, "n1");
  x = nn::depthwise(x, "d1", {.kernel = 3, .pad = 1, .bias = false}, 2);
  CHECK(x.shape() == Shape{12, 5, 5});
  x = nn::relu6(nn::relu(x));
  x = nn::max_pool(x, {.size = 2});
  CHECK(x.shape() == Shape{12, 2, 2});
  x = nn::concat({x, nn::add(x, x)});
  CHECK(x.shape() == Shape{24, 2, 2});
  const Var g = nn::global_avg_pool(x);
  CHECK(g.shape() == Shape{24});
  x = nn::linear(nn::dropout(nn::flatten(x), 0.5), "f1", {.out = 24, .bias = false});
  const Net net = b.finish(nn::softmax(nn::sub(nn::mul(x, g), g)));

  CHECK(shape_of(net, "c1.w") == Shape{6, 2, 3, 3});
  CHECK(shape_of(net, "c1.b") == Shape{6});
  CHECK(shape_of(net, "n1.gamma") == Shape{6});
  CHECK(net.value("n1.variance").read()[5] == 1);
  CHECK(shape_of(net, "d1.w") == Shape{12, 1, 3, 3});
  CHECK(!net.graph.find("d1.b"));
  CHECK(shape_of(net, "f1.w") == Shape{24, 96});
  CHECK(names(net.graph) == std::vector<std::string>{"x",
                                                     "c1.w",
                                                     "c1.b",
                                                     "c1",
                                                     "n1.gamma",
                                                     "n1.beta",
                                                     "n1.mean",
                                                     "n1.variance",
                                                     "n1",
                                                     "d1.w",
                                                     "d1",
                                                     "relu",
                                                     "relu6",
                                                     "max_pool",
                                                     "add",
                                                     "concat",
                                                     "global_avg_pool",
                                                     "flatten",
                                                     "dropout",
                                                     "f1.w",
                                                     "f1",
                                                     "mul",
                                                     "sub",
                                                     "softmax"});
}

TEST_CASE("a layer that does not fit says so by its name") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var x = b.input("x", {3, 8, 8});
  CHECK(message([&] { nn::linear(x, "f1", {.out = 2}); }).starts_with("f1 (linear)"));
  CHECK(message([&] { nn::conv2d(x, "c9", {.out = 4, .groups = 2}); }).starts_with("c9 (conv2d)"));
  CHECK(message([&] { nn::conv2d(x, "c8", {.out = 4, .kernel = 9}); }).starts_with("c8"));
  NetBuilder other(rng);
  CHECK(message([&] {
          nn::add(x, other.input("x", {3, 8, 8}));
        }).find("another builder") != std::string::npos);
}

TEST_CASE("scopes prefix names; fresh names are new in their scope") {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = b.input("x", {4});
  b.push_scope("s1");
  b.push_scope("b2");
  x = nn::relu(nn::linear(x, "fc", {.out = 4}));
  b.pop_scope();
  x = nn::relu(x);
  x = nn::relu(x);
  b.pop_scope();
  const Net net = b.finish(nn::relu(x));
  CHECK(net.graph.find("s1.b2.fc.w"));
  CHECK(net.graph.find("s1.b2.relu"));
  CHECK(net.graph.find("s1.relu"));
  CHECK(net.graph.find("s1.relu2"));
  CHECK(net.graph.nodes.back().name == "relu");
}

TEST_CASE("finish keeps only what the output needs") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var x = b.input("x", {4});
  const Var y = nn::linear(x, "used", {.out = 3});
  nn::linear(x, "dead", {.out = 3});
  const Net net = b.finish(y);
  CHECK(net.graph.nodes.back().name == "used");
  CHECK(!net.graph.find("dead.w"));
  CHECK(net.params.size() == net.graph.nodes.size());
}

TEST_CASE("data_input normalises by the data's own figures") {
  Rng rng(1);
  NetBuilder b(rng);
  const Net net =
      b.finish(b.data_input({.shape = {1, 2, 2}, .classes = 2, .mean = 33, .deviation = 64}));
  Tensor pixels(Shape{1, 1, 2, 2}, DType::u8);
  pixels.write<uint8_t>()[0] = 97;
  pixels.write<uint8_t>()[1] = 33;
  const Tensor y = run(net, test::view(pixels));
  CHECK(y.read()[0] == doctest::Approx(1));
  CHECK(y.read()[1] == 0);
  CHECK(y.read()[2] == doctest::Approx(-33.0 / 64));
  NetBuilder plain(rng);
  CHECK(plain.finish(plain.data_input({.shape = {5}, .classes = 2})).graph.nodes.size() == 1);
}

TEST_CASE("initial weights have the variance and the bounds of their formula") {
  const Shape conv{64, 32, 3, 3};  // fan-in 288, fan-out 576
  CHECK(fan_in(conv) == 288);
  CHECK(fan_out(conv) == 576);
  CHECK(fan_in(Shape{10, 84}) == 84);
  CHECK(fan_out(Shape{10, 84}) == 10);
  CHECK(drawn(conv, Init::kaiming_uniform).variance ==
        doctest::Approx(1 / 288.0 / 3).epsilon(0.03));
  CHECK(drawn(conv, Init::kaiming_uniform).top <= 1 / std::sqrt(288.0) * 1.000001);
  CHECK(drawn(conv, Init::he_uniform).variance == doctest::Approx(2 / 288.0).epsilon(0.03));
  CHECK(drawn(conv, Init::kaiming_normal).variance == doctest::Approx(2 / 288.0).epsilon(0.03));
  CHECK(drawn(conv, Init::xavier_normal).variance == doctest::Approx(2 / 864.0).epsilon(0.03));
  CHECK(drawn(conv, Init::xavier_uniform).variance == doctest::Approx(2 / 864.0).epsilon(0.03));
  CHECK(drawn(conv, Init::xavier_uniform).top <= std::sqrt(6 / 864.0) * 1.000001);
  CHECK(drawn(conv, Init::zeros).top == 0);
  CHECK(drawn(conv, Init::ones).variance == doctest::Approx(1));
  Rng rng(3);
  const Spread bias = spread(fresh_bias(20000, conv, rng));
  CHECK(bias.variance == doctest::Approx(1 / 288.0 / 3).epsilon(0.05));
}

TEST_CASE("initialized draws each leaf by its use, from the text alone") {
  Rng rng(5);
  NetBuilder b(rng);
  Var x = b.data_input({.shape = {1, 12, 12}, .classes = 3, .mean = 10, .deviation = 20});
  x = nn::batch_norm(nn::conv2d(x, "c1", {.out = 64, .kernel = 5}), "n1");
  const Var w = b.op(
      mul_op, "f1.w.masked",
      {b.param("f1.w", Shape{3, 4096}, Init::zeros), b.param("f1.m", Shape{3, 4096}, Init::zeros)});
  const Net built =
      b.finish(b.op(linear_op, "f1", {nn::flatten(x), w, b.param("f1.b", Shape{3}, Init::zeros)}));

  Rng fresh(6);
  const Net net = initialized(from_text(to_text(built.graph)), fresh);
  CHECK(to_text(net.graph) == to_text(built.graph));
  CHECK(net.value("x.mean").read()[0] == 10);
  CHECK(net.value("x.scale").read()[0] == 1.f / 20);
  CHECK(spread(net.value("c1.w")).variance == doctest::Approx(1 / 25.0 / 3).epsilon(0.1));
  CHECK(spread(net.value("c1.b")).top > 0.1);
  CHECK(spread(net.value("c1.b")).top <= 0.2000001);
  CHECK(spread(net.value("f1.w")).variance == doctest::Approx(1 / 4096.0 / 3).epsilon(0.1));
  CHECK(spread(net.value("f1.b")).top <= 1 / 64.0 * 1.000001);
  CHECK(spread(net.value("n1.gamma")).variance == 1);
  CHECK(spread(net.value("n1.beta")).top == 0);
  CHECK(spread(net.value("n1.mean")).top == 0);
  CHECK(spread(net.value("n1.variance")).variance == 1);
  CHECK(!test::same_values(net, built));

  Rng again(6);
  CHECK(test::same_values(net, initialized(built.graph, again)));
}

TEST_CASE("a constant without a value is an error that names it") {
  Graph graph;
  const Id x = graph.add(input_op, "x", {}, {{"shape", attr({2})}});
  Graph with = graph;
  const Id c = graph.add(constant_op, "shift", {}, {{"shape", attr({2})}});
  graph.add(add_op, "y", {x, c});
  Rng rng(1);
  CHECK(message([&] { initialized(graph, rng); }).starts_with("shift (constant)"));

  const Id d = with.add(constant_op, "shift", {},
                        {{"shape", attr({2})}, {"value", std::vector<double>{1.5, -2}}});
  with.add(add_op, "y", {x, d});
  CHECK(initialized(with, rng).value("shift").read()[1] == -2);

  Graph wrong;
  wrong.add(constant_op, "three", {}, {{"shape", attr({3})}, {"value", std::vector<double>{1, 2}}});
  CHECK(message([&] { initialized(wrong, rng); }).starts_with("three (constant): value has 2"));
}

TEST_CASE("reference nets by name") {
  const DataSpec spec{.shape = {1, 28, 28}, .classes = 10, .mean = 33, .deviation = 78};
  Rng rng(1);
  const Net net = nn::by_name("lenet5", spec, rng);
  CHECK(shape_of(net, "c1") == Shape{6, 28, 28});
  CHECK(shape_of(net, "f1.w") == Shape{120, 400});
  CHECK(weight_count(net.graph) == 61706);  // LeCun et al. 1998 with full C3 connections
  CHECK(net.graph.nodes.back().type.shape == Shape{10});
  const DataSpec colour{.shape = {3, 32, 32}, .classes = 10};
  CHECK(shape_of(nn::by_name("lenet5", colour, rng), "f1.w") == Shape{120, 400});
  CHECK(weight_count(nn::by_name("mlp", spec, rng).graph) == 266610);
  CHECK(weight_count(nn::by_name("linear", spec, rng).graph) == 7850);
  CHECK(message([&] { nn::by_name("lenet", spec, rng); }).find("lenet5") != std::string::npos);
}
