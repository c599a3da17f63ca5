#include "nn/models/blocks.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

// Two 3x3 convolutions beside the identity, or a 1x1 convolution where the size changes.
Var basic_block(Var x, const std::string& name, int64_t out, int64_t stride) {
  Var y = conv_norm(x, name + ".c1", conv3x3(out, stride));
  y = batch_norm(conv2d(y, name + ".c2", conv3x3(out)), name + ".c2.bn");
  if (stride != 1 || x.shape()[0] != out)
    x = batch_norm(conv2d(x, name + ".short", conv1x1(out, stride)), name + ".short.bn");
  return relu(add(x, y));
}

Net resnet(const DataSpec& spec, const std::vector<int>& blocks, std::string_view name, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, name);
  if (spec.shape[1] < 64) {
    x = conv_norm(x, "stem", conv3x3(64));
  } else {
    Conv2d stem = conv3x3(64, 2);
    stem.kernel = 7;
    stem.pad = 3;
    x = max_pool(conv_norm(x, "stem", stem), {.size = 3, .stride = 2, .pad = 1});
  }
  for (size_t s = 0; s < blocks.size(); ++s)
    for (int i = 0; i < blocks[s]; ++i)
      x = basic_block(x, fmt::format("s{}.b{}", s + 1, i + 1), int64_t(64) << s,
                      s > 0 && i == 0 ? 2 : 1);
  return classified(builder, x, spec);
}

// Norm and relu stand before each convolution; where the filters change the first pair is shared.
Var wide_block(Var x, const std::string& name, int64_t out, int64_t stride) {
  const Var ready = relu(batch_norm(x, name + ".n1"));
  Var y = conv2d(ready, name + ".c1", conv3x3(out, stride));
  y = conv2d(relu(batch_norm(y, name + ".n2")), name + ".c2", conv3x3(out));
  if (x.shape()[0] != out) x = conv2d(ready, name + ".short", conv1x1(out, stride));
  return add(x, y);
}

}  // namespace

Net resnet8(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "resnet8");
  x = same_conv_norm(x, "stem", {.out = 16});
  for (int s = 1; s <= 3; ++s) {
    const std::string name = fmt::format("s{}", s);
    const int64_t out = int64_t(8) << s, stride = s == 1 ? 1 : 2;
    Var y = same_conv_norm(x, name + ".c1", {.out = out, .stride = stride});
    y = batch_norm(same_conv(y, name + ".c2", {.out = out}), name + ".c2.bn");
    if (stride != 1)
      x = same_conv(x, name + ".short",
                    {.out = out, .kernel_h = 1, .kernel_w = 1, .stride = stride, .bias = true});
    x = relu(add(x, y));
  }
  return classified(builder, x, spec);
}

Net resnet18(const DataSpec& spec, Rng& rng) { return resnet(spec, {2, 2, 2, 2}, "resnet18", rng); }

Net resnet34(const DataSpec& spec, Rng& rng) { return resnet(spec, {3, 4, 6, 3}, "resnet34", rng); }

Net wide_resnet(const DataSpec& spec, int depth, int width, Rng& rng) {
  require(depth >= 10 && (depth - 4) % 6 == 0 && width >= 1,
          "wrn-{}-{}: wanted a depth of 10, 16, 22 ... and a width of 1 or more", depth, width);
  NetBuilder builder(rng);
  Var x = conv2d(map_input(builder, spec, "wrn"), "stem", conv3x3(16));
  for (int s = 0; s < 3; ++s)
    for (int i = 0; i < (depth - 4) / 6; ++i)
      x = wide_block(x, fmt::format("s{}.b{}", s + 1, i + 1), (int64_t(16) << s) * width,
                     s > 0 && i == 0 ? 2 : 1);
  return classified(builder, relu(batch_norm(x, "norm")), spec);
}

}  // namespace sparlet::nn
