// Convolution and LSTM of the sparse measurements; see sparse_cases.h.
#include <fmt/core.h>

#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "sparse_cases.h"
#include "tensor/sparse.h"

using namespace sparlet;

namespace {

using Run = std::function<void()>;

Tensor normal(const Shape& shape, Rng& rng) {
  Tensor x(shape, DType::f32);
  for (float& v : x.write()) v = float(rng.normal());
  return x;
}

class NetMaker {
 public:
  explicit NetMaker(uint64_t seed) : rng_(seed) {}

  void input(const Shape& shape) {
    in_.push_back(net_.graph.add(input_op, "x", {}, {{"shape", attr(shape)}}));
  }
  void leaf(const OpDef& op, const Tensor& value) {
    Attrs attrs{{"shape", attr(value.shape())}};
    if (value.dtype() != DType::f32) attrs["dtype"] = std::string(name_of(value.dtype()));
    in_.push_back(net_.graph.add(op, fmt::format("in{}", in_.size()), {}, attrs));
    net_.params.resize(net_.graph.nodes.size());
    net_.params.back() = value;
  }
  // Dense where the sparsity (percent) is 0, else CSR with random places; sums stay of size 1.
  void weight(const Shape& shape, int sparsity) {
    const double fan = double(count(shape)) / double(shape[0]) * (1 - sparsity / 100.);
    Tensor w = normal(shape, rng_);
    for (float& v : w.write()) v = rng_.uniform() * 100 < sparsity ? 0 : v / float(std::sqrt(fan));
    if (sparsity == 0) return leaf(param_op, w);
    const SparseTensor sparse = to_sparse(SparseFormat::csr, w);
    leaf(param_op, sparse.values);
    for (const Tensor& index : sparse.index) leaf(constant_op, index);
  }
  void bias(int64_t size) { leaf(param_op, normal({size}, rng_)); }

  // Inference through the Executor.
  Run run(const OpDef& op, Attrs attrs, int64_t batch, const Kernels* kernels) {
    net_.graph.add(op, "layer", in_, std::move(attrs));
    net_.params.resize(net_.graph.nodes.size());
    auto executor =
        std::make_shared<Executor>(net_, ExecutorOptions{.batch = batch, .kernels = kernels});
    Tensor samples = normal(batched(batch, net_.graph[in_[0]].type.shape), rng_);
    executor->set_input(in_[0], {samples.shape(), samples.dtype(), samples.raw_write()});
    return [executor, batch] { executor->forward(batch); };
  }

 private:
  Rng rng_;
  Net net_;
  std::vector<Id> in_;
};

// On maps of 16 × 16, as wide after as before.
struct Layer {
  int64_t batch;
  int sparsity;
  const Kernels* kernels;
};

Run convolution(int64_t channels, int64_t kernel, const Layer& layer) {
  const auto [batch, sparsity, kernels] = layer;
  NetMaker maker(uint64_t(channels + batch + sparsity));
  maker.input({channels, 16, 16});
  maker.weight({channels, channels, kernel, kernel}, sparsity);
  maker.bias(channels);
  Attrs attrs{{"pad", double(kernel / 2)}};
  if (sparsity != 0) attrs["kernel"] = double(kernel);
  return maker.run(sparsity == 0 ? conv2d_op : conv2d_csr_op, attrs, batch, kernels);
}

Run lstm(int64_t in, int64_t hidden, int64_t steps, const Layer& layer) {
  const auto [batch, sparsity, kernels] = layer;
  NetMaker maker(uint64_t(hidden + batch + sparsity));
  maker.input({steps, in});
  maker.weight({4 * hidden, in}, sparsity);
  maker.weight({4 * hidden, hidden}, sparsity);
  maker.bias(4 * hidden);
  maker.bias(4 * hidden);
  return maker.run(sparsity == 0 ? lstm_op : lstm_csr_op, {}, batch, kernels);
}

}  // namespace

std::vector<SparseCase> sparse_layer_cases() {
  std::vector<SparseCase> cases;
  const auto add = [&](std::string_view name, int64_t batch, auto make) {
    const std::string group = fmt::format("{}/b{}", name, batch);
    for (int s : {0, 50, 70, 80, 90, 95, 98, 99}) {
      const Layer layer{batch, s, &default_kernels()};
      cases.push_back({group, fmt::format("s{}", s), [=] { return make(layer); }});
    }
    for (const Kernels* path : all_kernels())
      if (path->name == "onednn") {
        const Layer layer{batch, 0, path};
        cases.push_back({group, "onednn", [=] { return make(layer); }});
      }
  };
  for (int64_t b : {1, 32}) {
    add("sparse_conv/3x3_64_16", b, [](const Layer& l) { return convolution(64, 3, l); });
    add("sparse_conv/1x1_128_16", b, [](const Layer& l) { return convolution(128, 1, l); });
    add("sparse_lstm/i64h128t50", b, [](const Layer& l) { return lstm(64, 128, 50, l); });
  }
  return cases;
}
