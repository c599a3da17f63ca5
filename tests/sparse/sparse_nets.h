// Nets, and what they are compared by, for the tests of sparse layers.
#pragma once
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "nn/layers.h"
#include "sparse/convert.h"
#include "sparse/prune.h"

namespace sparlet {

inline constexpr sparse::Format kForms[] = {sparse::Format::dense, sparse::Format::masked,
                                            sparse::Format::coo, sparse::Format::csr};

// conv -> flatten (a map that is permuted) -> linear -> linear without bias.
inline Net flat_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {2, 5, 4}), "c1", {.out = 3, .pad = 1}));
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 19}));
  return b.finish(nn::linear(x, "f2", {.out = 4, .bias = false}));
}

// A strided convolution, a depthwise one, one of 1 × 1, and linear.
inline Net conv_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {2, 9, 8}), "c1", {.out = 6, .stride = 2, .pad = 1}));
  x = nn::relu(nn::depthwise(x, "dw", {.kernel = 3, .pad = 1}));
  x = nn::conv2d(x, "c2", {.out = 5, .kernel = 1, .bias = false});
  return b.finish(nn::linear(nn::flatten(x), "fc", {.out = 3}));
}

inline Tensor random_samples(const Net& net, int64_t n, uint64_t seed) {
  Rng rng(seed);
  Tensor x(batched(n, net.graph[inputs(net.graph)[0]].type.shape));
  for (float& v : x.write()) v = float(rng.normal());
  return x;
}

// Outputs, and gradients of all params by name, for one draw of dLoss/dOutput.
struct Results {
  Tensor y;
  std::map<std::string, Tensor> gradients;
};
inline Results results(const Net& net, const Tensor& x, const Kernels* kernels) {
  Executor executor(net, {.batch = x.shape()[0], .mode = Mode::train, .kernels = kernels});
  Tensor copy = x;
  executor.set_input(inputs(net.graph)[0], {x.shape(), x.dtype(), copy.raw_write()});
  executor.forward(x.shape()[0]);
  Rng rng(17);
  const View dy = executor.output_grad();
  for (float& v : dy.span<float>()) v = float(rng.normal());
  executor.backward();
  Results all{executor.output(), {}};
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    if (node.op != &param_op) continue;
    Tensor gradient(node.type.shape);
    to_plain(choose_layouts(net.graph)[size_t(id)], node.type, 1, executor.grad(id).data,
             gradient.raw_write());
    all.gradients[node.name] = gradient;
  }
  return all;
}

// A weight's gradient as a dense tensor, zeros where nothing is.
inline Tensor dense_gradient(const Net& net, const sparse::Weight& weight, const Tensor& gradient) {
  if (!weight.format) return gradient;
  SparseTensor sparse = sparse::sparse_tensor(net, weight);
  sparse.values = gradient;
  return to_dense(sparse);
}

inline double apart(const Tensor& a, const Tensor& b) {
  double worst = 0, top = 1;
  REQUIRE(a.shape() == b.shape());
  for (size_t i = 0; i < size_t(a.size()); ++i) {
    worst = std::fmax(worst, std::abs(double(a.read()[i]) - b.read()[i]));
    top = std::fmax(top, std::abs(double(b.read()[i])));
  }
  return worst / top;
}

}  // namespace sparlet
