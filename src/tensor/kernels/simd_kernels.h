// Our own SIMD layers behind the interfaces of conv.h, linear.h and recurrent.h: plain C++ around
// the loops of simd.h.
#pragma once
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/simd.h"
#include "tensor/kernels/update.h"

namespace sparlet {

std::unique_ptr<ConvKernel> simd_conv2d(const SimdLoops&, const ConvShape&, const KernelOptions&);
// The two ways to do it: sample by sample, and (groups 1, no dilation) as many samples at once as a
// vector has lanes.
std::unique_ptr<ConvKernel> simd_conv2d_each(const SimdLoops&, const ConvShape&,
                                             const KernelOptions&);
// The second way is estimated to be the faster one (simd_choice.cpp).
bool lanes_pay(const ConvShape&, const KernelOptions&, int64_t lanes);
std::unique_ptr<ConvKernel> simd_conv2d_together(const SimdLoops&, const ConvShape&,
                                                 const KernelOptions&);
// Windows of 3 × 3 and stride 1 by Winograd's products. Results differ from those of the other ways
// by rounding, so that one rule decides for every batch, with and without training.
bool winograd_pays(const ConvShape&);
std::unique_ptr<ConvKernel> simd_conv2d_winograd(const SimdLoops&, const ConvShape&,
                                                 const KernelOptions&);
std::unique_ptr<LinearKernel> simd_linear(const SimdLoops&, const LinearShape&,
                                          const KernelOptions&);

// As max_pool of pool.h.
void simd_max_pool(const SimdLoops&, const Window&, int64_t n, const float* x, float* y,
                   int32_t* from);
void simd_max_pool_backward(const SimdLoops&, const Window&, int64_t n, const int32_t* from,
                            const float* dy, float* dx);
// Adam and AdamW; other rules as update() does them.
void simd_update(const SimdLoops&, const UpdateRule&, const UpdateArgs&);
bool simd_update_outer(const SimdLoops&, const UpdateRule&, const UpdateArgs&, const OuterGrad&);

}  // namespace sparlet
