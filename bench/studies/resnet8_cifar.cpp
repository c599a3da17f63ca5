// CIFAR-10 by MLPerf Tiny's ResNet-8: test accuracy and seconds. resnet8_cifar.py is the same
// recipe in PyTorch: SGD with momentum and a one-cycle rate, batches of 128 flipped and shifted by
// up to 4 pixels, the weights of the last epoch.
//   resnet8_cifar [epochs=20] [seed=1] [folder; else cifar-10-batches-bin in $SPARLET_DATA]
//                 [training samples; else all]
#include "data/augment.h"
#include "data/cifar.h"
#include "nn/models.h"
#include "nn/train.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 20;
  const uint64_t seed = argc > 2 ? uint64_t(std::atoll(argv[2])) : 1;
  const auto folder = study::folder(argc, argv, 3, "cifar-10-batches-bin");
  if (!folder) return 0;
  const TrainAndTest parts = read_cifar10(*folder);
  Data data{.name = "cifar10"};
  data.train = argc > 4 ? parts.train.take(std::atoll(argv[4])) : parts.train;
  data.test = parts.test;
  data.spec = {.shape = {3, 32, 32}, .classes = 10, .dtype = DType::u8};
  fit_normalization(data);
  Rng rng(seed);
  const Net net = nn::resnet8(data.spec, rng);
  const Sgd sgd{.rate = 0.1f, .momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true};
  TrainOptions options{.epochs = epochs, .batch = 128, .schedule = OneCycle{}};
  options.augment = all_of({flip(), shift(4)});
  options.progress = [](const EpochReport& report) {
    fmt::print("epoch {:>2}: loss {:.4f}, {:.1f} s\n", report.epoch + 1, report.train_loss,
               report.seconds);
    std::fflush(stdout);
    return true;
  };
  const Trained trained = train(net, data, sgd, options, rng);
  fmt::print("{} weights, test accuracy {:.2f} %, {:.1f} s\n", weight_count(net.graph),
             100 * (1 - error_of(trained.net, data.test)), trained.seconds);
} catch (const Error& error) {
  fmt::print(stderr, "resnet8_cifar: {}\n", error.what());
  return 1;
}
