// What the tests of dynamic sparse training share: a loop of one's own, and what it leaves behind.
#pragma once
#include <map>

#include "nets.h"
#include "sparse/dynamic.h"
#include "sparse/masks.h"

namespace sparlet {

// A loop of one's own over a net of any kind: normal inputs, and outputs pulled towards 0.3.
class Loop {
 public:
  Loop(const Net& net, const Optimizer& optimizer, const sparse::DynamicOptions& options)
      : executor(net, {.batch = 8, .mode = Mode::train, .slots = rule_of(optimizer).slots()}),
        dynamic(executor, optimizer, options) {}
  void batch(int64_t seed) {
    const Id input = inputs(executor.net().graph)[0];
    Tensor x = normal(batched(8, executor.net().graph[input].type.shape), uint64_t(seed));
    executor.set_input(input, {x.shape(), x.dtype(), x.raw_write()});
    const View y = executor.forward(8);
    const View dy = executor.output_grad();
    for (int64_t i = 0; i < y.size(); ++i) dy.f32()[i] = (y.f32()[i] - 0.3f) / 8;
    executor.backward();
  }
  Executor executor;
  sparse::Dynamic dynamic;
};

// Masks, values and optimiser state of all weights.
struct Snapshot {
  std::map<std::string, std::vector<float>> mask, value, momentum;
  explicit Snapshot(const Executor& executor) {
    const Net net = executor.trained();
    for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
      const auto keep = [](const Tensor& t) {
        return std::vector<float>(t.read().begin(), t.read().end());
      };
      if (w.mask < 0) continue;
      mask[w.name] = keep(net.params[size_t(w.mask)]);
      value[w.name] = keep(net.params[size_t(w.param)]);
      if (executor.options().slots > 0) momentum[w.name] = keep(executor.slot(w.param, 0));
    }
  }
};

inline Net sparse_net(const Net& net, double sparsity, uint64_t seed) {
  Rng rng(seed);
  return sparse::random_mask(net, {.sparsity = sparsity, .distribution = sparse::erdos_renyi()},
                             rng);
}

inline sparse::DynamicOptions often(sparse::DynamicOptions o, int64_t every = 3) {
  o.updates.every = every;
  return o;
}

}  // namespace sparlet
