// Positions in increasing order, and of each window only values at or behind the one that is
// written: that is why a pool without padding may write over its input.
#include "runtime/rows_i8.h"

namespace sparlet::rt {
namespace {

// The part of a window that lies in the map.
struct Box {
  int32_t top, left, bottom, right;
  int32_t count() const { return (bottom - top) * (right - left); }
};

int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }

Box box_at(const Window& w, const Map& in, int32_t out_y, int32_t out_x) {
  const int32_t y = out_y * w.stride_h - w.pad_top, x = out_x * w.stride_w - w.pad_left;
  return {.top = y < 0 ? 0 : y,
          .left = x < 0 ? 0 : x,
          .bottom = least(y + w.kernel_h, in.h),
          .right = least(x + w.kernel_w, in.w)};
}

int8_t greatest(const int8_t* x, const Map& in, const Box& box, int32_t c) {
  int8_t most = -128;
  for (int32_t y = box.top; y < box.bottom; ++y) {
    for (int32_t i = box.left; i < box.right; ++i) {
      const int8_t v = x[(y * in.w + i) * in.c + c];
      if (v > most) most = v;
    }
  }
  return most;
}

int32_t sum(const int8_t* x, const Map& in, const Box& box, int32_t c) {
  int32_t total = 0;
  for (int32_t y = box.top; y < box.bottom; ++y)
    for (int32_t i = box.left; i < box.right; ++i) total += x[(y * in.w + i) * in.c + c];
  return total;
}

}  // namespace

void max_pool_i8(const MaxPoolArgs& a) {
  int8_t* y = a.y;
  for (int32_t out_y = 0; out_y < a.out.h; ++out_y) {
    for (int32_t out_x = 0; out_x < a.out.w; ++out_x) {
      const Box box = box_at(a.window, a.in, out_y, out_x);
      for (int32_t c = 0; c < a.out.c; ++c)
        *y++ = clamp(greatest(a.x, a.in, box, c), a.low, a.high);
    }
  }
}

void avg_pool_i8(const AvgPoolArgs& a) {
  const bool same = a.x_scale == a.y_scale && a.x_zero == a.q.zero;
  const int32_t area = a.window.kernel_h * a.window.kernel_w;
  int32_t factor_count = 0;  // the count that `factor` is for
  Multiplier factor{};
  int8_t* y = a.y;
  for (int32_t out_y = 0; out_y < a.out.h; ++out_y) {
    for (int32_t out_x = 0; out_x < a.out.w; ++out_x) {
      const Box box = box_at(a.window, a.in, out_y, out_x);
      const int32_t inside = box.count();
      const int32_t count = a.include_pad ? area : inside;
      if (!same && count != factor_count) {
        factor = ratio(a.x_scale, a.y_scale, uint32_t(count));
        factor_count = count;
      }
      for (int32_t c = 0; c < a.out.c; ++c) {
        const int32_t total = sum(a.x, a.in, box, c);
        if (same) {
          const int32_t whole = total + (count - inside) * a.x_zero;
          const int32_t half = whole < 0 ? -(count / 2) : count / 2;
          *y++ = clamp((whole + half) / count, a.q.low, a.q.high);
        } else {
          *y++ = finish(total - inside * a.x_zero, factor, a.q);
        }
      }
    }
  }
}

}  // namespace sparlet::rt
