// oneDNN 2.6's convolution, inner product and LSTM behind the interfaces of conv.h, linear.h and
// recurrent.h. Where it has nothing but its slow reference code for a pass, the portable kernel runs
// that pass.
#pragma once
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"

namespace sparlet {

std::unique_ptr<ConvKernel> onednn_conv2d(const ConvShape&, const KernelOptions&);
std::unique_ptr<LinearKernel> onednn_linear(const LinearShape&, const KernelOptions&);
// An LSTM without lengths; else the portable kernel.
std::unique_ptr<RecurrentKernel> onednn_recurrent(const RecurrentShape&, const KernelOptions&);

}  // namespace sparlet
