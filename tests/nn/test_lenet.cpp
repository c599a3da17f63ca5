#include <doctest/doctest.h>

#include "data/load.h"
#include "nn/models.h"
#include "nn/train.h"

using namespace sparlet;

TEST_CASE("LeNet-5 learns the built-in digits") {
  // The portable kernels are for small machines; they get fewer samples and a lower goal.
  const bool fast = default_kernels().name != "portable";
  const Data data =
      load_data({.source = "digits", .train = fast ? 5000 : 1500, .validation = 500, .test = 500});
  Rng rng(1);
  const Net net = nn::lenet5(data.spec, rng);
  const Trained t =
      train(net, data, Adam{.rate = 2e-3f}, {.epochs = fast ? 5 : 4, .batch = 32}, rng);
  CHECK(1 - t.validation_error >= (fast ? 0.98 : 0.94));
  CHECK(1 - error_of(t.net, data.test) >= (fast ? 0.975 : 0.93));
}
