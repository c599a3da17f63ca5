// MNIST by LeNet-5: test accuracy, seconds and peak memory. lenet_mnist.py is the same recipe in
// PyTorch: all 60,000 images, batches of 64, Adam with a one-cycle rate, the weights of the last
// epoch; lenet_mnist.sh runs the two in turn.
//   lenet_mnist [epochs=5] [seed=1] [folder; else mnist in $SPARLET_DATA]
#include "data/idx.h"
#include "nn/models.h"
#include "nn/train.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

Data read(const std::filesystem::path& folder) {
  const auto part = [&](const std::string& name) {
    return read_idx(folder / (name + "-images-idx3-ubyte.gz"),
                    folder / (name + "-labels-idx1-ubyte.gz"));
  };
  Data data{.name = "mnist"};
  data.train = part("train");
  data.test = part("t10k");
  data.spec = {.shape = {1, 28, 28}, .classes = 10, .dtype = DType::u8};
  fit_normalization(data);
  return data;
}

}  // namespace

int main(int argc, char** argv) try {
  const int epochs = argc > 1 ? std::atoi(argv[1]) : 5;
  const uint64_t seed = argc > 2 ? uint64_t(std::atoll(argv[2])) : 1;
  const auto folder = study::folder(argc, argv, 3, "mnist");
  if (!folder) return 0;
  const Data data = read(*folder);
  Rng rng(seed);
  const Net net = nn::lenet5(data.spec, rng);
  const Trained t = train(net, data, Adam{.rate = 3e-3f},
                          {.epochs = epochs, .batch = 64, .schedule = OneCycle{}}, rng);
  fmt::print("sparlet: {} weights, loss {:.4f}, test {:.2f} %, {:.1f} s, peak {:.1f} MB\n",
             weight_count(net.graph), t.history.back().train_loss,
             100 * (1 - error_of(t.net, data.test)), t.seconds, study::peak_megabytes());
} catch (const Error& error) {
  fmt::print(stderr, "lenet_mnist: {}\n", error.what());
  return 1;
}
