// Stacked recurrent layers: names, shapes, fresh weights, training.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "autograd/ops/ops.h"
#include "nn/recurrent.h"
#include "nn/train.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

// Sequences of two classes: a bump of one sign or the other somewhere in noise.
Dataset bumps(int64_t n, int64_t steps, uint64_t seed) {
  Rng rng(seed);
  Tensor x({n, steps, 2}), y({n}, DType::i32);
  for (float& v : x.write()) v = float(0.3 * rng.normal());
  for (int64_t s = 0; s < n; ++s) {
    const int64_t at = rng.below(steps);
    x.write()[size_t((s * steps + at) * 2 + s % 2)] += 2;
    y.write<int32_t>()[size_t(s)] = int32_t(s % 2);
  }
  return Dataset::all(x, y);
}

bool has(const Net& net, std::string_view name) { return net.graph.find(name).has_value(); }

}  // namespace

TEST_CASE("recurrent layers: names, shapes and number of weights") {
  Rng rng(1);
  NetBuilder b(rng);
  const Var x = b.input("x", {7, 3});
  const nn::Sequence two =
      nn::lstm(x, "rnn", {.hidden = 5, .layers = 2, .bidirectional = true, .dropout = 0.1});
  CHECK(two.y.shape() == Shape{7, 10});
  CHECK(two.h.shape() == Shape{10});
  CHECK(two.c.shape() == Shape{10});
  const Net net = b.finish(nn::linear(two.h, "out", {.out = 2}));
  for (const char* name : {"rnn.l0.w_ih", "rnn.l0.b_hh_reverse", "rnn.l1.w_hh_reverse", "rnn.l1.h"})
    CHECK_MESSAGE(has(net, name), name);
  CHECK(!has(net, "rnn.l1.c"));  // nobody reads it
  CHECK(std::ranges::count_if(net.graph.nodes,
                              [](const Node& node) { return node.op == &dropout_op; }) == 1);
  CHECK(weight_count(net.graph) == 2 * 20 * (3 + 5 + 2) + 2 * 20 * (10 + 5 + 2) + 2 * 11);

  NetBuilder one(rng);
  const nn::Sequence gru =
      nn::gru(one.input("x", {7, 3}), "rnn", {.hidden = 4, .dropout = 0.5, .bias = false});
  CHECK(gru.c.builder == nullptr);
  const Net small = one.finish(gru.y);  // dropout stands between layers only
  CHECK(weight_count(small.graph) == 12 * (3 + 4));
  CHECK(small.graph.nodes.size() == 5);
}

TEST_CASE("recurrent layers: fresh weights as PyTorch draws them, from text too") {
  Rng rng(2);
  NetBuilder b(rng);
  const nn::Sequence s = nn::rnn_relu(b.input("x", {4, 30}), "rnn", {.hidden = 16});
  const Net built = b.finish(s.h);
  const Net drawn = initialized(from_text(to_text(built.graph)), rng);
  for (const Net* net : {&built, &drawn})
    for (const char* name : {"rnn.l0.w_ih", "rnn.l0.w_hh", "rnn.l0.b_ih", "rnn.l0.b_hh"}) {
      INFO(name);
      float top = 0;
      double squares = 0;
      const auto values = net->value(name).read();
      for (float v : values) {
        top = std::max(top, std::abs(v));
        squares += double(v) * v;
      }
      CHECK(top <= 0.25f);
      CHECK(top > 0.2f);
      // A uniform value's deviation is its bound / sqrt 3.
      if (values.size() > 100)
        CHECK(std::sqrt(squares / double(values.size())) ==
              doctest::Approx(0.25 / std::sqrt(3.0)).epsilon(0.1));
    }
}

TEST_CASE("recurrent layers: misuse names the layer") {
  Rng rng(3);
  NetBuilder b(rng);
  const Var x = b.input("x", {7, 3}), map = b.input("map", {1, 7, 3});
  CHECK_THROWS_WITH_AS(nn::lstm(map, "rnn", {}), doctest::Contains("rnn (lstm): input is [1,7,3]"),
                       Error);
  CHECK_THROWS_WITH_AS(nn::gru(x, "rnn", {.hidden = 0}), doctest::Contains("rnn (gru): hidden 0"),
                       Error);
  CHECK_THROWS_WITH_AS(nn::rnn(x, "rnn", {.dropout = 1}), doctest::Contains("dropout 1"), Error);
}

TEST_CASE("recurrent layers: lengths choose the last valid state") {
  Rng rng(4);
  NetBuilder b(rng);
  const Var x = b.input("x", {4, 2}), lengths = b.input("lengths", {1}, DType::i32);
  const nn::Sequence s = nn::gru(x, "rnn", {.hidden = 3, .layers = 2, .lengths = lengths});
  const Net net = b.finish(s.h);
  Executor executor(net, {.batch = 2});
  Tensor values({2, 4, 2}), counts({2, 1}, DType::i32);
  for (float& v : values.write()) v = float(rng.normal());
  counts.write<int32_t>()[0] = 2;
  counts.write<int32_t>()[1] = 4;
  const auto run = [&] {
    executor.set_input(net.graph.at("x"), {values.shape(), DType::f32, values.raw_write()});
    executor.set_input(net.graph.at("lengths"), {counts.shape(), DType::i32, counts.raw_write()});
    executor.forward(2);
    return executor.output();
  };
  const Tensor before = run();
  for (size_t i = 4; i < 8; ++i) values.write()[i] = 100;  // behind the first sample's two steps
  CHECK(run() == before);
  for (size_t i = 12; i < 16; ++i) values.write()[i] = 100;  // of the second one all are valid
  CHECK(!(run() == before));
}

TEST_CASE("recurrent layers: each kind learns") {
  Data data{.name = "bumps", .train = bumps(256, 12, 1), .validation = bumps(100, 12, 2)};
  data.spec = {.shape = {12, 2}, .classes = 2, .dtype = DType::f32};
  for (const auto layer : {nn::lstm, nn::gru, nn::rnn, nn::rnn_relu})
    for (const Kernels* kernels : all_kernels()) {
      Rng rng(5);
      NetBuilder b(rng);
      const nn::Sequence s = layer(b.data_input(data.spec), "rnn", {.hidden = 8});
      const Net net = b.finish(nn::linear(s.h, "out", {.out = 2}));
      const Trained trained = train(net, data, Adam{.rate = 0.02f},
                                    {.epochs = 15, .batch = 32, .kernels = kernels}, rng);
      CHECK_MESSAGE(trained.validation_error <= 0.1, kernels->name, " ", trained.validation_error);
    }
}
