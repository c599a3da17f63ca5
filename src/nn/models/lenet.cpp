#include "nn/models/blocks.h"

namespace sparlet::nn {

Net lenet5(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "lenet5");
  const int64_t pad = spec.shape[1] < 32 ? 2 : 0;
  x = max_pool(relu(conv2d(x, "c1", {.out = 6, .kernel = 5, .pad = pad})));
  x = max_pool(relu(conv2d(x, "c2", {.out = 16, .kernel = 5})));
  x = relu(linear(flatten(x), "f1", {.out = 120}));
  x = relu(linear(x, "f2", {.out = 84}));
  return builder.finish(linear(x, "f3", {.out = spec.classes}));
}

Net lenet5_caffe(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "lenet5-caffe");
  x = max_pool(conv2d(x, "c1", {.out = 20, .kernel = 5}));
  x = max_pool(conv2d(x, "c2", {.out = 50, .kernel = 5}));
  x = relu(linear(flatten(x), "f1", {.out = 500}));
  return builder.finish(linear(x, "f2", {.out = spec.classes}));
}

Net mlp(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = flat_input(builder, spec);
  x = relu(linear(x, "f1", {.out = 300}));
  x = relu(linear(x, "f2", {.out = 100}));
  return builder.finish(linear(x, "f3", {.out = spec.classes}));
}

Net softmax_regression(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  return builder.finish(linear(flat_input(builder, spec), "f1", {.out = spec.classes}));
}

}  // namespace sparlet::nn
