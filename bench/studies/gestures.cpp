// The built-in gestures (six classes, 32 to 96 steps of three axes, by subjects unlike those that
// train) by a recurrent net that sees no padding: test accuracy and seconds.
//   gestures [lstm|gru|rnn=gru] [epochs=20] [seed=1] [hidden=24]
#include "data/load.h"
#include "nn/recurrent.h"
#include "nn/train.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

Net build(const std::string& kind, int64_t hidden, const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  const Var x = b.data_input(spec), lengths = b.input("lengths", {1}, DType::i32);
  const nn::Recurrent options{.hidden = hidden, .lengths = lengths};
  const nn::Sequence s = kind == "lstm"  ? nn::lstm(x, "rnn", options)
                         : kind == "gru" ? nn::gru(x, "rnn", options)
                                         : nn::rnn(x, "rnn", options);
  return b.finish(nn::linear(s.h, "out", {.out = spec.classes}));
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string kind = argc > 1 ? argv[1] : "gru";
  require(kind == "lstm" || kind == "gru" || kind == "rnn", "wanted lstm, gru or rnn, found '{}'",
          kind);
  const int epochs = argc > 2 ? std::atoi(argv[2]) : 20;
  const uint64_t seed = argc > 3 ? uint64_t(std::atoll(argv[3])) : 1;
  const Data data = load_data({.source = "gestures", .seed = seed});
  Rng rng(seed);
  const Net net = build(kind, argc > 4 ? std::atoll(argv[4]) : 24, data.spec, rng);
  const Trained t = train(net, data, AdamW{.rate = 1e-2f},
                          {.epochs = epochs, .schedule = OneCycle{}, .clip_norm = 1}, rng);
  fmt::print("{}: {} weights, {} epochs in {:.1f} s, best {}, test {:.2f} %\n", kind,
             weight_count(net.graph), epochs, t.seconds, t.best_epoch + 1,
             100 * (1 - error_of(t.net, data.test)));
} catch (const Error& error) {
  fmt::print(stderr, "gestures: {}\n", error.what());
  return 1;
}
