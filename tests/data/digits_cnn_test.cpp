#include <doctest/doctest.h>

#include "data/load.h"
#include "nn/layers.h"
#include "nn/train.h"

using namespace sparlet;

TEST_CASE("digits: a small convolutional network gets at least 98.5 % right") {
  Rng rng(1);
  const Data data = load_data({.source = "digits"});
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.data_input(data.spec), "c1", {.out = 8, .kernel = 5, .pad = 2}));
  x = nn::relu(nn::conv2d(nn::max_pool(x), "c2", {.out = 16, .kernel = 3, .pad = 1}));
  const Net net = b.finish(nn::linear(nn::flatten(nn::max_pool(x)), "fc", {.out = 10}));
  const Trained t =
      train(net, data, Adam{.rate = 2e-3f}, {.epochs = 8, .batch = 32, .schedule = Cosine{}}, rng);
  const double accuracy = 1 - error_of(t.net, data.test);
  MESSAGE(weight_count(net.graph) << " weights: " << accuracy);
  CHECK(accuracy >= 0.985);
}
