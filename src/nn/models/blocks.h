// What the reference networks are built of.
#pragma once
#include <fmt/core.h>

#include "nn/models.h"

namespace sparlet::nn {

// A convolution with any kernel, padded so that the output is ceil(size / stride): TensorFlow's
// "same", one more behind than before where the padding is odd.
struct SameConv {
  int64_t out = 1, kernel_h = 3, kernel_w = 3, stride = 1, groups = 1;
  bool bias = false;
};
Var same_conv(Var x, std::string name, const SameConv&);

// conv, batch-norm, relu: "name", "name.bn".
Var conv_norm(Var x, const std::string& name, const Conv2d&);
Var same_conv_norm(Var x, const std::string& name, const SameConv&);

// The input; throws Error naming the net unless samples are (c,h,w).
Var map_input(NetBuilder&, const DataSpec&, std::string_view net);
// The input as one row of numbers.
Var flat_input(NetBuilder&, const DataSpec&);
// Global average and a linear layer "fc".
Net classified(NetBuilder&, Var, const DataSpec&);

// 1x1 and 3x3 convolutions as He et al. draw them.
constexpr Conv2d conv1x1(int64_t out, int64_t stride = 1) {
  return {.out = out, .kernel = 1, .stride = stride, .bias = false, .init = Init::he_uniform};
}
constexpr Conv2d conv3x3(int64_t out, int64_t stride = 1) {
  return {.out = out, .stride = stride, .pad = 1, .bias = false, .init = Init::he_uniform};
}

}  // namespace sparlet::nn
