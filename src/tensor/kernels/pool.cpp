#include "tensor/kernels/pool.h"

#include <algorithm>

#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

// The part of the window at one place that lies in the map.
struct Part {
  int64_t top, bottom, left, right;  // [top, bottom) × [left, right)
  int64_t pixels() const { return (bottom - top) * (right - left); }
};

Part part_at(const Window& w, int64_t oh, int64_t ow) {
  const int64_t h = w.row(oh, 0), v = w.column(ow, 0);
  return {std::max<int64_t>(h, 0), std::min(h + w.kh, w.h), std::max<int64_t>(v, 0),
          std::min(v + w.kw, w.w)};
}

// visit(sample, output pixel, part)
template <class Visit>
void each_place(const Window& w, int64_t n, Visit visit) {
  const int64_t out_h = w.out_h(), out_w = w.out_w();
  for (int64_t sample = 0; sample < n; ++sample)
    for (int64_t oh = 0; oh < out_h; ++oh)
      for (int64_t ow = 0; ow < out_w; ++ow)
        visit(sample, (sample * out_h + oh) * out_w + ow, part_at(w, oh, ow));
}

// The greater, or NaN if either is.
SPARLET_WIDE void keep_max(int64_t c, const float* __restrict x, float* __restrict y) {
  for (int64_t i = 0; i < c; ++i) y[i] = (y[i] >= x[i]) | (y[i] != y[i]) ? y[i] : x[i];
}

// The same, and where it came from.
SPARLET_WIDE void keep_max_from(int64_t c, const float* __restrict x, int32_t pixel,
                                float* __restrict y, int32_t* __restrict from) {
  for (int64_t i = 0; i < c; ++i) {
    const bool keep = (y[i] >= x[i]) | (y[i] != y[i]);
    y[i] = keep ? y[i] : x[i];
    from[i] = keep ? from[i] : pixel;
  }
}

SPARLET_WIDE void add(int64_t c, const float* __restrict x, float* __restrict y) {
  for (int64_t i = 0; i < c; ++i) y[i] += x[i];
}

SPARLET_WIDE void add_scaled(int64_t c, float scale, const float* __restrict x,
                             float* __restrict y) {
  for (int64_t i = 0; i < c; ++i) y[i] += scale * x[i];
}

}  // namespace

void max_pool(const Window& w, int64_t n, const float* x, float* y, int32_t* from) {
  each_place(w, n, [&](int64_t sample, int64_t place, const Part& part) {
    const float* map = x + sample * w.h * w.w * w.c;
    float* out = y + place * w.c;
    int32_t* origin = from ? from + place * w.c : nullptr;
    bool first = true;
    for (int64_t h = part.top; h < part.bottom; ++h)
      for (int64_t v = part.left; v < part.right; ++v) {
        const int32_t pixel = int32_t(h * w.w + v);
        const float* in = map + pixel * w.c;
        if (first) {
          std::copy_n(in, w.c, out);
          if (origin) std::fill_n(origin, w.c, pixel);
        } else if (origin) {
          keep_max_from(w.c, in, pixel, out, origin);
        } else {
          keep_max(w.c, in, out);
        }
        first = false;
      }
  });
}

void max_pool_backward(const Window& w, int64_t n, const int32_t* from, const float* dy,
                       float* dx) {
  std::fill_n(dx, n * w.h * w.w * w.c, 0.f);
  each_place(w, n, [&](int64_t sample, int64_t place, const Part&) {
    float* map = dx + sample * w.h * w.w * w.c;
    for (int64_t i = 0; i < w.c; ++i) map[from[place * w.c + i] * w.c + i] += dy[place * w.c + i];
  });
}

void avg_pool(const Window& w, bool count_pad, int64_t n, const float* x, float* y) {
  each_place(w, n, [&](int64_t sample, int64_t place, const Part& part) {
    const float* map = x + sample * w.h * w.w * w.c;
    float* out = y + place * w.c;
    std::fill_n(out, w.c, 0.f);
    for (int64_t h = part.top; h < part.bottom; ++h)
      for (int64_t v = part.left; v < part.right; ++v) add(w.c, map + (h * w.w + v) * w.c, out);
    const float scale = 1.f / float(count_pad ? w.kh * w.kw : part.pixels());
    for (int64_t i = 0; i < w.c; ++i) out[i] *= scale;
  });
}

void avg_pool_backward(const Window& w, bool count_pad, int64_t n, const float* dy, float* dx) {
  std::fill_n(dx, n * w.h * w.w * w.c, 0.f);
  each_place(w, n, [&](int64_t sample, int64_t place, const Part& part) {
    float* map = dx + sample * w.h * w.w * w.c;
    const float scale = 1.f / float(count_pad ? w.kh * w.kw : part.pixels());
    for (int64_t h = part.top; h < part.bottom; ++h)
      for (int64_t v = part.left; v < part.right; ++v)
        add_scaled(w.c, scale, dy + place * w.c, map + (h * w.w + v) * w.c);
  });
}

}  // namespace sparlet
