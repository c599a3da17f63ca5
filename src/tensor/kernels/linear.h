// Fully connected layer on raw pointers: y = x weightᵀ + bias.
// x [rows][in], weight [out][in], bias [out] or null, y [rows][out].
#pragma once
#include <string_view>

#include "tensor/kernels/kernels.h"

namespace sparlet {

struct LinearShape {
  int64_t in = 1, out = 1;
  bool bias = false;
  bool relu = false;  // y = max(y, 0): of a path with Kernels::fuses alone
};

// `y`: what forward gave. Of dx, dweight and dbias those that are not wanted are null.
struct LinearBackward {
  int64_t rows;
  const float *x, *weight, *y, *dy;
  float *dx, *dweight, *dbias;
};

// Made once for a layer. rows: of the call, 1 .. KernelOptions::batch.
class LinearKernel {
 public:
  virtual ~LinearKernel() = default;
  virtual void forward(int64_t rows, const float* x, const float* weight, const float* bias,
                       float* y) = 0;
  virtual void backward_data(int64_t rows, const float* weight, const float* dy, float* dx) = 0;
  // dbias may be null.
  virtual void backward_weight(int64_t rows, const float* x, const float* dy, float* dweight,
                               float* dbias) = 0;
  // All of it at once; the only way where relu is fused. Else dbias is given with dweight.
  virtual void backward(const LinearBackward&);
  // After backward(): the gradient behind relu, from which dweight would have come.
  virtual const float* result_grad(const float* dy) const { return dy; }
  // Without training: the weight has new values.
  virtual void weight_changed() {}
  // After a forward without training: the weight is not read again before weight_changed().
  virtual bool holds_weight() const { return false; }
  virtual std::string_view description() const { return "portable"; }
};

std::unique_ptr<LinearKernel> portable_linear(const LinearShape&, const KernelOptions&);

}  // namespace sparlet
