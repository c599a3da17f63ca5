// A window that slides over a map: the arithmetic that convolution and pooling share.
#pragma once
#include <array>
#include <cstdint>

namespace sparlet {

struct Window {
  int64_t c = 1, h = 1, w = 1;             // the map it slides over
  int64_t kh = 1, kw = 1;                  // its size
  std::array<int64_t, 2> stride{1, 1};     // h, w
  std::array<int64_t, 4> pad{0, 0, 0, 0};  // top, bottom, left, right
  std::array<int64_t, 2> dilation{1, 1};   // h, w

  // Number of places; below 1 where the padded map is smaller than the window.
  int64_t out_h() const { return places(h + pad[0] + pad[1], kh, stride[0], dilation[0]); }
  int64_t out_w() const { return places(w + pad[2] + pad[3], kw, stride[1], dilation[1]); }
  // The row (column) of the map under row k of the window at place p; may lie outside.
  int64_t row(int64_t p, int64_t k) const { return p * stride[0] - pad[0] + k * dilation[0]; }
  int64_t column(int64_t p, int64_t k) const { return p * stride[1] - pad[2] + k * dilation[1]; }

 private:
  static int64_t places(int64_t size, int64_t k, int64_t stride, int64_t dilation) {
    const int64_t room = size - ((k - 1) * dilation + 1);
    return room < 0 ? 0 : room / stride + 1;
  }
};

}  // namespace sparlet
