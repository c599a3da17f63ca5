// Scales, zero points and weights: the arithmetic of int8 (TFLite's quantisation specification).
#pragma once
#include <vector>

#include "quant/quantize.h"

namespace sparlet::quant {

// real = scale * (value - zero)
struct Scale {
  float scale = 1;
  int8_t zero = 0;
  bool operator==(const Scale&) const = default;
};

// The range, widened to hold 0, on [-128, 127]; the zero point is nudged to a whole number so that
// 0 is exact (Jacob et al. 2018, section 3.1). An empty range has scale 1.
Scale scale_of(const Range&);

// What a fused relu or relu6 leaves through, in real numbers.
struct Clamp {
  double low = -1e30, high = 1e30;
};
// scale, zero, and low and high where they cut something off.
Attrs attrs_of(const Scale&, const Clamp& = {});

// A conv or linear layer in real numbers, its weights row by row in the device's order.
struct Layer {
  std::vector<float> weights;  // [out][fan_in]
  std::vector<double> bias;    // [out]
  int64_t out() const { return int64_t(bias.size()); }
  int64_t fan_in() const { return int64_t(weights.size() / bias.size()); }
};
// ... and in whole numbers: y = (sum w (x - x_zero) + bias) * scale, per channel.
struct Layer8 {
  Tensor weights;  // i8 [out * fan_in]
  Tensor bias;     // i32 [out], in units of s_x s_w
  Tensor scale;    // f32 [out]: s_x s_w / s_y, rounded once
};
// Per channel s_w = max |w| / 127. Where that would leave a bias outside 32 bits or the factor
// outside the runtime's range, s_w is the next larger that fits; a channel of zeros has 1024 bias
// steps in one step of y. Throws Error beginning with `where` for too wide a layer.
Layer8 quantize(const std::string& where, const Layer&, const Scale& x, const Scale& y);

// Weights as bits and non-zero values. `values` has one element where there are no non-zeros.
struct Bitmask {
  Tensor bits, values;
  int64_t nonzeros = 0;
};
Bitmask bitmask_of(const Tensor& weights);
// Bytes in the model file, all that depends on the encoding.
int64_t dense_bytes(int64_t weights);
int64_t bitmask_bytes(int64_t weights, int64_t nonzeros);

// `name`, or with a number behind it if a node has it already.
std::string unused(const Graph&, const std::string& name);

}  // namespace sparlet::quant
