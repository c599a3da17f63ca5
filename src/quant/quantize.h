// From a trained float net to an int8 one, by TFLite's int8 rules.
#pragma once
#include <map>

#include "autograd/rewrite.h"
#include "data/dataset.h"

namespace sparlet::quant {

// Batch-norm goes into the conv or linear layer before it (a new per-channel multiply-add where
// there is none: a 1x1 depthwise conv), dropout goes, masks are multiplied in, COO and CSR layers
// become dense (to_int8 has sparse encodings of its own). Same outputs in infer mode.
Net fold_norms(const Net&);

struct Range {
  float low = 0, high = 0;
};
using Ranges = std::map<std::string, Range>;  // by node name
// Least and greatest value of every batched float node over the samples; [0, 255] for an input of u8
// samples. Throws Error for a value that is not finite, or without samples.
Ranges observe(const Net& folded, const Dataset&, int64_t batch = 64);
// Ranges that need no data, for shapes and sizes alone (cost::predict): inputs in [0, 255], relus from
// 0 to about 1, other values from about -1 to 1.
Ranges placeholder(const Net& folded);

enum class Encoding { dense, bitmask, smallest };
struct ToInt8 {
  Encoding encoding = Encoding::smallest;
};
// REQUIRES fold_norms. Weights int8 per output channel in ±127, bias int32, activations int8 per
// tensor; (x - mean) * (1/deviation) at the input folds into its scale and zero point; relu and
// relu6 fold into the op before them; softmax at the output stays (scale 1/256). Error naming the
// node for an op without an int8 form.
Net to_int8(const Net& folded, const Ranges&, const ToInt8& = {});
bool is_int8(const Graph&);

}  // namespace sparlet::quant
