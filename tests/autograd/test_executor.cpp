// The Executor: one arena, no allocation between steps, the same answers whatever the batch or
// path.
#include <doctest/doctest.h>

#include <cmath>

#include "../allocations.h"
#include "tensor/error.h"
#include "test_nets.h"

using namespace sparlet;

namespace {

View view(Tensor& t) { return {t.shape(), t.dtype(), t.raw_write()}; }

Tensor forward(const Net& net, Tensor x, Mode mode, const Kernels* kernels = nullptr) {
  Executor executor(net, {.batch = x.shape()[0], .mode = mode, .kernels = kernels});
  executor.set_input(net.graph.at("x"), view(x));
  executor.forward(x.shape()[0]);
  return executor.output();
}

}  // namespace

TEST_CASE("executor: the planned arena gives the same outputs as keeping everything") {
  Rng rng(2);
  for (bool masked : {false, true}) {
    const Net net = testing::cnn(4, masked);
    const Tensor x = testing::random({3, 1, 8, 8}, rng);
    for (const Kernels* kernels : all_kernels())
      CHECK(testing::worst(forward(net, x, Mode::infer, kernels),
                           forward(net, x, Mode::train, kernels)) < 1e-6f);
  }
}

TEST_CASE("executor: the arena is the plan") {
  const Net net = testing::small_cnn(1);
  for (int64_t batch : {1, 5})
    for (int64_t align : {4, 64}) {
      Executor executor(net,
                        {.batch = batch, .kernels = &find_kernels("portable"), .align = align});
      CHECK(executor.arena_bytes() ==
            plan_memory(net.graph, {.batch = batch, .align = align}).size);
    }
}

TEST_CASE("executor: flatten keeps CHW order whatever the memory order") {
  testing::Maker m(1);
  Id x = m.input({3, 2, 2});
  m.op(flatten_op, "flat", {x});
  Rng rng(1);
  const Tensor data = testing::random({2, 3, 2, 2}, rng);
  CHECK(forward(m.net, data, Mode::infer).reshaped(data.shape()) == data);

  Tensor pick({1, 12});  // a linear layer that picks element (c=2, h=0, w=1)
  pick.write()[2 * 4 + 1] = 1;
  const Id w = m.leaf(param_op, "w", pick);
  m.op(linear_op, "y", {m.net.graph.at("flat"), w});
  const Tensor y = forward(m.net, data, Mode::infer);
  CHECK(y.read()[0] == data.read()[9]);
  CHECK(y.read()[1] == data.read()[12 + 9]);
}

TEST_CASE("executor: what comes before the first param shares memory in training too") {
  testing::Maker m(7);
  const Id x = m.input({2, 3, 2});
  const Id centred = m.op(sub_op, "centred", {x, m.leaf(constant_op, "mean", Tensor({1}))});
  const Id scale = m.leaf(constant_op, "scale", testing::random({1}, m.rng));
  const Id scaled = m.op(mul_op, "scaled", {centred, scale});
  const Id flat = m.op(flatten_op, "flat", {scaled});
  const Id twice = m.op(add_op, "twice", {flat, m.op(relu_op, "relu", {flat})});
  const Id w = m.param("w", {3, 12});
  m.op(linear_op, "y", {twice, w});
  m.net.params[size_t(m.net.graph.at("mean"))].write()[0] = 0.25f;
  const float factor = m.net.params[size_t(scale)].read()[0];
  Rng rng(8);
  Tensor data = testing::random({4, 2, 3, 2}, rng);
  Executor executor(m.net, {.batch = 4, .mode = Mode::train});
  const auto& at = executor.plan().offset;
  CHECK(at[size_t(scaled)] == at[size_t(centred)]);
  CHECK(at[size_t(flat)] == at[size_t(centred)]);
  CHECK(at[size_t(m.net.graph.at("relu"))] != at[size_t(flat)]);  // flat has another reader
  CHECK(at[size_t(centred)] != at[size_t(x)]);
  executor.set_input(x, view(data));
  for (int run = 0; run < 2; ++run) {  // the input is still there
    executor.forward(4);
    CHECK(testing::worst(executor.output(), forward(m.net, data, Mode::infer)) < 1e-6f);
    const View dy = executor.output_grad();
    for (int64_t i = 0; i < dy.size(); ++i) dy.f32()[i] = float(i % 5) - 2;
    executor.backward();
    for (int64_t o = 0; o < 3; ++o)
      for (int64_t i = 0; i < 12; ++i) {
        double sum = 0;
        for (int64_t s = 0; s < 4; ++s) {
          const double v = (double(data.read()[size_t(s * 12 + i)]) - 0.25) * double(factor);
          sum += double((s * 3 + o) % 5 - 2) * (v + std::max(v, 0.0));
        }
        CHECK(executor.grad(w).f32()[o * 12 + i] == doctest::Approx(sum).epsilon(1e-4));
      }
  }
}

TEST_CASE("executor: gradients of shared values add up") {
  testing::Maker m(1);
  const Id x = m.input({2});
  const Id w = m.leaf(param_op, "w", Tensor({2, 2}, {1, 0, 0, 1}));
  const Id h = m.op(linear_op, "h", {x, w});
  const Id twice = m.op(add_op, "twice", {h, h});
  const Id thrice = m.op(add_op, "thrice", {twice, h});
  m.op(linear_op, "y", {thrice, w});
  Executor executor(m.net, {.batch = 1, .mode = Mode::train});
  Tensor data({1, 2}, {1, 2});
  executor.set_input(x, view(data));
  executor.forward(1);
  CHECK(executor.output() == Tensor({1, 2}, {3, 6}));
  View dy = executor.output_grad();
  dy.f32()[0] = 1, dy.f32()[1] = 0;
  executor.backward();
  // y0 = w00 (3 h0) + w01 (3 h1), h = w x: dy0/dw00 = 3 h0 + 3 x0 w00 = 6; dw01 = 3 h1 + 3 x1 w00 =
  // 12; dw10, dw11 = 3 w01 x = 0.
  const View dw = executor.grad(w);
  CHECK(dw.f32()[0] == doctest::Approx(6));
  CHECK(dw.f32()[1] == doctest::Approx(12));
  CHECK(dw.f32()[2] == doctest::Approx(0));
  CHECK(dw.f32()[3] == doctest::Approx(0));
}

TEST_CASE("executor: nothing is allocated between steps") {
  Rng rng(2);
  for (const Kernels* kernels : all_kernels()) {
    for (const Net& net : {testing::masked_cnn(1), testing::recurrent(1)}) {
      CAPTURE(std::string(kernels->name));
      const UpdateRule rule{.kind = UpdateRule::Kind::adam};
      Executor executor(
          net, {.batch = 4, .mode = Mode::train, .kernels = kernels, .slots = rule.slots()});
      Tensor x = testing::random(batched(4, net.graph[net.graph.at("x")].type.shape), rng);
      const View samples = view(x);
      auto step = [&](int64_t t) {
        executor.set_input(net.graph.at("x"), samples);
        executor.forward(4);
        for (float& g : executor.output_grad().span<float>()) g = 0.1f;
        executor.backward();
        executor.step(rule, 1e-3f, t);
      };
      step(1), step(2);
      const int64_t before = testing::start_counting();
      delete new int64_t(before);
      REQUIRE(testing::allocations() == before + 1);  // the counter counts
      for (int64_t t = 3; t < 8; ++t) step(t);
      CHECK(testing::stop_counting() == before + 1);
    }
  }
}

TEST_CASE("executor: a batch that no machine holds is refused before any memory is asked for") {
  for (const Mode mode : {Mode::infer, Mode::train})
    CHECK_THROWS_WITH_AS(Executor(testing::small_cnn(1), {.batch = int64_t(1) << 40, .mode = mode}),
                         doctest::Contains("x (input): [1,8,8] for each of 1099511627776 samples"),
                         Error);
}

TEST_CASE("executor: f32 samples given to an int8 input are quantised by its scale and zero") {
  Net net;
  net.graph.add(
      input_op, "x", {},
      {{"shape", attr({9})}, {"dtype", std::string("i8")}, {"scale", 0.5}, {"zero", double(-3)}});
  net.params.resize(1);
  const float nan = std::nanf("");
  Tensor x({1, 9}, std::vector<float>{0, 0.5f, -0.5f, 0.25f, -0.25f, 1e30f, -1e30f, 65, nan});
  Executor executor(net, {});
  executor.set_input(0, view(x));
  executor.forward(1);
  const std::vector<int> wanted = {-3, -2, -4, -2, -4, 127, -128, 127, -128};
  const Tensor output = executor.output();
  const auto found = output.read<int8_t>();
  CHECK(std::vector<int>(found.begin(), found.end()) == wanted);
}

TEST_CASE("executor: trained() is a snapshot, and the given net is never touched") {
  Rng rng(2);
  const Net net = testing::small_cnn(1);
  const uint64_t before = hash(net);
  Executor executor(net, {.batch = 2, .mode = Mode::train});
  Tensor x = testing::random({2, 1, 8, 8}, rng);
  auto step = [&] {
    executor.set_input(net.graph.at("x"), view(x));
    executor.forward(2);
    for (float& g : executor.output_grad().span<float>()) g = 1;
    executor.backward();
    executor.step({}, 0.1f, 1);
  };
  CHECK(hash(executor.trained()) == before);  // in and out of memory order
  step();
  const Net snapshot = executor.trained();
  const uint64_t then = hash(snapshot);
  CHECK(then != before);
  step();
  CHECK(hash(snapshot) == then);
  CHECK(hash(net) == before);
  executor.load(net);
  CHECK(hash(executor.trained()) == before);
}

TEST_CASE("executor: load replaces what infer mode had folded and packed") {
  Rng rng(7);
  const Net a = testing::masked_cnn(1), b = testing::masked_cnn(2);
  Tensor x = testing::random({2, 1, 8, 8}, rng);
  for (const Kernels* kernels : all_kernels()) {
    Executor executor(a, {.batch = 2, .kernels = kernels});
    executor.set_input(a.graph.at("x"), view(x));
    executor.forward(2);
    executor.load(b);
    executor.set_input(a.graph.at("x"), view(x));
    executor.forward(2);
    CHECK(testing::worst(executor.output(), forward(b, x, Mode::infer, kernels)) == 0);
  }
}

TEST_CASE("executor: optimiser slots and weight gradients are in plain order") {
  Rng rng(2);
  const Net net = testing::masked_cnn(1);
  Executor executor(net, {.batch = 2, .mode = Mode::train, .slots = 2});
  const Id w = net.graph.at("fc.w");
  const Tensor mark = testing::random({5, 48}, rng);
  executor.set_slot(w, 1, mark);
  CHECK(executor.slot(w, 1) == mark);
  Tensor x = testing::random({2, 1, 8, 8}, rng);
  executor.set_input(net.graph.at("x"), view(x));
  executor.forward(2);
  for (float& g : executor.output_grad().span<float>()) g = 1;
  executor.backward();
  const Tensor all = executor.dense_weight_grad(net.graph.at("fc"), 0, 5);
  const Tensor rows = executor.dense_weight_grad(net.graph.at("fc"), 2, 4);
  for (int64_t i = 0; i < 96; ++i) CHECK(rows.read()[size_t(i)] == all.read()[size_t(96 + i)]);
  // The gradient that masked weights would have is there too.
  const Tensor dense = executor.dense_weight_grad(net.graph.at("c1"), 0, 3);
  const Tensor& mask = net.value("c1.w.mask");
  bool any = false;
  for (int64_t i = 0; i < mask.size(); ++i)
    any = any || (mask.read()[size_t(i)] == 0 && dense.read()[size_t(i)] != 0);
  CHECK(any);
}

TEST_CASE("executor: a gradient that the update computes in passing gives the same bits") {
  testing::Maker m(5);
  Id x =
      m.op(relu_op, "r1",
           {m.op(linear_op, "f1", {m.input({37}), m.param("w1", {21, 37}), m.param("b1", {21})})});
  x = m.op(linear_op, "f2", {x, m.param("w2", {19, 21})});
  m.op(linear_op, "f3", {x, m.param("w3", {3, 19}), m.param("b3", {3})});
  using Rule = UpdateRule;
  for (const Kernels* kernels : all_kernels())
    for (const Rule::Kind kind : {Rule::Kind::adam, Rule::Kind::adamw, Rule::Kind::sgd}) {
      INFO(kernels->name);
      const Rule rule{.kind = kind, .weight_decay = 0.01f};
      Rng rng(6);
      Executor passing(m.net, {.batch = 3, .mode = Mode::train, .kernels = kernels, .slots = 2});
      Executor asked(m.net, {.batch = 3, .mode = Mode::train, .kernels = kernels, .slots = 2});
      for (const int64_t n : {3, 1, 2}) {
        Tensor data = testing::random({n, 37}, rng);
        for (Executor* e : {&passing, &asked}) {
          e->set_input(0, view(data));
          e->forward(n);
          for (float& g : e->output_grad().span<float>()) g = float(n) - 1.7f;
          e->backward();
        }
        for (const char* name : {"w1", "b1", "w2", "w3", "b3"}) asked.grad(m.net.graph.at(name));
        passing.step(rule, 0.01f, 4 - n);
        asked.step(rule, 0.01f, 4 - n);
        const View late = passing.grad(m.net.graph.at("w2")), a = asked.grad(m.net.graph.at("w2"));
        CHECK(std::equal(late.f32(), late.f32() + late.size(), a.f32()));
        CHECK(hash(passing.trained()) == hash(asked.trained()));
      }
    }
}

TEST_CASE("executor: misuse is told by name") {
  const Net net = testing::small_cnn(1);
  Executor executor(net, {.batch = 2});
  Tensor wrong({2, 1, 8, 7}), many({3, 1, 8, 8}), bytes({2, 1, 8, 8}, DType::i8);
  CHECK_THROWS_WITH_AS(executor.set_input(0, view(wrong)), doctest::Contains("x: wants"), Error);
  CHECK_THROWS_WITH_AS(executor.set_input(0, view(many)), doctest::Contains("at most 2"), Error);
  CHECK_THROWS_WITH_AS(executor.set_input(0, view(bytes)), doctest::Contains("wants f32"), Error);
  CHECK_THROWS_AS(executor.forward(3), Error);
  CHECK_THROWS_AS(executor.backward(), Error);
  Net hollow = net;
  hollow.params[size_t(net.graph.at("c2.w"))] = Tensor();
  CHECK_THROWS_WITH_AS(Executor(hollow, {}), doctest::Contains("c2.w (param)"), Error);
}
