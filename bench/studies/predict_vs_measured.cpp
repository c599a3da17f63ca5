// cost::predict against cost::measure: small random chain CNNs, trained for one epoch of the
// built-in digits with gradual pruning to 0 .. 90 %, then folded, quantised and measured.
//   predict_vs_measured [nets=200] [seed=1] [training samples=1500]
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>

#include "cost/cost.h"
#include "data/load.h"
#include "nn/layers.h"
#include "sparse/prune.h"

using namespace sparlet;

namespace {

Net random_chain(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = b.data_input(spec);
  const int64_t layers = 1 + rng.below(4);
  for (int64_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("l{}", i);
    const int64_t kernel = rng.below(2) == 0 ? 3 : 5, filters = 4 + rng.below(29);
    const bool separable = i > 0 && rng.below(3) == 0;
    if (separable)
      x = nn::depthwise(x, name + ".dw", {.kernel = kernel, .pad = kernel / 2, .bias = false});
    x = nn::conv2d(x, name,
                   {.out = filters,
                    .kernel = separable ? 1 : kernel,
                    .stride = 1 + rng.below(2),
                    .pad = separable ? 0 : kernel / 2,
                    .bias = false});
    x = nn::relu(nn::batch_norm(x, name + ".bn"));
    if (x.shape()[1] >= 8 && rng.below(2) == 0) x = nn::max_pool(x);
  }
  x = rng.below(2) == 0 || count(x.shape()) > 2000 ? nn::global_avg_pool(x) : nn::flatten(x);
  if (rng.below(2) == 0) x = nn::relu(nn::linear(x, "fc", {.out = 8 + rng.below(57)}));
  return b.finish(nn::linear(x, "out", {.out = spec.classes}));
}

struct Worst {
  double largest = 0, sum = 0;
  int beyond = 0, count = 0;
  void add(double error) {
    largest = std::max(largest, error);
    sum += error;
    beyond += error > 0.02;
    ++count;
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int nets = argc > 1 ? std::atoi(argv[1]) : 200;
  const uint64_t seed = argc > 2 ? uint64_t(std::atoll(argv[2])) : 1;
  const int64_t samples = argc > 3 ? std::atoll(argv[3]) : 1500;
  const Data data = load_data({.train = samples, .validation = 200, .test = 10});
  Worst size;
  int memory_wrong = 0, macs_wrong = 0;
  fmt::print("{:>4} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}\n", "net", "sparsity", "predicted",
             "measured", "error %", "memory", "measured");
  for (int i = 0; i < nets; ++i) {
    Rng rng(mix(seed, uint64_t(i)));
    const Net fresh = random_chain(data.spec, rng);
    const double sparsity = i % 5 == 0 ? 0 : 0.9 * rng.uniform();
    const cost::Cost predicted = cost::predict(fresh, sparsity);
    const int64_t steps = samples / 32;
    TrainOptions options{.epochs = 1, .batch = 32};
    if (sparsity > 0) {
      options.hooks = {
          sparse::gradual({.target = sparsity, .begin = 0, .end = steps * 3 / 4, .every = 8})};
      options.checkpoint_from_step = steps * 3 / 4;
    }
    const float rate = float(std::pow(10.0, rng.uniform(-3.3, -1.7)));
    const Trained trained = train(fresh, data, Adam{.rate = rate}, options, rng);
    const Net folded = quant::fold_norms(trained.net);
    const cost::Cost measured =
        cost::measure(quant::to_int8(folded, quant::observe(folded, data.train.take(256))));
    const double error = double(predicted.size - measured.size) / double(measured.size);
    size.add(std::abs(error));
    memory_wrong += predicted.memory != measured.memory;
    macs_wrong += predicted.macs != measured.macs;
    fmt::print("{:>4} {:>9.3f} {:>9} {:>8} {:>8.2f} {:>8} {:>8}\n", i, sparsity, predicted.size,
               measured.size, 100 * error, predicted.memory, measured.memory);
  }
  fmt::print(
      "{} nets: size error mean {:.3f} %, largest {:.3f} %, {} beyond 2 %; memory wrong {}, MACs "
      "wrong {}\n",
      size.count, 100 * size.sum / size.count, 100 * size.largest, size.beyond, memory_wrong,
      macs_wrong);
  return size.beyond + memory_wrong + macs_wrong > 0;
}
