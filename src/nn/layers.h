// Layers: functions from Var to Var. Weights are named after the layer: "c1.w", "c1.b". Each throws
// Error naming the layer when its shape does not fit.
#pragma once
#include "nn/builder.h"

namespace sparlet::nn {

struct Conv2d { int64_t out = 1, kernel = 3, stride = 1, pad = 0, dilation = 1, groups = 1; bool bias = true;
                Init init = Init::kaiming_uniform; };
struct Linear { int64_t out = 1; bool bias = true; Init init = Init::kaiming_uniform; };
struct Pool { int64_t size = 2, stride = 0 /* 0: size */, pad = 0; bool count_pad = true; };
struct BatchNorm { double momentum = 0.1, epsilon = 1e-5; };

Var conv2d(Var x, std::string name, const Conv2d&);      // (c,h,w) -> (out,h',w')
// Depthwise: `multiplier` filters a channel; options.out and groups are worked out.
Var depthwise(Var x, std::string name, const Conv2d&, int64_t multiplier = 1);
Var linear(Var x, std::string name, const Linear&);      // (n) -> (out)
Var batch_norm(Var x, std::string name, const BatchNorm& = {});
Var max_pool(Var x, const Pool& = {});
Var avg_pool(Var x, const Pool& = {});
Var global_avg_pool(Var x);             // (c,h,w) -> (c)
Var relu(Var x);
Var relu6(Var x);
Var softmax(Var x);
Var dropout(Var x, double rate);
Var flatten(Var x);
Var add(Var a, Var b);
Var sub(Var a, Var b);
Var mul(Var a, Var b);
Var concat(std::vector<Var> parts);     // along channels (axis 0 of a sample)

}  // namespace sparlet::nn
