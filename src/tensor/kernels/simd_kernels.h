// Our own SIMD layers behind the interfaces of conv.h, linear.h and recurrent.h: plain C++ around
// the loops of simd.h.
#pragma once
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/simd.h"

namespace sparlet {

std::unique_ptr<ConvKernel> simd_conv2d(const SimdLoops&, const ConvShape&, const KernelOptions&);
std::unique_ptr<LinearKernel> simd_linear(const SimdLoops&, const LinearShape&,
                                          const KernelOptions&);

}  // namespace sparlet
