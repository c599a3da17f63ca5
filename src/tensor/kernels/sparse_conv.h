// 2-D convolution with a sparse weight matrix (o, c/groups · kh · kw) on raw pointers, its columns
// in the order (i, kh, kw). Layouts of maps as in conv.h: x [n][h][w][c], y [n][oh][ow][o]; values
// and their gradient in the order of the pattern.
#pragma once
#include <string_view>

#include "tensor/kernels/conv.h"
#include "tensor/kernels/sparse.h"

namespace sparlet {

struct PlaneLoops;

// Where the gradients go; null where one is not wanted.
struct SparseConvGrads {
  float *x, *values, *bias;
};

// Made once for a pattern. n: samples of the call, 1 .. KernelOptions::batch. Allocates nothing
// after it was made.
class SparseConvKernel {
 public:
  virtual ~SparseConvKernel() = default;
  virtual void forward(int64_t n, const float* x, const float* values, const float* bias,
                       float* y) = 0;
  virtual void backward(int64_t n, const float* x, const float* values, const float* dy,
                        const SparseConvGrads&) = 0;
  virtual int64_t bytes() const = 0;  // held for the pattern
  virtual std::string_view description() const = 0;
};

// Direct convolution: a non-zero is one multiply-add of all the pixels of a plane
// (sparse_planes.h).
std::unique_ptr<SparseConvKernel> plane_conv(const ConvShape&, const SparsePattern&,
                                             const KernelOptions&, const PlaneLoops&);

}  // namespace sparlet
