// 2-D convolution (cross-correlation, as in every framework) on raw pointers.
// x [n][h][w][c], weight [o][kh][kw][c / groups], bias [o] or null, y [n][oh][ow][o].
#pragma once
#include <optional>
#include <string_view>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/window.h"

namespace sparlet {

struct ConvShape {
  Window window;
  int64_t o = 1, groups = 1;
  bool bias = false;
  // What kernels of a path with Kernels::fuses do to the result before it is written: y = max(y,
  // 0), then max pooling. `pool` slides over the map [out_h][out_w][o].
  bool relu = false;
  std::optional<Window> pool = {};

  int64_t group_c() const { return window.c / groups; }
  int64_t group_o() const { return o / groups; }
  int64_t patch() const { return window.kh * window.kw * group_c(); }  // weights of one filter
  bool depthwise() const { return groups == window.c && groups == o; }
};

// `y`: what forward gave. Of dx, dweight and dbias those that are not wanted are null.
struct ConvBackward {
  int64_t n;
  const float *x, *weight, *y, *dy;
  float *dx, *dweight, *dbias;
};

// Made once for a layer. n: samples of the call, 1 .. KernelOptions::batch.
class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  virtual void forward(int64_t n, const float* x, const float* weight, const float* bias,
                       float* y) = 0;
  virtual void backward_data(int64_t n, const float* weight, const float* dy, float* dx) = 0;
  // dbias may be null.
  virtual void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                               float* dbias) = 0;
  // All of it at once; the only way where relu or a pool is fused. Else dbias is given with
  // dweight.
  virtual void backward(const ConvBackward&);
  // Without training: the weight has new values.
  virtual void weight_changed() {}
  // After a forward without training: the weight is not read again before weight_changed().
  virtual bool holds_weight() const { return false; }
  // What runs each pass, separated by spaces: for tests and reports.
  virtual std::string_view description() const { return "portable"; }
};

std::unique_ptr<ConvKernel> portable_conv2d(const ConvShape&, const KernelOptions&);
// The same (but for depthwise layers) around other products.
std::unique_ptr<ConvKernel> conv2d_by(const GemmPath&, const ConvShape&, const KernelOptions&);

}  // namespace sparlet
