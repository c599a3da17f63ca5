// UCI-HAR, six activities from 128 steps of nine motion channels: an LSTM of 32 (the mean of
// its states) or a CNN over time of at most 4,000 weights; test accuracy and seconds.
//   har lstm|cnn [epochs=20] [seed=1] [folder; else "UCI HAR Dataset" in $SPARLET_DATA]
// The weights are those of the last epoch: the windows that validate are of the same subjects as
// those that train, so the best epoch on them says little of the others.
#include "autograd/ops/ops.h"
#include "data/load.h"
#include "nn/recurrent.h"
#include "nn/train.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

constexpr double kDropout = 0.2;

Net lstm(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  const nn::Sequence s = nn::lstm(b.data_input(spec), "rnn", {.hidden = 32});
  const Var mean = b.op(reduce_mean_op, "mean", {s.y}, {{"axes", 0.0}});
  return b.finish(nn::linear(nn::dropout(mean, kDropout), "out", {.out = spec.classes}));
}

// conv -> batch norm -> relu over time, which is the width of a map of height 1.
Var conv(Var x, const std::string& name, int64_t out, int64_t kernel, int64_t stride) {
  NetBuilder& b = *x.builder;
  const Var w = b.param(name + ".w", {out, x.shape()[0], 1, kernel}, Init::he_uniform);
  const double side = double(kernel / 2);
  const Var y = b.op(conv2d_op, name, {x, w},
                     {{"stride", std::vector<double>{1, double(stride)}},
                      {"pad", std::vector<double>{0, 0, side, side}}});
  return nn::relu(nn::batch_norm(y, name + ".bn"));
}

Net cnn(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = b.data_input(spec);  // (steps, channels)
  const int64_t steps = x.shape()[0], channels = x.shape()[1];
  x = b.op(transpose_op, "turned", {x}, {{"axes", std::vector<double>{1, 0}}});
  x = b.op(reshape_op, "map", {x}, {{"shape", attr(Shape{channels, 1, steps})}});
  x = conv(x, "c1", 16, 7, 2);
  x = conv(x, "c2", 20, 5, 2);
  x = nn::dropout(conv(x, "c3", 16, 3, 2), kDropout);
  return b.finish(nn::linear(nn::global_avg_pool(x), "out", {.out = spec.classes}));
}

int run(int argc, char** argv) {
  const std::string kind = argc > 1 ? argv[1] : "";
  require(kind == "lstm" || kind == "cnn", "har: wanted lstm or cnn, found '{}'", kind);
  const int epochs = argc > 2 ? std::atoi(argv[2]) : 20;
  const uint64_t seed = argc > 3 ? uint64_t(std::atoll(argv[3])) : 1;
  const auto folder = study::folder(argc, argv, 4, "UCI HAR Dataset");
  if (!folder) return 0;
  const Data data = load_data({.source = "har", .path = *folder, .seed = seed});
  fmt::print("{} training, {} validation, {} test windows\n", data.train.size(),
             data.validation.size(), data.test.size());
  Rng rng(seed);
  const Net net = kind == "lstm" ? lstm(data.spec, rng) : cnn(data.spec, rng);
  constexpr int64_t kBatch = 64;
  const Trained trained =
      train(net, data, AdamW{.rate = 1e-2f},
            {.epochs = epochs,
             .batch = kBatch,
             .schedule = Cosine{.final_factor = 0.02},
             .checkpoint_from_step = epochs * (data.train.size() / kBatch),
             .progress =
                 [](const EpochReport& e) {
                   fmt::print("epoch {:2}: loss {:.4f}, validation {:.2f} %, {:.2f} s\n", e.epoch,
                              e.train_loss, 100 * (1 - e.validation_error), e.seconds);
                   return true;
                 }},
            rng);
  fmt::print("{}: {} weights, {} epochs in {:.1f} s, test {:.2f} %\n", kind,
             weight_count(net.graph), epochs, trained.seconds,
             100 * (1 - error_of(trained.net, data.test)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
