// Sparse layers: trained sparse from the start, pruned on the way, converted, saved.
#include <fmt/format.h>

#include <filesystem>

#include "data/digits.h"
#include "deploy/spt.h"
#include "nn/layers.h"
#include "nn/train.h"
#include "sparse/layers.h"
#include "sparse/prune.h"

using namespace sparlet;

int main() {
  Data data{.name = "digits"};
  data.train = make_digits(2000, 1);
  data.validation = make_digits(500, 1, 2000);
  data.spec = {.shape = {1, 28, 28}, .classes = 10, .mean = 30, .deviation = 80};

  // One weight in five from the start, as CSR: what is not there takes no memory and no time.
  Rng rng(1);
  NetBuilder b(rng);
  Var x = nn::flatten(nn::max_pool(b.data_input(data.spec)));
  x = nn::relu(sparse::linear(x, "fc1", {.out = 100, .density = 0.2}));
  const Net net = b.finish(sparse::linear(x, "fc2", {.out = 10, .density = 0.5}));

  // Every 20th step the smallest 2 % of the dense size go. The optimiser keeps what it knows of the
  // rest.
  const Hook prune = [](const TrainState& state) -> std::optional<Net> {
    if (state.step % 20 != 0 || state.step > 100) return {};
    return sparse::prune_smallest(state.executor.trained(), 0.02);
  };
  const Trained t = train(net, data, Adam{.rate = 3e-3f}, {.epochs = 6, .hooks = {prune}}, rng);
  fmt::print("error on validation: {:.1f} %\n\n{}", 100 * t.validation_error,
             sparse::describe(t.net));

  // The same weights in other forms; automatic takes what is fastest for a batch.
  const auto folder = std::filesystem::temp_directory_path();
  for (sparse::Format format : {sparse::Format::dense, sparse::Format::coo, sparse::Format::csr,
                                sparse::Format::automatic}) {
    const Net other = sparse::convert(t.net, format, {.batch = 1});
    const auto file = folder / "sparlet-sparse-layers.spt";
    deploy::save(other, file);
    fmt::print("{:<10} {:>7} bytes, error {:.1f} %\n", sparse::name_of(format),
               std::filesystem::file_size(file), 100 * error_of(other, data.validation));
    std::filesystem::remove(file);
  }
}
