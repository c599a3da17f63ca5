#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/ops_i8.h"
#include "nn/layers.h"
#include "nn/train.h"
#include "quant/values.h"
#include "random_nets.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::testing;

namespace {

View view_of(const Tensor& tensor, Tensor& keep) {
  keep = tensor;
  return {tensor.shape(), tensor.dtype(), keep.raw_write()};
}

// Root mean square of int8's error over that of the float output.
double relative_error(const Net& folded, const Net& int8, const Dataset& data) {
  Tensor keep;
  const View samples = view_of(data.gathered(), keep);
  const Tensor real = run(folded, samples), small = run(int8, samples);
  const Quant q = quant_of(int8.graph.nodes.back());
  double error = 0, power = 1e-12;
  for (int64_t i = 0; i < real.size(); ++i) {
    const double r = real.read()[size_t(i)];
    const double s = double(q.scale) * (small.read<int8_t>()[size_t(i)] - q.zero);
    error += (r - s) * (r - s);
    power += r * r;
  }
  return std::sqrt(error / power);
}

std::string message_of(const Net& net) {
  const Net folded = quant::fold_norms(net);
  try {
    quant::to_int8(folded, quant::placeholder(folded));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("int8 outputs are close to the float net's") {
  std::vector<double> errors;
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    const Net folded = quant::fold_norms(random_net(seed));
    Rng rng(seed);
    const Dataset data = random_bytes(input_shape(folded), 24, rng);
    const Net int8 = quant::to_int8(folded, quant::observe(folded, data));
    CHECK(quant::is_int8(int8.graph));
    CHECK(!quant::is_int8(folded.graph));
    errors.push_back(relative_error(folded, int8, data));
    CAPTURE(seed);
    CHECK(errors.back() < 0.35);
  }
  std::ranges::sort(errors);
  CHECK(errors[errors.size() / 2] < 0.03);
  CHECK(errors[errors.size() * 9 / 10] < 0.12);
}

TEST_CASE("float samples: trained, quantised and scored, through the dataset and as they are") {
  Rng rng(4);
  Tensor x(Shape{600, 6}), y(Shape{600}, DType::i32);
  for (int64_t i = 0; i < 600; ++i) {
    const int32_t label = int32_t(i % 3);
    y.write<int32_t>()[size_t(i)] = label;
    for (int64_t k = 0; k < 6; ++k)
      x.write()[size_t(6 * i + k)] = float(0.4 * rng.normal() + (k % 3 == label ? 1.5 : -0.5));
  }
  const Dataset all = Dataset::all(x, y);
  Data data{.name = "blobs", .train = all.take(500), .validation = all.subset({500, 501, 502})};
  data.spec = {.shape = {6}, .classes = 3, .dtype = DType::f32};
  fit_normalization(data);
  NetBuilder b(rng);
  const Var hidden = nn::relu(nn::linear(b.data_input(data.spec), "f1", {.out = 16}));
  const Net net = b.finish(nn::linear(hidden, "f2", {.out = 3}));
  const Net trained = train(net, data, Adam{.rate = 1e-2f}, {.epochs = 4}, rng).net;
  const Net folded = quant::fold_norms(trained);
  const Net int8 = quant::to_int8(folded, quant::observe(folded, data.train.spread(100)));
  CHECK(int8.graph[inputs(int8.graph)[0]].type.dtype == DType::i8);
  CHECK(error_of(trained, all) < 0.02);
  CHECK(error_of(int8, all) < 0.03);
  CHECK(relative_error(folded, int8, all) < 0.05);
}

TEST_CASE("every encoding computes the same, to the bit") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Net folded = quant::fold_norms(random_net(seed));
    Rng rng(seed);
    const Dataset data = random_bytes(input_shape(folded), 6, rng);
    const quant::Ranges ranges = quant::observe(folded, data);
    Tensor keep;
    const View samples = view_of(data.gathered(), keep);
    const Tensor dense = run(quant::to_int8(folded, ranges, {quant::Encoding::dense}), samples);
    CHECK(dense == run(quant::to_int8(folded, ranges, {quant::Encoding::bitmask}), samples));
    CHECK(dense == run(quant::to_int8(folded, ranges), samples));
  }
}

TEST_CASE("normalisation of bytes is in the input's scale and zero point, exactly") {
  Rng rng(1);
  NetBuilder b(rng);
  const Net net =
      b.finish(nn::linear(nn::flatten(b.data_input(byte_images({1, 2, 2}))), "out", {.out = 3}));
  const Net int8 = quant::to_int8(net, quant::placeholder(net));
  const Quant q = quant_of(int8.graph[inputs(int8.graph)[0]]);
  CHECK(q.scale == net.value("x.scale").read()[0]);
  CHECK(q.zero == 33 - 128);
  for (int byte = 0; byte < 256; ++byte)
    CHECK(q.scale * float((byte - 128) - q.zero) == (float(byte) - 33) * q.scale);
  CHECK(std::ranges::count_if(int8.graph.nodes, [](const Node& n) { return n.type.batched; }) == 2);
}

TEST_CASE("the int8 graph's shape does not depend on the ranges") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Net folded = quant::fold_norms(random_net(seed));
    Rng rng(seed);
    const Dataset data = random_bytes(input_shape(folded), 6, rng);
    const Net a = quant::to_int8(folded, quant::observe(folded, data), {quant::Encoding::dense});
    const Net b = quant::to_int8(folded, quant::placeholder(folded), {quant::Encoding::dense});
    REQUIRE(a.graph.nodes.size() == b.graph.nodes.size());
    for (size_t i = 0; i < a.graph.nodes.size(); ++i) {
      CHECK(a.graph.nodes[i].op == b.graph.nodes[i].op);
      CHECK(a.graph.nodes[i].name == b.graph.nodes[i].name);
      CHECK(a.graph.nodes[i].type == b.graph.nodes[i].type);
    }
  }
}

TEST_CASE("relu and relu6 vanish into the op before them, through a pool, too") {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = nn::conv2d(b.data_input(byte_images({1, 6, 6})), "c", {.out = 2});
  const Net net = b.finish(nn::relu6(nn::max_pool(x)));
  const Net int8 = quant::to_int8(net, {{"c", {-3, 9}}, {"max_pool", {-1, 9}}, {"relu6", {0, 6}}});
  CHECK(int8.graph.nodes.back().op == &max_pool_i8_op);
  const Quant q = quant_of(int8.graph[int8.graph.at("c")]);
  CHECK(q.zero == -128);
  CHECK(q.scale == doctest::Approx(6.0 / 255));

  // Read twice, the conv keeps what relu would cut off, and relu stands alone.
  NetBuilder two(rng);
  x = nn::conv2d(two.data_input(byte_images({1, 6, 6})), "c", {.out = 2});
  const Net both = two.finish(nn::concat({x, nn::relu(x)}));
  const Net kept = quant::to_int8(both, quant::placeholder(both));
  CHECK(kept.graph[kept.graph.at("relu")].op == &requantize_i8_op);
  CHECK(quant_of(kept.graph[kept.graph.at("c")]).low == -128);
  CHECK(quant_of(kept.graph[kept.graph.at("relu")]).zero == -128);
}

TEST_CASE("scales: zero is exact, empty ranges and layers are harmless") {
  Rng rng(5);
  for (int i = 0; i < 1000; ++i) {
    const float a = float(rng.normal()), b = float(rng.normal());
    const quant::Scale s = quant::scale_of({std::min(a, b), std::max(a, b)});
    CHECK(s.scale * float(127 - s.zero) >= std::max({a, b, 0.f}) - s.scale * 0.51f);
    CHECK(s.scale * float(-128 - s.zero) <= std::min({a, b, 0.f}) + s.scale * 0.51f);
  }
  CHECK(quant::scale_of({0, 0}) == quant::Scale{1, 0});
  CHECK(quant::scale_of({2, 5}).zero == -128);
  CHECK(quant::scale_of({-5, -2}).zero == 127);

  const quant::Layer layer{{0, 0, 1, -0.5f, 1e-12f, 0}, {0.25, 3, 1000}};
  const quant::Layer8 made = quant::quantize("l", layer, {0.1f, 3}, {0.05f, 0});
  for (int64_t o = 0; o < 3; ++o) {  // what a bias is worth in steps of y
    const double steps =
        double(made.bias.read<int32_t>()[size_t(o)]) * made.scale.read()[size_t(o)];
    CHECK(steps == doctest::Approx(layer.bias[size_t(o)] / 0.05).epsilon(0.01));
  }
  CHECK(made.weights.read<int8_t>()[2] == 127);
  CHECK(made.weights.read<int8_t>()[3] == -64);
}

TEST_CASE("an op without an int8 form is an Error that names the node") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var x = b.data_input(byte_images({2, 3, 3}));
  const Var c = nn::conv2d(x, "c", {.out = 2});
  const auto constant = [&](const char* name, const Shape& shape) {
    return b.constant(name, Tensor(shape));
  };
  CHECK(message_of(b.finish(nn::add(x, constant("bias", {2, 3, 3})))).find("add") == 0);
  CHECK(message_of(b.finish(nn::flatten(c))).find("no int8 form") == std::string::npos);
  const Var wide = nn::flatten(x);
  CHECK(message_of(b.finish(wide)).find("flatten") == 0);
  CHECK(message_of(b.finish(
            nn::linear(nn::add(wide, b.constant("k", Tensor({18}))), "l", {.out = 2}))) == "");
}
