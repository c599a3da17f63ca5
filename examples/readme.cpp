// The example of README.md: define, train, prune, quantise and ship a network.
#include <fmt/core.h>

#include "data/load.h"
#include "deploy/spt.h"
#include "nn/layers.h"
#include "quant/quantize.h"
#include "sparse/prune.h"

using namespace sparlet;

int main() {
  Rng rng(1);
  const Data data = load_data({.source = "digits"});
  NetBuilder b(rng);
  Var x =
      nn::max_pool(nn::relu(nn::conv2d(b.data_input(data.spec), "c1", {.out = 6, .kernel = 5})));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c2", {.out = 12, .kernel = 3})));
  const Net net = b.finish(nn::linear(nn::flatten(x), "fc", {.out = data.spec.classes}));

  const auto prune = sparse::gradual({.target = 0.8, .begin = 200, .end = 700, .every = 25});
  const Trained t =
      train(net, data, Adam{}, {.epochs = 10, .hooks = {prune}, .checkpoint_from_step = 700}, rng);
  const Net folded = quant::fold_norms(t.net);
  const Net small = quant::to_int8(folded, quant::observe(folded, data.train.take(512)));
  fmt::print("float {:.2f} % right, int8 {:.2f} %, {} bytes of model\n",
             100 - 100 * error_of(t.net, data.test), 100 - 100 * error_of(small, data.test),
             deploy::serialize(small).size());
}
