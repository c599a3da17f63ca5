// Trains LeNet-5 on the built-in digits and prints every epoch. No arguments, no download.
#include <fmt/core.h>

#include <cstdio>

#include "data/load.h"
#include "nn/models.h"
#include "nn/train.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

bool print(const EpochReport& e) {
  fmt::print("epoch {}  loss {:.4f}  validation {:.2f} %  {:.1f} s\n", e.epoch + 1, e.train_loss,
             100 * (1 - e.validation_error), e.seconds);
  std::fflush(stdout);
  return true;
}

}  // namespace

int main() try {
  Rng rng(1);
  const Data data = load_data({.source = "digits"});
  const Net net = nn::lenet5(data.spec, rng);
  fmt::print("{} weights, {} samples\n", weight_count(net.graph), data.train.size());
  const Trained t = train(net, data, Adam{.rate = 2e-3f},
                          {.epochs = 5, .batch = 32, .schedule = Cosine{}, .progress = print}, rng);
  fmt::print("test {:.2f} % after epoch {}\n", 100 * (1 - error_of(t.net, data.test)),
             t.best_epoch + 1);
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
