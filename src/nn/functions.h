// Layers and functions beyond those of layers.h, each one op. Weights are named after the layer:
// "c1.w", "c1.b". Each throws Error naming the node when its shape does not fit. Axes count from 0
// within a sample.
#pragma once
#include <array>

#include "nn/layers.h"

namespace sparlet::nn {

// Element by element.
Var leaky_relu(Var x, double slope = 0.01);
Var elu(Var x, double alpha = 1);
Var sigmoid(Var x);
Var tanh(Var x);
Var silu(Var x);
Var gelu(Var x);
Var hardsigmoid(Var x);
Var hardswish(Var x);
Var exp(Var x);
Var log(Var x);
Var sqrt(Var x);
Var scale(Var x, double factor, double offset = 0);  // factor x + offset
// relu with a learnt slope (0.25 at first), one for all or one a channel: "name.slope".
struct Prelu {
  bool per_channel = false;
};
Var prelu(Var x, std::string name, const Prelu& = {});

Var softmax(Var x, int64_t axis);
Var log_softmax(Var x, int64_t axis = 0);

struct Conv {
  int64_t out = 1, kernel = 3, stride = 1, pad = 0, dilation = 1, groups = 1;
  bool bias = true;
  Init init = Init::kaiming_uniform;
};
Var conv1d(Var x, std::string name, const Conv&);  // (c,l) -> (out,l')
Var conv3d(Var x, std::string name, const Conv&);  // (c,d,h,w) -> (out,d',h',w')
struct ConvTranspose2d {
  int64_t out = 1, kernel = 2, stride = 2, pad = 0, output_padding = 0, groups = 1;
  bool bias = true;
  Init init = Init::kaiming_uniform;
};
Var conv_transpose2d(Var x, std::string name, const ConvTranspose2d&);  // (c,h,w) -> (out,h',w')
Var linear_rows(Var x, std::string name, const Linear&);                // (t,in) -> (t,out)

Var max_pool1d(Var x, const Pool& = {});
Var avg_pool1d(Var x, const Pool& = {});
Var max_pool3d(Var x, const Pool& = {});
Var avg_pool3d(Var x, const Pool& = {});
Var adaptive_avg_pool1d(Var x, int64_t out);
Var adaptive_avg_pool2d(Var x, int64_t out_h, int64_t out_w);

// "name.gamma" and "name.beta" of the shape of x's last `axes` axes.
struct LayerNorm {
  int64_t axes = 1;
  double epsilon = 1e-5;
};
Var layer_norm(Var x, std::string name, const LayerNorm& = {});

Var pad(Var x, const std::array<int64_t, 4>& top_bottom_left_right, double value = 0);
Var upsample_nearest2d(Var x, int64_t scale = 2);
struct Slice {
  int64_t axis = 0, begin = 0, end = -1 /* the axis's size */, step = 1;
};
Var slice(Var x, const Slice&);
Var reshape(Var x, const Shape&);
Var transpose(Var x, const std::vector<int64_t>& axes);
struct Reduce {
  std::vector<int64_t> axes = {0};
  bool keep = false;
};
Var reduce_sum(Var x, const Reduce&);
Var reduce_mean(Var x, const Reduce&);
struct Matmul {
  bool transpose_a = false, transpose_b = false;
};
Var matmul(Var a, Var b, const Matmul& = {});

}  // namespace sparlet::nn
