// Position by position, channel by channel: no scratch, and a bitmask is read once from end to end
// for every position.
#include "runtime/rows_i8.h"

namespace sparlet::rt {
namespace {

// Where the kernel lies for one output position: its first row and column in the input (may be
// outside), and which of its own rows and columns meet the map.
struct Patch {
  int32_t y, x;
  int32_t row_low, row_high;
  int32_t column_low, column_high;
};

// The k in [0, kernel) for which 0 <= start + k * dilation < size, as [low, high).
void meet(int32_t start, int32_t kernel, int32_t dilation, int32_t size, int32_t& low,
          int32_t& high) {
  low = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  high = start >= size ? 0 : (size - 1 - start) / dilation + 1;
  if (high > kernel) high = kernel;
  if (low > high) low = high;
}

Patch patch_at(const Conv2dArgs& a, int32_t out_y, int32_t out_x) {
  const Window& w = a.window;
  Patch p;
  p.y = out_y * w.stride_h - w.pad_top;
  p.x = out_x * w.stride_w - w.pad_left;
  meet(p.y, w.kernel_h, w.dilation_h, a.in.h, p.row_low, p.row_high);
  meet(p.x, w.kernel_w, w.dilation_w, a.in.w, p.column_low, p.column_high);
  if (p.column_low == p.column_high) p.row_high = p.row_low;  // wholly beside the map
  return p;
}

// Kernel rows are runs of weights. With one group and no dilation a run meets as long a run of the
// input; so do the i weights of one tap; a depthwise row meets one channel, in steps.
enum class Rows { whole, taps, depthwise };

Rows rows_of(const Conv2dArgs& a) {
  if (a.groups == a.in.c) return Rows::depthwise;
  return a.groups == 1 && a.window.dilation_w == 1 ? Rows::whole : Rows::taps;
}

struct Shape {
  int32_t i;       // input channels of a group
  int32_t o;       // output channels of a group
  int32_t row;     // weights in a kernel row
  int32_t fan_in;  // weights of an output
};

template <Rows rows>
int32_t dense(const Conv2dArgs& a, const Shape& s, const Patch& p, int32_t o) {
  const Window& w = a.window;
  const int32_t first = rows == Rows::whole ? 0 : o / s.o * s.i;  // input channel
  const int8_t* weights = a.weights.values + size_t(o) * size_t(s.fan_in);
  const int32_t taps = p.column_high - p.column_low;
  int32_t sum = 0;
  for (int32_t ky = p.row_low; ky < p.row_high; ++ky) {
    const int32_t y = p.y + ky * w.dilation_h;
    const int32_t x = p.x + p.column_low * w.dilation_w;
    const int8_t* from = a.x + (y * a.in.w + x) * a.in.c + first;
    const int8_t* row = weights + ky * s.row + p.column_low * s.i;
    if constexpr (rows == Rows::whole) {
      sum += dot(from, row, taps * s.i, a.x_zero);
    } else if constexpr (rows == Rows::taps) {
      for (int32_t kx = 0; kx < taps; ++kx)
        sum += dot(from + kx * w.dilation_w * a.in.c, row + kx * s.i, s.i, a.x_zero);
    } else {
      const int32_t step = w.dilation_w * a.in.c;
      for (int32_t kx = 0; kx < taps; ++kx) sum += (from[kx * step] - a.x_zero) * row[kx];
    }
  }
  return sum;
}

// Small kernels have short rows: the patch is laid out once a position, as x - x_zero with zeros
// outside the map, and every output is one long row. The only memory besides the operands: stack.
constexpr int32_t small_patch = 128;

void lay_out(const Conv2dArgs& a, const Shape& s, const Patch& p, int16_t* to) {
  const int32_t low = p.column_low * s.i, high = p.column_high * s.i;
  for (int32_t ky = 0; ky < a.window.kernel_h; ++ky, to += s.row) {
    for (int32_t k = 0; k < s.row; ++k) to[k] = 0;
    if (ky < p.row_low || ky >= p.row_high) continue;
    const int32_t y = p.y + ky * a.window.dilation_h;
    const int8_t* from = a.x + (y * a.in.w + p.x + p.column_low) * a.in.c;
    for (int32_t k = low; k < high; ++k) to[k] = int16_t(from[k - low] - a.x_zero);
  }
}

// The same for four outputs, Rows::whole; `patch` where it was laid out.
Four dense_four(const Conv2dArgs& a, const Shape& s, const Patch& p, int32_t o,
                const int16_t* patch) {
  const auto fan_in = size_t(s.fan_in);
  const int8_t* weights = a.weights.values + size_t(o) * fan_in;
  Four four;
  if (patch != nullptr) {
    dot(patch, weights, fan_in, s.fan_in, 0, four);
    return four;
  }
  const int32_t n = (p.column_high - p.column_low) * s.i;
  for (int32_t ky = p.row_low; ky < p.row_high; ++ky) {
    const int32_t y = p.y + ky * a.window.dilation_h;
    const int8_t* from = a.x + (y * a.in.w + p.x + p.column_low) * a.in.c;
    dot(from, weights + ky * s.row + p.column_low * s.i, fan_in, n, a.x_zero, four);
  }
  return four;
}

template <Rows rows>
int32_t masked(const Conv2dArgs& a, const Shape& s, const Patch& p, int32_t o, MaskReader& reader) {
  const Window& w = a.window;
  const int32_t first = rows == Rows::whole ? 0 : o / s.o * s.i;
  int32_t sum = 0;
  for (int32_t ky = 0; ky < w.kernel_h; ++ky) {
    const bool inside = ky >= p.row_low && ky < p.row_high;
    const int32_t low = inside ? p.column_low : 0, high = inside ? p.column_high : 0;
    const int32_t base = ((p.y + ky * w.dilation_h) * a.in.w + p.x) * a.in.c + first;
    if constexpr (rows == Rows::whole) {
      sum += reader.dot(s.row, low * s.i, high * s.i, a.x, base, 1, a.x_zero);
    } else if constexpr (rows == Rows::taps) {
      for (int32_t kx = 0; kx < w.kernel_w; ++kx) {
        const int32_t end = kx >= low && kx < high ? s.i : 0;
        sum += reader.dot(s.i, 0, end, a.x, base + kx * w.dilation_w * a.in.c, 1, a.x_zero);
      }
    } else {
      sum += reader.dot(s.row, low, high, a.x, base, w.dilation_w * a.in.c, a.x_zero);
    }
  }
  return sum;
}

int8_t output(const Conv2dArgs& a, int32_t o, int32_t sum) {
  const Channel channel = a.weights.channels[o];
  return finish(channel.bias + sum, multiplier_of(channel.scale), a.q);
}

template <Rows rows>
void run(const Conv2dArgs& a) {
  const int32_t i = a.in.c / a.groups;
  const Shape s{.i = i,
                .o = a.out.c / a.groups,
                .row = a.window.kernel_w * i,
                .fan_in = a.window.kernel_h * a.window.kernel_w * i};
  const bool sparse = a.weights.mask != nullptr;
  int8_t* y = a.y;
  for (int32_t out_y = 0; out_y < a.out.h; ++out_y) {
    for (int32_t out_x = 0; out_x < a.out.w; ++out_x) {
      const Patch p = patch_at(a, out_y, out_x);
      MaskReader reader{.mask = a.weights.mask, .values = a.weights.values};
      int32_t o = 0;
      if (rows == Rows::whole && !sparse) {
        int16_t patch[small_patch];
        const bool small = s.fan_in <= small_patch && a.window.kernel_h > 1;
        if (small) lay_out(a, s, p, patch);
        for (; o + 4 <= a.out.c; o += 4) {
          const Four four = dense_four(a, s, p, o, small ? patch : nullptr);
          for (int32_t i = 0; i < 4; ++i) *y++ = output(a, o + i, four.sum[i]);
        }
      }
      for (; o < a.out.c; ++o) {
        const int32_t sum = sparse ? masked<rows>(a, s, p, o, reader) : dense<rows>(a, s, p, o);
        *y++ = output(a, o, sum);
      }
    }
  }
}

}  // namespace

void conv2d_i8(const Conv2dArgs& a) {
  switch (rows_of(a)) {
    case Rows::whole:
      return run<Rows::whole>(a);
    case Rows::taps:
      return run<Rows::taps>(a);
    case Rows::depthwise:
      return run<Rows::depthwise>(a);
  }
}

}  // namespace sparlet::rt
