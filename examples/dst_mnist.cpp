// A residual net of 1,600,000 weights that never has more than 1 % of them: RigL on the built-in
// digits, or on MNIST (dst_mnist FOLDER [epochs]). Then its last two epochs once more, from the
// stored checkpoint, as if training had stopped there. All convolutions and the last layer count,
// biases and batch-norms do not.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "data/load.h"
#include "nn/checkpoint.h"
#include "nn/layers.h"
#include "sparse/convert.h"
#include "sparse/dynamic.h"
#include "sparse/masks.h"
#include "sparse/report.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

Var normed(Var x, const std::string& name, const nn::Conv2d& options) {
  nn::Conv2d conv = options;
  conv.bias = false;
  return nn::batch_norm(nn::conv2d(x, name, conv), name + ".bn");
}

// Two convolutions beside a short cut, half the map's side.
Var block(Var x, const std::string& name, int64_t out) {
  Var y = nn::relu(normed(x, name + ".c1", {.out = out, .stride = 2, .pad = 1}));
  y = normed(y, name + ".c2", {.out = out, .pad = 1});
  return nn::relu(nn::add(y, normed(x, name + ".cut", {.out = out, .kernel = 1, .stride = 2})));
}

Net residual(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = nn::conv2d(b.data_input(spec), "stem", {.out = 16, .pad = 1, .bias = false});
  x = nn::relu(nn::batch_norm(nn::max_pool(x), "stem.bn"));
  x = block(block(x, "b1", 64), "b2", 384);
  return b.finish(nn::linear(nn::global_avg_pool(x), "fc", {.out = spec.classes}));
}

bool print(const EpochReport& e) {
  fmt::print("epoch {}  loss {:.4f}  validation {:.2f} %  {:.1f} s\n", e.epoch + 1, e.train_loss,
             100 * (1 - e.validation_error), e.seconds);
  std::fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) try {
  Rng rng(1);
  const bool mnist = argc > 1;
  const Data data = mnist ? load_data({.source = "mnist", .path = argv[1]})
                          : load_data({.source = "digits", .train = 4000, .validation = 500});
  const int epochs = argc > 2 ? std::atoi(argv[2]) : mnist ? 9 : 6;
  Net net = sparse::random_mask(residual(data.spec, rng),
                                {.sparsity = 0.99, .distribution = sparse::erdos_renyi()}, rng);
  net = sparse::convert(sparse::sparse_initialized(net, {}, rng), sparse::Format::csr);
  fmt::print("{}", sparse::sparsity_table(net));

  const Adam optimizer{.rate = 5e-3f};
  TrainOptions options{
      .epochs = epochs, .batch = mnist ? 64 : 32, .schedule = OneCycle{}, .progress = print};
  if (mnist) options.augment = shift(1);  // images by up to a pixel
  sparse::DynamicOptions rigl = sparse::rigl_options();
  rigl.updates.every = mnist ? 100 : 50;
  options.hooks = {sparse::rigl(rigl)};
  Checkpoint kept;
  options.checkpoint = [&](const Checkpoint& c) {
    if (c.epoch == std::max(1, epochs - 2)) kept = c;
  };
  const Trained whole = train(net, data, optimizer, options, rng);

  fmt::print("once more from the checkpoint after epoch {}\n", kept.epoch);
  // Stored and loaded: all that training needs is in it, the masks too.
  const Checkpoint loaded = checkpoint_from(to_bytes(kept), "checkpoint");
  options.resume = &loaded;
  const Trained resumed = train(net, data, optimizer, options, rng);
  fmt::print("{}", sparse::sparsity_table(whole.net));
  fmt::print("test {:.2f} % after epoch {}; {}\n", 100 * (1 - error_of(whole.net, data.test)),
             whole.best_epoch + 1,
             hash(whole.net) == hash(resumed.net) ? "the resumed run is the same, byte for byte"
                                                  : "THE RESUMED RUN DIFFERS");
  return hash(whole.net) == hash(resumed.net) ? 0 : 1;
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
