#include "sparse_cases.h"

#include <fmt/core.h>

#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "nn/layers.h"
#include "nn/train.h"
#include "sparse/convert.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/sparse.h"
#include "tensor/kernels/sparse_choice.h"
#include "tensor/sparse.h"

using namespace sparlet;

namespace {

using Run = std::function<void()>;

Tensor normal(const Shape& shape, Rng& rng) {
  Tensor x(shape, DType::f32);
  for (float& v : x.write()) v = float(rng.normal());
  return x;
}

// A dense weight of which each element is zero with this probability; sums stay of size 1.
Tensor random_weight(int64_t out, int64_t in, int sparsity, Rng& rng) {
  const float size = float(1 / std::sqrt(double(in) * (1 - sparsity / 100.)));
  Tensor w = normal({out, in}, rng);
  for (float& v : w.write()) v = rng.uniform() * 100 < sparsity ? 0 : v * size;
  return w;
}

// --- spmm

Run dense_product(const Kernels& kernels, int64_t n, int64_t batch) {
  Rng rng(uint64_t(n + batch));
  struct State {
    std::shared_ptr<LinearKernel> kernel;
    Tensor w, x, y;
  };
  auto s = std::make_shared<State>(State{kernels.linear({.in = n, .out = n}, {.batch = batch}),
                                         random_weight(n, n, 0, rng), normal({batch, n}, rng),
                                         Tensor({batch, n}, DType::f32)});
  return [s, batch] {
    s->kernel->forward(batch, s->x.read().data(), s->w.read().data(), nullptr, s->y.write().data());
  };
}

Run sparse_product(SparseFormat format, int64_t n, int64_t batch, int sparsity, Rng& rng) {
  struct State {
    std::shared_ptr<SparseKernel> kernel;
    Tensor values, x, y;
  };
  const SparseTensor weight = to_sparse(format, random_weight(n, n, sparsity, rng));
  auto s = std::make_shared<State>(
      State{default_kernels().sparse(pattern_of(weight), {.batch = batch}), weight.values,
            normal({n, batch}, rng), Tensor({n, batch}, DType::f32)});
  return [s, batch] {
    s->kernel->forward_columns(batch, s->x.read().data(), s->values.read().data(), nullptr,
                               s->y.write().data());
  };
}

Run spmm(std::string_view format, int64_t n, int64_t batch, int sparsity) {
  Rng rng(uint64_t(n + batch + sparsity));
  const bool dense =
      sparsity == 0 || (format == "auto" && !sparse_pays(n, n, 1 - sparsity / 100., batch));
  if (dense) return dense_product(default_kernels(), n, batch);
  return sparse_product(format == "coo" ? SparseFormat::coo : SparseFormat::csr, n, batch, sparsity,
                        rng);
}

// --- nets

Id add_leaf(Net& net, const std::string& name, const Tensor& value) {
  const Id id = net.graph.add(param_op, name, {}, {{"shape", attr(value.shape())}});
  net.params.resize(net.graph.nodes.size());
  net.params[size_t(id)] = value;
  return id;
}

// Linear layers with relu between them, converted to CSR where they are sparse.
Net mlp(int64_t in, std::initializer_list<int64_t> widths, int sparsity, Rng& rng) {
  Net net;
  Id x = net.graph.add(input_op, "x", {}, {{"shape", attr({in})}});
  for (int64_t out : widths) {
    const std::string name = fmt::format("f{}", net.graph.nodes.size());
    if (net.graph.nodes.size() > 1) x = net.graph.add(find_op("relu"), name + ".relu", {x});
    const Tensor weight = random_weight(out, net.graph[x].type.shape[0], sparsity, rng);
    const Id w = add_leaf(net, name + ".w", weight);
    const Id b = add_leaf(net, name + ".b", normal({out}, rng));
    x = net.graph.add(find_op("linear"), name, {x, w, b});
  }
  net.params.resize(net.graph.nodes.size());
  return sparsity == 0 ? net : sparse::convert(net, sparse::Format::csr);
}

std::shared_ptr<Executor> loaded(const Net& net, const ExecutorOptions& options, Rng& rng) {
  auto executor = std::make_shared<Executor>(net, options);
  const Id x = net.graph.at("x");
  Tensor samples = normal({options.batch, net.graph[x].type.shape[0]}, rng);
  executor->set_input(x, {samples.shape(), samples.dtype(), samples.raw_write()});
  return executor;
}

Run sparse_linear(int64_t n, int64_t batch, int sparsity) {
  Rng rng(uint64_t(n + batch + sparsity));
  auto executor = loaded(mlp(n, {n}, sparsity, rng), {.batch = batch}, rng);
  return [executor, batch] { executor->forward(batch); };
}

Run train_step(int64_t batch, int sparsity) {
  Rng rng(uint64_t(batch + sparsity));
  auto executor = loaded(mlp(784, {300, 100, 10}, sparsity, rng),
                         {.batch = batch, .mode = Mode::train, .slots = 2}, rng);
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back(int32_t(i % 10));
  return [executor, batch, labels, rule = rule_of(Adam{}), step = int64_t(0)]() mutable {
    const View y = executor->forward(batch);
    cross_entropy(y, labels, {}, executor->output_grad());
    executor->backward();
    // Rate 0: with the weights the gradients stay as they are, far from denormal numbers.
    executor->step(rule, 0, ++step);
  };
}

}  // namespace

std::vector<SparseCase> sparse_cases() {
  std::vector<SparseCase> cases;
  const auto add = [&](const std::string& group, std::initializer_list<int> sparsities,
                       std::function<Run(int)> make) {
    for (int s : sparsities)
      cases.push_back({group, fmt::format("s{}", s), [make, s] { return make(s); }});
  };
  const auto all = {0, 50, 70, 80, 90, 95, 98, 99};
  for (const char* format : {"auto", "csr", "coo"})
    for (int64_t n : {512, 1024, 4096})
      for (int64_t b : {1, 8, 64}) {
        const std::string group = fmt::format("spmm/{}/n{}/b{}", format, n, b);
        add(group, all, [=](int s) { return spmm(format, n, b, s); });
        for (const Kernels* path : all_kernels())
          if (path->name == "onednn")
            cases.push_back({group, "onednn", [=] { return dense_product(*path, n, b); }});
      }
  for (int64_t b : {1, 8, 64})
    add(fmt::format("sparse_linear/n1024/b{}", b), all,
        [=](int s) { return sparse_linear(1024, b, s); });
  add("sparse_train_step/mlp/b32", {0, 90, 95, 98, 99}, [](int s) { return train_step(32, s); });
  for (SparseCase& one : sparse_layer_cases()) cases.push_back(std::move(one));
  return cases;
}
