// ExecutorOptions::release: weights that the kernels have packed are given back.
#include <doctest/doctest.h>

#include <algorithm>

#include "test_nets.h"

using namespace sparlet;

namespace {

// Convolution, dense and sparse linear layers of all forms, and a weight that two nodes read.
Net net_of(int64_t in, int64_t out) {
  testing::Maker m(5);
  Id x = m.op(conv2d_op, "conv", {m.input({3, 6, 6}), m.param("cw", {4, 3, 3, 3})});
  x = m.op(flatten_op, "flat", {m.op(relu_op, "relu", {x})});
  x = m.op(linear_op, "wide", {x, m.param("ww", {in, 64}), m.param("wb", {in})});
  const Id shared = m.param("shared", {in, in});
  x = m.op(linear_op, "first", {x, shared});
  x = m.op(linear_op, "second", {x, shared});
  std::vector<int32_t> columns, begin{0};
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = o % 3; i < in; i += 3) columns.push_back(int32_t(i));
    begin.push_back(int32_t(columns.size()));
  }
  const auto index = [&](std::string name, const std::vector<int32_t>& values) {
    Tensor tensor(Shape{int64_t(values.size())}, DType::i32);
    std::ranges::copy(values, tensor.write<int32_t>().begin());
    const Id id = m.op(constant_op, std::move(name), {},
                       {{"shape", attr(tensor.shape())}, {"dtype", std::string("i32")}});
    m.net.params[size_t(id)] = std::move(tensor);
    return id;
  };
  const Id values = m.param("values", {int64_t(columns.size())});
  m.op(linear_csr_op, "sparse", {x, values, index("columns", columns), index("rows", begin)});
  return m.net;
}

Tensor forward(Executor& executor, Tensor x) {
  executor.set_input(executor.net().graph.at("x"), {x.shape(), x.dtype(), x.raw_write()});
  executor.forward(x.shape()[0]);
  return executor.output();
}

int64_t bytes_of(const Net& net) {
  int64_t bytes = 0;
  for (const Tensor& tensor : net.params) bytes += tensor.bytes();
  return bytes;
}

}  // namespace

TEST_CASE("release: the same outputs again and again, and after load") {
  Rng rng(6);
  for (const Kernels* kernels : all_kernels())
    for (const int64_t batch : {1, 3, 40})
      for (const int64_t in : {20, 600}) {
        CAPTURE(kernels->name);
        CAPTURE(batch);
        CAPTURE(in);
        const Net net = net_of(in, in / 2);
        const Tensor x = testing::random({batch, 3, 6, 6}, rng);
        Executor kept(net, {.batch = batch, .kernels = kernels});
        Executor released(net, {.batch = batch, .kernels = kernels, .release = true});
        const Tensor wanted = forward(kept, x);
        for (int run = 0; run < 3; ++run) CHECK(forward(released, x) == wanted);
        CHECK(bytes_of(kept.net()) == bytes_of(net));
        // At the least the sparse layer's indices.
        CHECK(bytes_of(released.net()) <= bytes_of(net) - 4 * (in / 2) * (in / 3));

        Net other = net;
        for (size_t id = 0; id < other.params.size(); ++id)
          if (other.graph[Id(id)].op == &param_op)
            for (float& v : other.params[id].write()) v *= 1.5f;
        kept.load(other);
        released.load(other);
        const Tensor then = forward(kept, x);
        CHECK(!(then == wanted));
        for (int run = 0; run < 2; ++run) CHECK(forward(released, x) == then);
      }
}

TEST_CASE("release: a training executor keeps what it trains") {
  Rng rng(7);
  const Net net = net_of(20, 10);
  Executor executor(net, {.batch = 2, .mode = Mode::train, .release = true});
  forward(executor, testing::random({2, 3, 6, 6}, rng));
  CHECK(bytes_of(executor.trained()) == bytes_of(net));
}
