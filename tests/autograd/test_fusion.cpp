// Nodes that an Executor runs as one give what they give one by one.
#include <doctest/doctest.h>

#include <cmath>

#include "test_nets.h"

using namespace sparlet;

namespace {

// The same net, with nodes run as one and one by one.
struct Both {
  Executor fused, single;

  Both(const Net& net, ExecutorOptions options)
      : fused(net, options), single(net, (options.fuse = false, options)) {}

  // There and, in training, back.
  void run(const Tensor& data, int64_t n) {
    for (Executor* e : {&fused, &single}) {
      const Id input = inputs(e->net().graph)[0];
      e->set_input(input, View{batched(n, e->net().graph[input].type.shape), DType::f32,
                               const_cast<std::byte*>(data.raw())});
      e->forward(n);
      if (e->options().mode == Mode::infer) continue;
      const View dy = e->output_grad();
      for (int64_t i = 0; i < dy.size(); ++i) dy.f32()[i] = float(i % 5) - 1.5f;
      e->backward();
    }
  }
  float difference() const { return testing::worst(fused.output(), single.output()); }
  void check_same_grads() const {
    const Graph& graph = fused.net().graph;
    for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
      if (graph[id].op != &param_op) continue;
      const View a = fused.grad(id), b = single.grad(id);
      CHECK_MESSAGE(std::equal(a.f32(), a.f32() + a.size(), b.f32()), graph[id].name);
    }
  }
  bool keeps(const char* name) const { return bool(fused.value(fused.net().graph.at(name))); }
};

}  // namespace

TEST_CASE("executor: a batch-norm with its relu is the two, bit for bit") {
  testing::Maker m(5);
  const auto norm = [&](const std::string& name, Id x, int64_t c) {
    Tensor ones(Shape{c});
    for (float& v : ones.write()) v = 1;
    x = m.op(
        batch_norm_op, name,
        {x, m.param(name + ".g", {c}), m.param(name + ".b", {c}),
         m.leaf(state_op, name + ".m", Tensor(Shape{c})), m.leaf(state_op, name + ".v", ones)});
    return m.op(relu_op, name + ".relu", {x});
  };
  Id x = m.op(conv2d_op, "c1", {m.input({2, 7, 6}), m.param("w1", {21, 2, 3, 3})});
  x = norm("n1", x, 21);  // a vector, some fours, one alone
  x = m.op(flatten_op, "flat", {x});
  x = m.op(linear_op, "f1", {x, m.param("w2", {6, 21 * 20})});
  x = norm("n2", x, 6);
  m.op(linear_op, "f2", {x, m.param("w3", {3, 6})});
  Rng rng(4);
  const Tensor data = testing::random({70, 2, 7, 6}, rng);
  for (const Kernels* kernels : all_kernels())
    for (const Mode mode : {Mode::train, Mode::infer}) {
      INFO(kernels->name);
      Both both(m.net, {.batch = 70, .mode = mode, .kernels = kernels});
      both.run(data, 70);
      CHECK(both.keeps("n1") == !kernels->fuses);
      // Without training the convolution takes both.
      CHECK(both.difference() <= (mode == Mode::train ? 0 : 1e-5f));
      if (mode == Mode::train) both.check_same_grads();
    }
}

TEST_CASE("executor: without training a convolution takes the batch-norm behind it") {
  Rng rng(8);
  const auto net = [&](uint64_t seed) {
    testing::Maker m(seed);
    int number = 0;
    const auto norm = [&](Id x, int64_t c) {
      const std::string name = "n" + std::to_string(number++);
      Tensor variance = testing::random({c}, rng);
      for (float& v : variance.write()) v = 0.3f + v * v;
      return m.op(batch_norm_op, name,
                  {x, m.param(name + ".g", {c}), m.param(name + ".b", {c}),
                   m.leaf(state_op, name + ".m", testing::random({c}, rng)),
                   m.leaf(state_op, name + ".v", variance)},
                  {{"epsilon", 1e-3}});
    };
    Id x = m.op(conv2d_op, "c1",
                {m.input({3, 12, 9}), m.param("w1", {16, 3, 3, 3}), m.param("b1", {16})});
    const Id skip = m.op(relu_op, "r1", {norm(x, 16)});
    x = m.op(conv2d_op, "c2", {skip, m.param("w2", {16, 16, 3, 3})}, {{"pad", 1.0}});
    x = m.op(relu_op, "r2", {m.op(add_op, "sum", {norm(x, 16), skip})});
    x = m.op(conv2d_op, "c3", {x, m.param("w3", {16, 1, 3, 3})}, {{"groups", 16.0}});
    x = m.op(max_pool_op, "p", {m.op(relu_op, "r3", {norm(x, 16)})}, {{"size", 2.0}});
    // Its value is wanted twice: not fused.
    x = m.op(conv2d_op, "c4", {x, m.param("w4", {7, 16, 1, 1})});
    x = m.op(add_op, "sum2", {x, norm(x, 7)});
    return m.net;
  };
  const Net first = net(5), second = net(6);
  const Tensor data = testing::random({6, 3, 12, 9}, rng);
  for (const Kernels* kernels : all_kernels()) {
    INFO(kernels->name);
    Both both(first, {.batch = 6, .kernels = kernels});
    CHECK(both.keeps("c1") == !kernels->fuses);
    CHECK(both.keeps("c4"));
    for (const Net* weights : {&first, &second, &first}) {
      both.fused.load(*weights);
      both.single.load(*weights);
      for (const int64_t n : {6, 2}) both.run(data, n);
      const Tensor wanted = both.single.output();
      float largest = 0;
      for (const float v : wanted.read()) largest = std::max(largest, std::abs(v));
      CHECK(both.difference() < 2e-6f * largest);
    }
  }
}

TEST_CASE("executor: a sum with its relu is the two, bit for bit") {
  testing::Maker m(5);
  const Id x = m.input({3, 5, 4});
  const auto conv = [&](const std::string& name, Id from) {
    return m.op(conv2d_op, name, {from, m.param(name + ".w", {3, 3, 3, 3})}, {{"pad", 1.0}});
  };
  const Id a = conv("a", x);
  const Id sum = m.op(relu_op, "r1", {m.op(add_op, "s1", {a, conv("b", a)})});
  const Id with_input = m.op(relu_op, "r2", {m.op(add_op, "s2", {x, sum})});
  m.op(relu_op, "r3", {m.op(add_op, "s3", {with_input, with_input})});
  Rng rng(4);
  const Tensor data = testing::random({5, 3, 5, 4}, rng);
  for (const Kernels* kernels : all_kernels())
    for (const Mode mode : {Mode::train, Mode::infer}) {
      INFO(kernels->name);
      Both both(m.net, {.batch = 5, .mode = mode, .kernels = kernels});
      both.run(data, 5);
      CHECK(both.keeps("s1") == !kernels->fuses);
      CHECK(both.difference() == 0);
      if (mode == Mode::train) both.check_same_grads();
    }
}

TEST_CASE("executor: fused nodes give the values and gradients of single ones") {
  testing::Maker m(3);
  Id x =
      m.op(conv2d_op, "c1", {m.input({3, 9, 8}), m.param("w1", {5, 3, 3, 3}), m.param("b1", {5})},
           {{"pad", 1.0}});
  x = m.op(max_pool_op, "p1", {m.op(relu_op, "r1", {x})}, {{"size", 3.0}, {"stride", 2.0}});
  x = m.op(conv2d_op, "c2", {x, m.param("w2", {5, 1, 3, 3})}, {{"pad", 1.0}, {"groups", 5.0}});
  x = m.op(relu_op, "r2", {m.op(max_pool_op, "p2", {x}, {{"size", 2.0}})});
  x = m.op(conv2d_op, "c3", {x, m.param("w3", {6, 5, 1, 1}), m.param("b3", {6})});
  x = m.op(flatten_op, "flat", {m.op(relu_op, "r3", {x})});
  const Id w = m.param("w4", {7, int64_t(count(m.net.graph[x].type.shape))});
  x = m.op(relu_op, "r4", {m.op(linear_op, "f1", {x, w, m.param("b4", {7})})});
  m.op(linear_op, "f2", {x, m.param("w5", {4, 7})});
  Rng rng(4);
  const Tensor data = testing::random({6, 3, 9, 8}, rng);
  for (const Kernels* kernels : all_kernels())
    for (const int64_t batch : {1, 6}) {
      INFO(kernels->name);
      Both both(m.net, {.batch = batch, .mode = Mode::train, .kernels = kernels});
      both.run(data, batch);
      CHECK(both.difference() < 1e-6f);
      CHECK(both.keeps("c1") == !kernels->fuses);
      for (const char* name : {"w1", "b1", "w2", "w3", "b3", "w4", "b4", "w5"}) {
        const Id id = m.net.graph.at(name);
        const View a = both.fused.grad(id), b = both.single.grad(id);
        float worst = 0;
        for (int64_t i = 0; i < a.size(); ++i)
          worst = std::max(worst, std::abs(a.f32()[i] - b.f32()[i]));
        CHECK_MESSAGE(worst < 1e-4f, name);
      }
      Executor infer(m.net, {.batch = batch, .kernels = kernels});
      infer.set_input(
          0, View{batched(batch, Shape{3, 9, 8}), DType::f32, const_cast<std::byte*>(data.raw())});
      infer.forward(batch);
      CHECK(testing::worst(infer.output(), both.single.output()) < 1e-5f);
    }
}
