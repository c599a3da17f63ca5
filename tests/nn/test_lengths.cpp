// Sequences of unequal length reach the net's input "lengths".
#include <doctest/doctest.h>

#include "data/load.h"
#include "nn/recurrent.h"
#include "nn/train.h"
#include "tensor/error.h"

using namespace sparlet;

TEST_CASE("a net with an input `lengths` gets them: padding changes nothing") {
  const Data data = load_data({.source = "gestures", .train = 240, .validation = 60, .test = 60});
  Rng rng(1);
  NetBuilder b(rng);
  const Var x = b.data_input(data.spec), lengths = b.input("lengths", {1}, DType::i32);
  const nn::Sequence s = nn::gru(x, "rnn", {.hidden = 8, .lengths = lengths});
  const Net net = b.finish(nn::linear(s.h, "fc", {.out = data.spec.classes}));
  const Trained t = train(net, data, Adam{.rate = 0.01f}, {.epochs = 3, .batch = 20}, rng);
  CHECK(t.history[2].train_loss < t.history[0].train_loss);
  // Rubbish behind the last step is never seen.
  Dataset spoilt = data.test;
  const int64_t steps = spoilt.x.shape()[1];
  for (int64_t i = 0; i < spoilt.size(); ++i)
    for (int64_t k = 3 * spoilt.length(i); k < 3 * steps; ++k)
      spoilt.x.write()[size_t(i * 3 * steps + k)] = 1e3f;
  CHECK(error_of(t.net, spoilt) == error_of(t.net, data.test));
  Dataset full = spoilt;
  full.lengths = {};
  CHECK(error_of(t.net, full) != error_of(t.net, data.test));
}
