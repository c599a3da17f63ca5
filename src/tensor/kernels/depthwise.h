// Convolution in which every channel has one filter of its own; see conv.h.
#pragma once
#include "tensor/kernels/conv.h"

namespace sparlet {

// REQUIRES: shape.depthwise().
std::unique_ptr<ConvKernel> portable_depthwise(const ConvShape&, const KernelOptions&);

}  // namespace sparlet
