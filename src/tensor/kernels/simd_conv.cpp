#include <algorithm>
#include <vector>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {
namespace {

// Every pass is a SimdProduct straight on the maps: for a row of the window, a pixel's inputs are
// `kw · c` floats that lie together, and those of the next pixel start stride · c floats further.
// Only where a row of the window is much shorter than a vector are the patches written out. Where
// filters are few, neighbouring pixels share a vector: see Side.
class WindowConv final : public MapConv {
 public:
  WindowConv(const SimdLoops& loops, const ConvShape& shape, bool train)
      : loops_(loops),
        s_(shape),
        w_(shape.window),
        lanes_(loops.lanes),
        cg_(shape.group_c()),
        og_(shape.group_o()),
        oh_(w_.out_h()),
        ow_(w_.out_w()),
        patch_(shape.patch()),
        x_frame_(padded_input(w_)),
        side_(shape, loops.lanes),
        together_(s_.groups == 1 && w_.dilation[1] == 1),
        run_(together_ ? w_.kw * w_.c : cg_),
        runs_(patch_ / run_) {
    packed_.resize(size_t(s_.groups * padded(og_) * patch_ / w_.kw * side_.columns));
    side_bias_.resize(size_t(side_.pixels * og_));
    if (x_frame_.needed()) x_padded_.resize(size_t(x_frame_.size()));
    if (train) prepare_backward();
  }

  void pack(const float* weight) override {
    if (side_.pixels > 1) return pack_side_by_side(weight);
    for (int64_t g = 0; g < s_.groups; ++g)
      loops_.pack_transposed(og_, patch_, weight + g * og_ * patch_, patch_,
                             packed_.data() + g * padded(og_) * patch_);
  }

  // Turned round for the direct way; as it is for the other one.
  void pack_back(const float* weight) override {
    weight_ = weight;
    for (int64_t g = 0; g < s_.groups && direct_; ++g)
      for (int64_t first = 0; first < cg_; first += lanes_) {
        float* to = turned_.data() + (g * padded(cg_) + first) * w_.kh * w_.kw * og_;
        const int64_t many = std::min(lanes_, cg_ - first);
        for (int64_t tap = w_.kh * w_.kw - 1; tap >= 0; --tap)
          loops_.copy_rows(og_, many, weight + g * og_ * patch_ + tap * cg_ + first, patch_,
                           to + (w_.kh * w_.kw - 1 - tap) * og_ * lanes_, lanes_);
      }
  }

  void forward(const float* x, const float* bias, float* y) override {
    if (side_.pixels > 1) return convolve_side_by_side(x, bias, y);
    convolve({.x = x,
              .frame = &x_frame_,
              .padded = x_padded_.data(),
              .weight = packed_.data(),
              .bias = bias,
              .y = y});
  }

  // dx(h, w) = Σ dy(h + pad - kh, w + pad - kw) weight(kh, kw): a convolution of dy, with a border,
  // by the filters turned round, inputs and outputs exchanged. Or, where that costs more, every
  // output row is spread over the windows it came from.
  void data(const float* dy, float* dx) override {
    if (direct_)
      return convolve({.x = dy,
                       .frame = &y_frame_,
                       .padded = y_padded_.data(),
                       .weight = turned_.data(),
                       .bias = nullptr,
                       .y = dx,
                       .transposed = true});
    float* sums = x_frame_.needed() ? dx_padded_.data() : dx;
    std::fill_n(sums, x_frame_.size(), 0.f);
    for (int64_t row = 0; row < oh_; ++row)
      for (int64_t g = 0; g < s_.groups; ++g) spread(dy + row * ow_ * s_.o, row, g, sums);
    if (x_frame_.needed()) x_frame_.take(sums, dx);
  }

  void weight(const float* x, const float* dy, float* dweight, bool add) override {
    if (x_frame_.needed()) {
      x_frame_.fill(x, x_padded_.data());
      x = x_padded_.data();
    }
    (written_out_ ? weight_by_patches(x, dy, dweight, add) : weight_by_runs(x, dy, dweight, add));
  }
  void finish(float*) override {}

 private:
  int64_t vectors(int64_t n) const { return (n + lanes_ - 1) / lanes_; }
  int64_t padded(int64_t n) const { return vectors(n) * lanes_; }
  // Where run r of a window starts, from the window's first pixel.
  int64_t run_at(int64_t r) const {
    const int64_t kh = together_ ? r : r / w_.kw, kw = together_ ? 0 : r % w_.kw;
    return kh * w_.dilation[0] * x_frame_.pitch() + kw * w_.dilation[1] * w_.c;
  }
  void prepare_backward() {
    const int64_t per_run = vectors(run_), whole = vectors(patch_);
    written_out_ = s_.groups == 1 && 2 * whole <= runs_ * per_run + 1 && runs_ > 1;
    chunk_ = std::max<int64_t>(1, 4096 / (padded(patch_) * ow_));
    if (written_out_) patches_.resize(size_t(chunk_ * ow_ * padded(patch_)));
    const std::optional<Frame> frame = padded_result(s_);
    if (frame) y_frame_ = *frame;
    const int64_t direct_cost = w_.h * w_.w * w_.kh * w_.kw * og_ * vectors(cg_);
    const int64_t spread_cost = oh_ * ow_ * runs_ * per_run * (og_ + 3);
    direct_ = frame && direct_cost <= spread_cost;
    if (direct_) {
      turned_.resize(size_t(s_.groups * padded(cg_) * w_.kh * w_.kw * og_));
      if (y_frame_.needed()) y_padded_.resize(size_t(y_frame_.size()));
    } else {
      spread_.resize(size_t(ow_ * padded(patch_)));
      if (x_frame_.needed()) dx_padded_.resize(size_t(x_frame_.size()));
    }
  }

  // [kh][column][c], a lane for each filter of each pixel.
  void pack_side_by_side(const float* weight) {
    std::ranges::fill(packed_, 0.f);
    for (int64_t kh = 0; kh < w_.kh; ++kh)
      for (int64_t p = 0; p < side_.pixels; ++p) {
        float* to = packed_.data() + (kh * side_.columns + p * w_.stride[1]) * w_.c * lanes_;
        for (int64_t k = 0; k < w_.kw * w_.c; ++k)
          for (int64_t o = 0; o < s_.o; ++o)
            to[k * lanes_ + p * s_.o + o] = weight[o * patch_ + kh * w_.kw * w_.c + k];
      }
  }

  void convolve_side_by_side(const float* x, const float* bias, float* y) {
    if (x_frame_.needed()) {
      x_frame_.fill(x, x_padded_.data());
      x = x_padded_.data();
    }
    for (int64_t i = 0; bias && i < side_.pixels * s_.o; ++i)
      side_bias_[size_t(i)] = bias[i % s_.o];
    const int64_t whole = ow_ / side_.pixels, rest = ow_ - whole * side_.pixels;
    SimdProduct p{.m_outer = oh_,
                  .m = whole,
                  .n = side_.pixels * s_.o,
                  .k_outer = w_.kh,
                  .k_inner = side_.columns * w_.c,
                  .a = x,
                  .a_row = side_.pixels * w_.stride[1] * w_.c,
                  .a_row_outer = w_.stride[0] * x_frame_.pitch(),
                  .a_outer = w_.dilation[0] * x_frame_.pitch(),
                  .b = packed_.data(),
                  .b_outer = side_.columns * w_.c * lanes_,
                  .b_inner = lanes_,
                  .b_panel = lanes_,
                  .padded = true,
                  .c = y,
                  .c_row = side_.pixels * s_.o,
                  .c_row_outer = ow_ * s_.o,
                  .bias = bias ? side_bias_.data() : nullptr,
                  .relu = s_.relu};
    loops_.product(p);
    if (rest == 0) return;
    p.m = 1;
    p.n = rest * s_.o;
    p.k_inner = (w_.kw + (rest - 1) * w_.stride[1]) * w_.c;
    p.a += whole * p.a_row;
    p.c += whole * p.c_row;
    loops_.product(p);
  }

  // A convolution by packed filters, forwards or transposed.
  struct Pass {
    const float* x;
    const Frame* frame;
    float* padded;  // room for the map with its border, where that is needed
    const float *weight, *bias;
    float* y;
    bool transposed = false;
  };

  void convolve(const Pass& pass) {
    const Frame& f = *pass.frame;
    const bool t = pass.transposed;
    const int64_t in = t ? og_ : cg_, out = t ? cg_ : og_, all_out = out * s_.groups;
    const int64_t rows = t ? w_.h : oh_, columns = t ? w_.w : ow_;
    const int64_t stride_h = t ? 1 : w_.stride[0], stride_w = t ? 1 : w_.stride[1];
    SimdProduct p{.m_outer = rows,
                  .m = columns,
                  .n = out,
                  .a_row = stride_w * f.c,
                  .a_row_outer = stride_h * f.pitch(),
                  .b_inner = lanes_,
                  .b_panel = w_.kh * w_.kw * in * lanes_,
                  .padded = true,
                  .c_row = all_out,
                  .c_row_outer = columns * all_out};
    if (w_.kh == 1 && w_.kw == 1 && stride_h == 1 && stride_w == 1 && !f.needed()) {
      p.m = rows * columns;
      p.m_outer = 1;
    }
    const float* x = pass.x;
    if (f.needed()) {
      f.fill(x, pass.padded);
      x = pass.padded;
    }
    for (int64_t g = 0; g < s_.groups; ++g) {
      p.a = x + g * in;
      p.b = pass.weight + g * vectors(out) * p.b_panel;
      p.c = pass.y + g * out;
      p.bias = pass.bias ? pass.bias + g * out : nullptr;
      window_rows(p, f, in, !t && s_.relu);
    }
  }

  // The window's rows in one product, or one after the other where a row is not one run of floats.
  void window_rows(SimdProduct& p, const Frame& f, int64_t in, bool relu) const {
    p.accumulate = false;
    if (together_) {
      p.k_outer = w_.kh;
      p.k_inner = w_.kw * in;
      p.a_outer = w_.dilation[0] * f.pitch();
      p.b_outer = p.k_inner * lanes_;
      p.relu = relu;
      return loops_.product(p);
    }
    p.k_outer = w_.kw;
    p.k_inner = in;
    p.a_outer = w_.dilation[1] * f.c;
    p.b_outer = in * lanes_;
    for (int64_t kh = 0; kh < w_.kh; ++kh) {
      p.relu = relu && kh == w_.kh - 1;
      loops_.product(p);
      p.accumulate = true;
      p.a += w_.dilation[0] * f.pitch();
      p.b += w_.kw * in * lanes_;
    }
  }

  // Adds what an output row gives to its pixels' windows.
  void spread(const float* dy, int64_t row, int64_t g, float* sums) {
    const int64_t pitch = padded(patch_);
    loops_.product({.m = ow_,
                    .n = patch_,
                    .k_inner = og_,
                    .a = dy + g * og_,
                    .a_row = s_.o,
                    .b = weight_ + g * og_ * patch_,
                    .b_inner = patch_,
                    .b_panel = lanes_,
                    .c = spread_.data(),
                    .c_row = pitch});
    for (int64_t r = 0; r < runs_; ++r) {
      const float* from = spread_.data() + r * run_;
      float* to = sums + row * w_.stride[0] * x_frame_.pitch() + run_at(r) + g * cg_;
      if (together_)
        loops_.spread_row(ow_, w_.kw, w_.c, w_.stride[1], from, pitch, to);
      else
        for (int64_t p = 0; p < ow_; ++p)
          loops_.add(cg_, from + p * pitch, to + p * w_.stride[1] * w_.c);
    }
  }

  void weight_by_runs(const float* map, const float* dy, float* dweight, bool accumulate) const {
    for (int64_t g = 0; g < s_.groups; ++g)
      for (int64_t r = 0; r < runs_; ++r)
        loops_.product({.m = og_,
                        .n = run_,
                        .k_outer = oh_,
                        .k_inner = ow_,
                        .a = dy + g * og_,
                        .a_row = 1,
                        .a_outer = ow_ * s_.o,
                        .a_inner = s_.o,
                        .b = map + run_at(r) + g * cg_,
                        .b_outer = w_.stride[0] * x_frame_.pitch(),
                        .b_inner = w_.stride[1] * w_.c,
                        .b_panel = lanes_,
                        .c = dweight + g * og_ * patch_ + r * run_,
                        .c_row = patch_,
                        .accumulate = accumulate});
  }

  void weight_by_patches(const float* map, const float* dy, float* dweight, bool accumulate) {
    const int64_t pitch = padded(patch_);
    for (int64_t first = 0; first < oh_; first += chunk_) {
      const int64_t rows = std::min(chunk_, oh_ - first);
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t r = 0; r < runs_; ++r)
          loops_.copy_rows(
              ow_, run_, map + (first + row) * w_.stride[0] * x_frame_.pitch() + run_at(r),
              w_.stride[1] * w_.c, patches_.data() + row * ow_ * pitch + r * run_, pitch);
      loops_.product({.m = s_.o,
                      .n = patch_,
                      .k_inner = rows * ow_,
                      .a = dy + first * ow_ * s_.o,
                      .a_row = 1,
                      .a_inner = s_.o,
                      .b = patches_.data(),
                      .b_inner = pitch,
                      .b_panel = lanes_,
                      .padded = true,
                      .c = dweight,
                      .c_row = patch_,
                      .accumulate = accumulate || first > 0});
    }
  }

  const SimdLoops& loops_;
  const ConvShape s_;
  const Window w_;
  const int64_t lanes_, cg_, og_, oh_, ow_, patch_;
  const Frame x_frame_;
  const Side side_;           // forward
  const bool together_;       // a row of the window is one run of floats
  const int64_t run_, runs_;  // floats in a run, runs of a window
  Frame y_frame_;
  const float* weight_ = nullptr;  // as it is, of the last pack_back()
  bool direct_ = false, written_out_ = false;
  int64_t chunk_ = 1;  // output rows whose patches are in hand at a time
  Lines<float> packed_, side_bias_, turned_, x_padded_, y_padded_, dx_padded_, spread_, patches_;
};

}  // namespace

std::unique_ptr<MapConv> window_conv(const SimdLoops& loops, const ConvShape& shape, bool train) {
  return std::make_unique<WindowConv>(loops, shape, train);
}

}  // namespace sparlet
