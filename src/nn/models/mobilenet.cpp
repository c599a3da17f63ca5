#include <algorithm>

#include "nn/models/blocks.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

// To the nearest multiple of 8, but never by more than a tenth down: the authors' own rounding.
int64_t by_eight(double filters) {
  const int64_t rounded = std::max<int64_t>(8, int64_t(filters + 4) / 8 * 8);
  return double(rounded) < 0.9 * filters ? rounded + 8 : rounded;
}

void check_alpha(const char* name, double alpha) {
  require(alpha > 0 && alpha <= 8, "{}-{}: wanted a factor above 0, at most 8", name, alpha);
}

Var conv_norm6(Var x, const std::string& name, const Conv2d& options) {
  return relu6(batch_norm(conv2d(x, name, options), name + ".bn"));
}

// Expand, filter each channel, project without an activation; the input added where sizes agree.
Var inverted_residual(Var x, const std::string& name, int64_t expand, int64_t out, int64_t stride) {
  const int64_t in = x.shape()[0];
  Var y = expand == 1 ? x : conv_norm6(x, name + ".up", conv1x1(in * expand));
  Conv2d each = conv3x3(in * expand, stride);
  each.groups = in * expand;
  y = conv_norm6(y, name + ".dw", each);
  y = batch_norm(conv2d(y, name + ".down", conv1x1(out)), name + ".down.bn");
  return stride == 1 && in == out ? add(x, y) : y;
}

}  // namespace

Net mobilenet_v1(const DataSpec& spec, double alpha, Rng& rng) {
  check_alpha("mobilenetv1", alpha);
  const auto scaled = [alpha](int64_t filters) {
    return std::max<int64_t>(1, int64_t(alpha * double(filters)));
  };
  struct Layer {
    int64_t out, stride;
  };
  constexpr Layer kLayers[] = {{64, 1},  {128, 2},  {128, 1}, {256, 2}, {256, 1},
                               {512, 2}, {512, 1},  {512, 1}, {512, 1}, {512, 1},
                               {512, 1}, {1024, 2}, {1024, 1}};
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "mobilenetv1");
  x = same_conv_norm(x, "stem", {.out = scaled(32), .stride = 2});
  int i = 0;
  for (const auto& [out, stride] : kLayers) {
    const std::string name = fmt::format("b{}", ++i);
    const int64_t in = x.shape()[0];
    x = same_conv_norm(x, name + ".dw", {.out = in, .stride = stride, .groups = in});
    x = conv_norm(x, name + ".pw", conv1x1(scaled(out)));
  }
  return classified(builder, x, spec);
}

Net mobilenet_v2(const DataSpec& spec, double alpha, Rng& rng) {
  check_alpha("mobilenetv2", alpha);
  struct Stage {
    int64_t expand, out, times, stride;
  };
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  NetBuilder builder(rng);
  Var x = map_input(builder, spec, "mobilenetv2");
  x = conv_norm6(x, "stem", conv3x3(by_eight(32 * alpha), 2));
  int s = 0;
  for (const auto& [expand, out, times, stride] : kStages) {
    ++s;
    for (int64_t i = 0; i < times; ++i)
      x = inverted_residual(x, fmt::format("s{}.b{}", s, i + 1), expand,
                            by_eight(alpha * double(out)), i == 0 ? stride : 1);
  }
  x = conv_norm6(x, "head", conv1x1(by_eight(1280 * std::max(1.0, alpha))));
  return classified(builder, x, spec);
}

}  // namespace sparlet::nn
