#include "tensor/kernels/linear.h"

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

// R rows times O outputs: each sum runs over the inputs in kLanes strands, added up at the end, so
// that a row's result is the same whatever rows stand beside it.
template <int R, int O>
[[gnu::always_inline]] inline void dot_tile(int64_t in, const float* x, const float* weight,
                                            const float* bias, float* y, int64_t y_row) {
  Lanes sum[R][O] = {};
  float rest[R][O] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    Lanes w[O];
    for (int o = 0; o < O; ++o) SPARLET_LOAD(w[o], weight + o * in + i);
    for (int r = 0; r < R; ++r) {
      Lanes v;
      SPARLET_LOAD(v, x + r * in + i);
      for (int o = 0; o < O; ++o) sum[r][o] += v * w[o];
    }
  }
  for (; i < in; ++i)
    for (int r = 0; r < R; ++r)
      for (int o = 0; o < O; ++o) rest[r][o] += x[r * in + i] * weight[o * in + i];
  for (int r = 0; r < R; ++r)
    for (int o = 0; o < O; ++o) {
      float total = rest[r][o];
      for (int k = 0; k < kLanes; ++k) total += sum[r][o][k];
      y[r * y_row + o] = bias ? total + bias[o] : total;
    }
}

template <int R>
[[gnu::always_inline]] inline void dot_rows(const LinearShape& s, const float* x,
                                            const float* weight, const float* bias, float* y) {
  int64_t o = 0;
  for (; o + 4 <= s.out; o += 4)
    dot_tile<R, 4>(s.in, x, weight + o * s.in, bias ? bias + o : nullptr, y + o, s.out);
  for (; o < s.out; ++o)
    dot_tile<R, 1>(s.in, x, weight + o * s.in, bias ? bias + o : nullptr, y + o, s.out);
}

SPARLET_WIDE void forward(const LinearShape& s, int64_t rows, const float* x, const float* weight,
                          const float* bias, float* y) {
  int64_t r = 0;
  for (; r + 2 <= rows; r += 2) dot_rows<2>(s, x + r * s.in, weight, bias, y + r * s.out);
  for (; r < rows; ++r) dot_rows<1>(s, x + r * s.in, weight, bias, y + r * s.out);
}

class PortableLinear final : public LinearKernel {
 public:
  explicit PortableLinear(const LinearShape& shape) : s_(shape) {}

  void forward(int64_t rows, const float* x, const float* weight, const float* bias,
               float* y) override {
    sparlet::forward(s_, rows, x, weight, bias, y);
  }
  void backward_data(int64_t rows, const float* weight, const float* dy, float* dx) override {
    gemm({.m = rows,
          .n = s_.in,
          .k = s_.out,
          .a = {dy, s_.out, 1},
          .b = weight,
          .b_row = s_.in,
          .c = dx,
          .c_row = s_.in});
  }
  void backward_weight(int64_t rows, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    gemm({.m = s_.out,
          .n = s_.in,
          .k = rows,
          .a = {dy, 1, s_.out},
          .b = x,
          .b_row = s_.in,
          .c = dweight,
          .c_row = s_.in});
    if (dbias) sum_rows(rows, s_.out, dy, dbias);
  }

 private:
  LinearShape s_;
};

}  // namespace

void LinearKernel::backward(const LinearBackward& b) {
  if (b.dx) backward_data(b.rows, b.weight, b.dy, b.dx);
  if (b.dweight) backward_weight(b.rows, b.x, b.dy, b.dweight, b.dbias);
}

std::unique_ptr<LinearKernel> portable_linear(const LinearShape& shape, const KernelOptions&) {
  return std::make_unique<PortableLinear>(shape);
}

}  // namespace sparlet
