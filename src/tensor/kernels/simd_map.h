// A convolution of one map at a time: what SimdConv (simd_layer.cpp) runs for each sample.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "tensor/kernels/conv.h"
#include "tensor/kernels/simd.h"

namespace sparlet {

// One sample's map with its padding around it.
struct Frame {
  int64_t c = 1, h = 1, w = 1, top = 0, left = 0, height = 1, width = 1;

  bool needed() const { return height != h || width != w; }
  int64_t pitch() const { return width * c; }
  int64_t size() const { return height * pitch(); }
  int64_t inside() const { return top * pitch() + left * c; }
  // The border of `to` is zero already.
  void fill(const float* map, float* to) const {
    for (int64_t row = 0; row < h; ++row)
      std::copy_n(map + row * w * c, w * c, to + inside() + row * pitch());
  }
  void take(const float* from, float* map) const {
    for (int64_t row = 0; row < h; ++row)
      std::copy_n(from + inside() + row * pitch(), w * c, map + row * w * c);
  }
};
// The input with its padding.
Frame padded_input(const Window&);
// The result with the border that a convolution by the filters turned round wants, in order to give
// the input's gradient; the stride has to be 1. None where the padding reaches beyond the filter.
std::optional<Frame> padded_result(const ConvShape&);

// Weights are [o][kh][kw][c / groups] outside. forward() and data() run after their pack().
class MapConv {
 public:
  virtual ~MapConv() = default;
  virtual void pack(const float* weight) = 0;
  virtual void pack_back(const float* weight) = 0;
  virtual void forward(const float* x, const float* bias, float* y) = 0;
  virtual void data(const float* dy, float* dx) = 0;
  // Sums up the weight's gradient: add = false starts, finish() writes it out.
  virtual void weight(const float* x, const float* dy, float* dweight, bool add) = 0;
  virtual void finish(float* dweight) = 0;
};

std::unique_ptr<MapConv> window_conv(const SimdLoops&, const ConvShape&, bool train);
// REQUIRES: shape.depthwise().
std::unique_ptr<MapConv> depthwise_conv(const SimdLoops&, const ConvShape&, bool train);

SimdPool simd_pool(const Window&);

// A layer whose backward() does all at once: its parts are that with the rest not wanted.
class WholeConv : public ConvKernel {
 public:
  void backward(const ConvBackward&) override = 0;
  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) final;
  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) final;
};

// Neighbouring pixels of the result side by side in one vector, one after the other as they lie in
// memory: a product with the windows' common columns, where each pixel's weights begin `stride`
// columns after its neighbour's and the rest is zero. Six filters of 5 × 5 use twelve lanes for six
// columns so, not six for five. The order of a sum stays; zeros leave it as it is (but an infinite
// input makes the neighbours not a number).
struct Side {
  int64_t pixels = 1, columns = 1;
  int64_t row_cost = 0;  // multiply-adds of a row of the result, a row of the window and a channel

  Side(const ConvShape&, int64_t lanes);
};

}  // namespace sparlet
