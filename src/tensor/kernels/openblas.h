// Layers around OpenBLAS's matrix product, for hosts without oneDNN: convolution by patches,
// linear, recurrent. One thread.
#pragma once
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"

namespace sparlet {

std::unique_ptr<ConvKernel> openblas_conv2d(const ConvShape&, const KernelOptions&);
std::unique_ptr<LinearKernel> openblas_linear(const LinearShape&, const KernelOptions&);
std::unique_ptr<RecurrentKernel> openblas_recurrent(const RecurrentShape&, const KernelOptions&);

}  // namespace sparlet
