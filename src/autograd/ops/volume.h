// The window attributes of 1-D and 3-D convolution and pooling.
#pragma once
#include "autograd/op.h"
#include "tensor/kernels/volume.h"

namespace sparlet {

// The window of a node over x, (c,l) with window {k}, or (c,d,h,w) with window {kd,kh,kw}.
//   stride (default: `strides`), dilation: a number, or one for each axis
//   pad: a number, or one for each axis; of (c,l) also [left,right]
// Throws Error where an attribute makes no sense or the padded x is smaller than the window.
Volume volume_of(const Node&, const Shape& x, const std::vector<int64_t>& window,
                 const std::vector<int64_t>& strides);
// The window of a pooling node (attribute size; stride is the size by default). Also throws where
// the padding is as large as the window.
Volume pool_volume(const Node&, const Shape& x);

// The attribute as one number for each of `axes` axes.
std::vector<int64_t> each_axis(const Node&, std::string_view key, size_t axes, int64_t fallback);

}  // namespace sparlet
