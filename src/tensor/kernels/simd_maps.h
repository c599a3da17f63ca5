// Depthwise convolution and pooling of simd.h: vectors run along the channels.
#pragma once
#include "tensor/kernels/simd.h"
#include "tensor/kernels/simd_vector.h"

namespace sparlet {
namespace {

// P pixels × one vector of channels.
template <int P>
void depthwise_tile(const SimdDepthwise& d, const float* x, const float* weight, V start, float* y,
                    Mask mask) {
  V sum[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) sum[p] = start;
  for (int64_t t = 0; t < d.taps; ++t, weight += d.weight_row) {
    const V w = load(weight, mask);
    const float* from = x + d.offset[t];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sum[p] = fma(load(from + p * d.x_pixel, mask), w, sum[p]);
  }
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) store(y + p * d.c, d.relu ? greater(zero(), sum[p]) : sum[p], mask);
}

void depthwise(const SimdDepthwise& d) {
  for (int64_t c = 0; c < d.c; c += kWidth) {
    const Mask mask = first_lanes(d.c - c);
    const V start = d.bias ? load(d.bias + c, mask) : zero();
    for (int64_t row = 0; row < d.rows; ++row) {
      const float* x = d.x + row * d.x_row + c;
      float* y = d.y + row * d.pixels * d.c + c;
      int64_t p = 0;
      const auto run = [&]<int P>() {
        for (; p + P <= d.pixels; p += P)
          depthwise_tile<P>(d, x + p * d.x_pixel, d.weight + c, start, y + p * d.c, mask);
      };
      run.template operator()<8>();
      run.template operator()<4>();
      run.template operator()<1>();
    }
  }
}

void multiply_add_rows(int64_t rows, int64_t n, const float* from, const float* factor, float* to,
                       int64_t to_row) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const Mask mask = first_lanes(n - i);
    const V w = load(factor + i, mask);
    for (int64_t r = 0; r < rows; ++r) {
      float* at = to + r * to_row + i;
      store(at, fma(load(from + r * n + i, mask), w, load(at, mask)), mask);
    }
  }
}

// T taps × one vector of channels.
template <int T>
void depthwise_weight_tile(const SimdDepthwise& d, int64_t first, int64_t c, float* dweight,
                           bool add) {
  const Mask mask = first_lanes(d.c - c);
  const float* from[T];
  V sum[T];
  for (int t = 0; t < T; ++t) {
    from[t] = d.x + d.offset[first + t] + c;
    sum[t] = add ? load(dweight + t * d.weight_row, mask) : zero();
  }
  for (int64_t row = 0; row < d.rows; ++row) {
    const float* y = d.y + row * d.pixels * d.c + c;
    for (int64_t p = 0, at = row * d.x_row; p < d.pixels; ++p, at += d.x_pixel, y += d.c) {
      const V up = load(y, mask);
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) sum[t] = fma(load(from[t] + at, mask), up, sum[t]);
    }
  }
  for (int t = 0; t < T; ++t) store(dweight + t * d.weight_row, sum[t], mask);
}

void depthwise_weight(const SimdDepthwise& d, float* dweight, bool add) {
  for (int64_t c = 0; c < d.c; c += kWidth) {
    int64_t t = 0;
    const auto run = [&]<int T>() {
      for (; t + T <= d.taps; t += T)
        depthwise_weight_tile<T>(d, t, c, dweight + t * d.weight_row + c, add);
    };
    run.template operator()<9>();
    run.template operator()<4>();
    run.template operator()<1>();
  }
}

inline int64_t pitch_of(const SimdPool& s) { return s.pitch ? s.pitch : s.w; }

// visit(first pixel of the window that lies in the map, rows, columns, output pixel)
template <class Visit>
void each_window(const SimdPool& s, Visit visit) {
  const int64_t pitch = pitch_of(s);
  for (int64_t oh = 0, place = 0; oh < s.out_h; ++oh) {
    const int64_t h = oh * s.stride_h - s.top, top = h < 0 ? 0 : h;
    const int64_t rows = (h + s.kh < s.h ? h + s.kh : s.h) - top;
    for (int64_t ow = 0; ow < s.out_w; ++ow, ++place) {
      const int64_t w = ow * s.stride_w - s.left, left = w < 0 ? 0 : w;
      visit(top * pitch + left, rows, (w + s.kw < s.w ? w + s.kw : s.w) - left, place);
    }
  }
}

template <bool Relu, bool From>
void max_pool_as(const SimdPool& s, const float* x, float* y, int32_t* from) {
  const int64_t pitch = pitch_of(s);
  for (int64_t c = 0; c < s.c; c += kWidth) {
    const Mask mask = first_lanes(s.c - c);
    each_window(s, [&](int64_t first, int64_t rows, int64_t columns, int64_t place) {
      V best = load(x + first * s.c + c, mask);
      I where = all_int(int32_t(first));
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = r == 0 ? 1 : 0; k < columns; ++k) {
          const int64_t pixel = first + r * pitch + k;
          const V v = load(x + pixel * s.c + c, mask);
          const Choice better = beaten(best, v);
          best = choose(better, v, best);
          if (From) where = choose(better, all_int(int32_t(pixel)), where);
        }
      if (Relu) {
        best = greater(zero(), best);
        if (From) where = choose(above(best, zero()), where, all_int(-1));
      }
      store(y + place * s.c + c, best, mask);
      if (From) store_int(from + place * s.c + c, where, mask);
    });
  }
}

// Windows of 2 × 2 pixels beside each other, none of them cut: most pools.
inline bool in_pairs(const SimdPool& s) {
  return s.kh == 2 && s.kw == 2 && s.stride_h == 2 && s.stride_w == 2 && s.top == 0 &&
         s.left == 0 && 2 * s.out_h <= s.h && 2 * s.out_w <= s.w;
}

// visit(place of the window's first pixel, place of what is pooled, mask of the channels there)
template <class Visit>
void each_pair(const SimdPool& s, Visit visit) {
  const Mask rest = first_lanes(s.c % kWidth ? s.c % kWidth : kWidth);
  for (int64_t oh = 0, place = 0; oh < s.out_h; ++oh)
    for (int64_t ow = 0; ow < s.out_w; ++ow, ++place) {
      const int64_t first = 2 * oh * pitch_of(s) + 2 * ow;
      const I base = all_int(int32_t(first));
      int64_t c = 0;
      for (; c + kWidth < s.c; c += kWidth)
        visit(first * s.c + c, place * s.c + c, base, first_lanes(kWidth));
      visit(first * s.c + c, place * s.c + c, base, rest);
    }
}

template <bool Relu, bool From>
void max_pool_pairs(const SimdPool& s, const float* x, float* y, int32_t* from) {
  const int64_t down = pitch_of(s) * s.c;
  const I right = all_int(1), below = all_int(int32_t(pitch_of(s))),
          last = all_int(int32_t(pitch_of(s)) + 1), none = all_int(-1);
  each_pair(
      s, [ =, c = s.c ](int64_t at, int64_t to, I base, Mask mask) __attribute__((always_inline)) {
        V best = load(x + at, mask);
        I where = all_int(0);
        const auto meet = [&](const float* pixel, I place) __attribute__((always_inline)) {
          const V v = load(pixel, mask);
          const Choice better = beaten(best, v);
          best = choose(better, v, best);
          if (From) where = choose(better, place, where);
        };
        meet(x + at + c, right);
        meet(x + at + down, below);
        meet(x + at + down + c, last);
        where = plus(where, base);
        if (Relu) {
          best = greater(zero(), best);
          if (From) where = choose(above(best, zero()), where, none);
        }
        store(y + to, best, mask);
        if (From) store_int(from + to, where, mask);
      });
}

void max_pool_backward_pairs(const SimdPool& s, const int32_t* from, const float* dy, float* dx) {
  const int64_t down = pitch_of(s) * s.c;
  const I right = all_int(1), below = all_int(int32_t(pitch_of(s))),
          last = all_int(int32_t(pitch_of(s)) + 1);
  each_pair(
      s, [ =, c = s.c ](int64_t at, int64_t to, I base, Mask mask) __attribute__((always_inline)) {
        const V up = load(dy + to, mask);
        const I where = load_int(from + to, mask);
        const auto give = [&](float* pixel, I place) __attribute__((always_inline)) {
          store(pixel, choose(same(where, plus(base, place)), up, zero()), mask);
        };
        give(dx + at, all_int(0));
        give(dx + at + c, right);
        give(dx + at + down, below);
        give(dx + at + down + c, last);
      });
}

template <bool Relu, bool From>
void max_pool_any(const SimdPool& s, const float* x, float* y, int32_t* from) {
  (in_pairs(s) ? max_pool_pairs<Relu, From> : max_pool_as<Relu, From>)(s, x, y, from);
}

void max_pool(const SimdPool& s, bool relu, const float* x, float* y, int32_t* from) {
  if (from)
    (relu ? max_pool_any<true, true> : max_pool_any<false, true>)(s, x, y, from);
  else
    (relu ? max_pool_any<true, false> : max_pool_any<false, false>)(s, x, y, from);
}

template <bool Add>
void max_pool_backward_as(const SimdPool& s, const int32_t* from, const float* dy, float* dx) {
  const int64_t pitch = pitch_of(s);
  for (int64_t c = 0; c < s.c; c += kWidth) {
    const Mask mask = first_lanes(s.c - c);
    each_window(s, [&](int64_t first, int64_t rows, int64_t columns, int64_t place) {
      const V up = load(dy + place * s.c + c, mask);
      const I where = load_int(from + place * s.c + c, mask);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t k = 0; k < columns; ++k) {
          const int64_t pixel = first + r * pitch + k;
          float* to = dx + pixel * s.c + c;
          const V mine = choose(same(where, all_int(int32_t(pixel))), up, zero());
          store(to, Add ? load(to, mask) + mine : mine, mask);
        }
    });
  }
}

void max_pool_backward(const SimdPool& s, const int32_t* from, const float* dy, float* dx) {
  const bool apart = s.stride_h >= s.kh && s.stride_w >= s.kw;
  const bool covers =
      apart && s.top == 0 && s.left == 0 && s.out_h * s.kh == s.h && s.out_w * s.kw == s.w;
  for (int64_t row = 0; !covers && row < s.h; ++row) {
    float* to = dx + row * pitch_of(s) * s.c;
    for (int64_t i = 0; i < s.w * s.c; ++i) to[i] = 0;
  }
  if (in_pairs(s)) return max_pool_backward_pairs(s, from, dy, dx);
  (apart ? max_pool_backward_as<false> : max_pool_backward_as<true>)(s, from, dy, dx);
}

void relu_backward(int64_t n, const float* y, const float* dy, float* dx) {
  for (int64_t i = 0; i < n; i += kWidth) {
    const Mask mask = first_lanes(n - i);
    store(dx + i, choose(above(load(y + i, mask), zero()), load(dy + i, mask), zero()), mask);
  }
}

}  // namespace
}  // namespace sparlet
