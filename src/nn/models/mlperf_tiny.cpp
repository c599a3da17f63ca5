#include "nn/models/blocks.h"

namespace sparlet::nn {

Net ds_cnn(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "ds-cnn");
  x = same_conv_norm(x, "stem", {.out = 64, .kernel_h = 10, .kernel_w = 4, .stride = 2});
  x = dropout(x, 0.2);
  for (int i = 1; i <= 4; ++i) {
    const std::string name = fmt::format("b{}", i);
    x = same_conv_norm(x, name + ".dw", {.out = 64, .groups = 64});
    x = conv_norm(x, name + ".pw", conv1x1(64));
  }
  return classified(builder, dropout(x, 0.4), spec);
}

Net autoencoder(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = flat_input(builder, spec);
  const int64_t size = x.shape()[0];
  int i = 0;
  for (const int64_t out : {128, 128, 128, 128, 8, 128, 128, 128, 128}) {
    const std::string name = fmt::format("f{}", ++i);
    x = relu(batch_norm(linear(x, name, {.out = out, .bias = false, .init = Init::xavier_uniform}),
                        name + ".bn"));
  }
  return builder.finish(linear(x, "out", {.out = size}));
}

}  // namespace sparlet::nn
