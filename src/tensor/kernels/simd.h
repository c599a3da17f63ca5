// The loops that are written once for SIMD and built for each instruction set, as a table of
// function pointers. Plain pointers and numbers only: see kernels.h.
#pragma once
#include <cstdint>

namespace sparlet {

// c[r][n] = Σ_k a(r,k) b(k,n), where r runs over m_outer × m and k over k_outer × k_inner: that is
// a matrix product, a convolution (r: rows of the map × pixels of a row, k: rows of the window ×
// floats of a row), or its gradient (k: rows of the map × pixels of a row). Every element is one
// chain of multiply-adds in the order of k, whatever stands beside it. All steps are in floats.
struct SimdProduct {
  int64_t m_outer = 1, m = 1, n = 1, k_outer = 1, k_inner = 1;
  const float* a;
  int64_t a_row, a_row_outer = 0, a_outer = 0, a_inner = 1;
  // Columns [v·lanes, (v+1)·lanes) start at b + v·b_panel. With `padded` those of the last panel
  // may be read beyond n.
  const float* b;
  int64_t b_outer = 0, b_inner, b_panel;
  int64_t b_row_outer = 0;  // where each of m_outer has a b of its own
  bool padded = false;
  float* c;
  int64_t c_row, c_row_outer = 0;
  int64_t c_panel = 0;          // floats from a vector of c to the next one; 0: lanes
  const float* bias = nullptr;  // [n], what the sums start from
  bool bias_of_rows = false;    // bias is [m], one for each row
  bool accumulate = false;      // they start from c
  bool relu = false;            // c = max(sum, 0), NaN stays
};

// y[row][pixel][c] = bias[c] + Σ_tap x[row · x_row + pixel · x_pixel + offset[tap] + c]
// weight[tap][c]. Rows of `weight` are weight_row floats apart.
struct SimdDepthwise {
  int64_t c = 1, rows = 1, pixels = 1, taps = 1;
  const int64_t* offset;
  const float* x;
  int64_t x_row, x_pixel;
  const float* weight;
  int64_t weight_row;
  const float* bias;  // or null
  float* y;
  bool relu = false;
};

// Max pooling of one map [h][w][c], without padding's values: a window is cut at the map's border.
struct SimdPool {
  int64_t c = 1, h = 1, w = 1, out_h = 1, out_w = 1, kh = 1, kw = 1;
  int64_t stride_h = 1, stride_w = 1, top = 0, left = 0;
  int64_t pitch = 0;  // pixels from a row of the map to the next one; 0: w
};

// The gradient of a convolution's weight where samples lie side by side, a lane each:
// sum[o][outer][inner][lane] += Σ over rows and pixels of y[row][pixel][o][lane] ·
// x[row · x_row + pixel · x_pixel + outer · x_outer + inner · lanes + lane].
struct SimdLaneSums {
  int64_t rows = 1, pixels = 1, o = 1, outer = 1, inner = 1;
  const float* x;
  int64_t x_row, x_pixel, x_outer;
  const float* y;
  int64_t y_row;
  float* sum;
};

// Tiles of 4 × 4 pixels of a 3 × 3 convolution with stride 1, row by row over a map and over the
// maps that follow it: Winograd's products, F(4×4, 3×3) (simd_winograd.h). A tile has 36 values a
// channel there; those of tile t begin at t · row, `place` floats from one of the 36 to the next.
struct SimdTiles {
  int64_t c = 1, h = 1, w = 1;   // the map: what is read, or written
  int64_t top = 0, left = 0;     // where the first tile begins: that much before the map
  int64_t across = 1, each = 1;  // tiles of a row, of a map
  int64_t first = 0, count = 0;  // counted from the first tile of the first map
  int64_t row = 0, place = 0;
  const float* zeros = nullptr;  // [w][c]
};

// Adam and, where `decay` is 0 and `keep` below 1, AdamW: update.h has the factors. The root and
// the quotient are within 2 units in the last place, not correctly rounded: those cost four times
// as much.
struct SimdAdam {
  int64_t count;
  float* weight;
  const float* grad;
  float *m, *v;
  float decay, keep, beta1, beta2, one_less1, one_less2, step_size, root, epsilon;
};

// A gradient that is not written down: grad[o · in + i] = Σ over rows of dy[row · out + o]
// x[row · in + i].
struct SimdOuter {
  int64_t rows, out, in;
  const float *dy, *x;
};

struct SimdLoops {
  const char* name = "";
  int64_t lanes = 1;  // floats in a vector
  void (*product)(const SimdProduct&) = nullptr;
  // y[r·out + o] = bias[o] + Σ_k x[r·in + k] weight[o·in + k]; bias may be null; relu as above
  void (*dots)(int64_t rows, int64_t in, int64_t out, const float* x, const float* weight,
               const float* bias, bool relu, float* y) = nullptr;
  // to[p][k][lane] = from[(p·lanes + lane)·row + k], zeros where p·lanes + lane >= rows
  void (*pack_transposed)(int64_t rows, int64_t columns, const float* from, int64_t row,
                          float* to) = nullptr;
  // to [columns][rows] = from [rows][columns], rows `row` floats apart
  void (*transpose)(int64_t rows, int64_t columns, const float* from, int64_t row,
                    float* to) = nullptr;
  // The same with rows of `to` that are to_row floats apart.
  void (*transpose_rows)(int64_t rows, int64_t columns, const float* from, int64_t row, float* to,
                         int64_t to_row) = nullptr;
  // sum[i] = Σ over rows of x[row][i], or += with `add`
  void (*sum_rows)(int64_t rows, int64_t columns, const float* x, float* sum, bool add) = nullptr;
  // Rows of n floats, steps between them: to = from.
  void (*copy_rows)(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
                    int64_t to_row) = nullptr;
  // to[r][i] += from[r][i] factor[i]; rows of `from` are n floats apart.
  void (*multiply_add_rows)(int64_t rows, int64_t n, const float* from, const float* factor,
                            float* to, int64_t to_row) = nullptr;
  void (*add)(int64_t n, const float* x, float* y) = nullptr;  // y += x
  void (*depthwise)(const SimdDepthwise&) = nullptr;
  // dweight[tap][c] = Σ over rows and pixels of x · y, or += with `add`; y is the result's
  // gradient.
  void (*depthwise_weight)(const SimdDepthwise&, float* dweight, bool add) = nullptr;
  // The greatest of each window, NaN if one is, the first of equal ones; `from`, where not null:
  // which pixel of the map that was. With relu: y = max(y, 0), and from = -1 where that is 0.
  void (*max_pool)(const SimdPool&, bool relu, const float* x, float* y, int32_t* from) = nullptr;
  void (*max_pool_backward)(const SimdPool&, const int32_t* from, const float* dy,
                            float* dx) = nullptr;
  void (*lane_sums)(const SimdLaneSums&) = nullptr;
  // to[i] = Σ over lanes of from[i][lane]
  void (*sum_lanes)(int64_t n, const float* from, float* to) = nullptr;
  void (*adam)(const SimdAdam&) = nullptr;
  void (*adam_outer)(const SimdAdam&, const SimdOuter&) = nullptr;  // `grad` is not read
  // Adds a product's rows from[pixel][kw · c] to the pixels of a map's row that they belong to:
  // to[w][c] += Σ from[p][kw · c ..], w = p · stride + kw.
  void (*spread_row)(int64_t pixels, int64_t kw, int64_t c, int64_t stride, const float* from,
                     int64_t from_row, float* to) = nullptr;
  // dx = dy where y > 0, else 0
  void (*relu_backward)(int64_t n, const float* y, const float* dy, float* dx) = nullptr;
  // x's 6 × 6 pixels of each tile, turned: rows and tiles have room for whole vectors.
  void (*tiles_of_input)(const SimdTiles&, const float* x, float* to) = nullptr;
  // The result's gradient, 4 × 4 pixels, as the filter that gives the weight's gradient.
  void (*tiles_of_grad)(const SimdTiles&, const float* dy, float* to) = nullptr;
  // The result, from the products of tiles and weights. relu as above; bias may be null.
  void (*tiles_to_map)(const SimdTiles&, const float* from, const float* bias, bool relu,
                       float* y) = nullptr;
  // n weights of each of nine taps, `tap` floats apart, to 36 values `place` apart, and back; with
  // `turned` from the last tap to the first.
  void (*tile_weight)(int64_t n, const float* weight, int64_t tap, bool turned, float* to,
                      int64_t place) = nullptr;
  void (*tile_weight_grad)(int64_t n, const float* from, int64_t place, float* dweight,
                           int64_t tap) = nullptr;
};

extern const SimdLoops simd_avx2, simd_avx512;

}  // namespace sparlet
