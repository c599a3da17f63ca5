// oneDNN 2.6's convolution and inner product behind the interfaces of conv.h and linear.h. Where it
// has nothing but its slow reference code for a pass, the portable kernel runs that pass.
#pragma once
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"

namespace sparlet {

std::unique_ptr<ConvKernel> onednn_conv2d(const ConvShape&, const KernelOptions&);
std::unique_ptr<LinearKernel> onednn_linear(const LinearShape&, const KernelOptions&);

}  // namespace sparlet
