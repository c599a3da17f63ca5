// A window that slides along three axes: what 1-D and 3-D convolution and pooling share. One axis:
// the other two have size 1.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>

namespace sparlet {

struct WindowAxis {
  int64_t size = 1, window = 1, stride = 1, dilation = 1;
  int64_t before = 0, after = 0;  // padding

  // Number of places; below 1 where the padded axis is smaller than the window.
  int64_t places() const {
    const int64_t room = size + before + after - ((window - 1) * dilation + 1);
    return room < 0 ? 0 : room / stride + 1;
  }
  // The element under element k of the window at place p; may lie outside.
  int64_t at(int64_t p, int64_t k) const { return p * stride - before + k * dilation; }
  // Without dilation: the part of the window at place p that lies inside, [begin, end).
  int64_t begin(int64_t p) const { return std::max<int64_t>(at(p, 0), 0); }
  int64_t end(int64_t p) const { return std::min(at(p, 0) + window, size); }
};

struct Volume {
  WindowAxis d, h, w;

  int64_t size() const { return d.size * h.size * w.size; }
  int64_t window() const { return d.window * h.window * w.window; }
  int64_t places() const { return d.places() * h.places() * w.places(); }
};

// Pooling of `planes` volumes one after the other, x [planes][d][h][w]. No dilation.
// Takes the first of equal values. `from`, where not null, gets the number in its plane of the
// element that each output came from.
void max_pool(const Volume&, int64_t planes, const float* x, float* y, int32_t* from);
void max_pool_backward(const Volume&, int64_t planes, const int32_t* from, const float* dy,
                       float* dx);
// count_pad: divides by the whole window, else by what of it lies inside.
void avg_pool(const Volume&, bool count_pad, int64_t planes, const float* x, float* y);
void avg_pool_backward(const Volume&, bool count_pad, int64_t planes, const float* dy, float* dx);

}  // namespace sparlet
