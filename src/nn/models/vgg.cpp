#include "nn/models/blocks.h"

namespace sparlet::nn {
namespace {

// Filters of the convolutions of each stage; a pool follows each.
Net vgg(const DataSpec& spec, const std::vector<std::vector<int64_t>>& stages,
        std::string_view name, Rng& rng) {
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, name);
  for (size_t s = 0; s < stages.size(); ++s) {
    for (size_t i = 0; i < stages[s].size(); ++i) {
      Conv2d conv = conv3x3(stages[s][i]);
      conv.bias = true;
      x = conv_norm(x, fmt::format("s{}.c{}", s + 1, i + 1), conv);
    }
    x = max_pool(x);
  }
  return classified(builder, x, spec);
}

}  // namespace

Net vgg11(const DataSpec& spec, Rng& rng) {
  return vgg(spec, {{64}, {128}, {256, 256}, {512, 512}, {512, 512}}, "vgg11", rng);
}

Net vgg16(const DataSpec& spec, Rng& rng) {
  return vgg(spec, {{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}},
             "vgg16", rng);
}

}  // namespace sparlet::nn
