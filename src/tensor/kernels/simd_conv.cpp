#include <algorithm>
#include <vector>

#include "tensor/kernels/depthwise.h"
#include "tensor/kernels/simd_kernels.h"

namespace sparlet {
namespace {

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

// Every pass is a SimdProduct straight on the maps: for a row of the window, a pixel's inputs are
// `kw · c` floats that lie together, and those of the next pixel start stride · c floats further.
// Only where a row of the window is much shorter than a vector are the patches written out.
class SimdConv final : public ConvKernel {
 public:
  SimdConv(const SimdLoops& loops, const ConvShape& shape, const KernelOptions& options)
      : loops_(loops),
        s_(shape),
        w_(shape.window),
        lanes_(loops.lanes),
        cg_(shape.group_c()),
        og_(shape.group_o()),
        oh_(w_.out_h()),
        ow_(w_.out_w()),
        patch_(shape.patch()),
        train_(options.train),
        x_frame_{w_.c,
                 w_.h,
                 w_.w,
                 w_.pad[0],
                 w_.pad[2],
                 w_.h + w_.pad[0] + w_.pad[1],
                 w_.w + w_.pad[2] + w_.pad[3]},
        together_(s_.groups == 1 && w_.dilation[1] == 1),
        run_(together_ ? w_.kw * w_.c : cg_),
        runs_(patch_ / run_) {
    packed_.resize(size_t(s_.groups * padded(og_) * patch_));
    if (x_frame_.needed()) x_padded_.resize(size_t(x_frame_.size()));
    if (train_) prepare_backward();
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (train_ || !ready_)
      for (int64_t g = 0; g < s_.groups; ++g)
        loops_.pack_transposed(og_, patch_, weight + g * og_ * patch_, patch_,
                               packed_.data() + g * padded(og_) * patch_);
    ready_ = true;
    convolve({.n = n,
              .x = x,
              .frame = &x_frame_,
              .padded = x_padded_.data(),
              .weight = packed_.data(),
              .bias = bias,
              .y = y});
  }

  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) override {
    if (direct_) return backward_data_direct(n, weight, dy, dx);
    for (int64_t sample = 0; sample < n; ++sample) {
      float* to = dx + sample * map();
      float* sums = x_frame_.needed() ? dx_padded_.data() : to;
      std::fill_n(sums, x_frame_.size(), 0.f);
      for (int64_t row = 0; row < oh_; ++row)
        for (int64_t r = 0; r < s_.groups * runs_; ++r)
          spread_row(weight, dy + (sample * oh_ + row) * ow_ * s_.o, row, r / runs_, r % runs_,
                     sums);
      if (x_frame_.needed()) x_frame_.take(sums, to);
    }
  }

  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    for (int64_t sample = 0; sample < n; ++sample) {
      const float* map = padded_map(x + sample * this->map());
      const float* up = dy + sample * oh_ * ow_ * s_.o;
      if (written_out_)
        weight_by_patches(map, up, dweight, sample > 0);
      else
        weight_by_runs(map, up, dweight, sample > 0);
    }
    if (dbias) loops_.sum_rows(n * oh_ * ow_, s_.o, dy, dbias);
  }

  void weight_changed() override { ready_ = false; }
  std::string_view description() const override { return loops_.name; }

 private:
  int64_t vectors(int64_t n) const { return (n + lanes_ - 1) / lanes_; }
  int64_t padded(int64_t n) const { return vectors(n) * lanes_; }
  int64_t map() const { return w_.c * w_.h * w_.w; }
  // Where run r of a window starts, from the window's first pixel.
  int64_t run_at(int64_t r) const {
    const int64_t kh = together_ ? r : r / w_.kw, kw = together_ ? 0 : r % w_.kw;
    return kh * w_.dilation[0] * x_frame_.pitch() + kw * w_.dilation[1] * w_.c;
  }
  const float* padded_map(const float* x) {
    if (!x_frame_.needed()) return x;
    x_frame_.fill(x, x_padded_.data());
    return x_padded_.data();
  }

  void prepare_backward() {
    const int64_t per_run = vectors(run_), whole = vectors(patch_);
    written_out_ = s_.groups == 1 && 2 * whole <= runs_ * per_run + 1 && runs_ > 1;
    chunk_ = std::max<int64_t>(1, 4096 / (padded(patch_) * ow_));
    if (written_out_) patches_.resize(size_t(chunk_ * ow_ * padded(patch_)));
    // The transposed way: dy with a border, filters turned round.
    const int64_t reach_h = (w_.kh - 1) * w_.dilation[0], reach_w = (w_.kw - 1) * w_.dilation[1];
    y_frame_ = {s_.o,
                oh_,
                ow_,
                reach_h - w_.pad[0],
                reach_w - w_.pad[2],
                oh_ + 2 * reach_h - w_.pad[0] - w_.pad[1],
                ow_ + 2 * reach_w - w_.pad[2] - w_.pad[3]};
    const bool possible = w_.stride == std::array<int64_t, 2>{1, 1} && y_frame_.top >= 0 &&
                          y_frame_.left >= 0 && reach_h >= w_.pad[1] && reach_w >= w_.pad[3];
    const int64_t direct_cost = w_.h * w_.w * w_.kh * w_.kw * og_ * vectors(cg_);
    const int64_t spread_cost = oh_ * ow_ * runs_ * per_run * (og_ + 3);
    direct_ = possible && direct_cost <= spread_cost;
    if (direct_) {
      turned_.resize(size_t(s_.groups * padded(cg_) * w_.kh * w_.kw * og_));
      if (y_frame_.needed()) y_padded_.resize(size_t(y_frame_.size()));
    } else {
      spread_.resize(size_t(ow_ * padded(run_)));
      if (x_frame_.needed()) dx_padded_.resize(size_t(x_frame_.size()));
    }
  }

  // A convolution of n maps by packed filters, forwards or transposed.
  struct Pass {
    int64_t n;
    const float* x;
    const Frame* frame;
    float* padded;  // one map with its border, where that is needed
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
    const int64_t map_in = f.h * f.w * f.c, map_out = rows * columns * all_out;
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
    const bool points = w_.kh == 1 && w_.kw == 1 && stride_h == 1 && stride_w == 1 && !f.needed();
    if (points) {  // all pixels of all samples are rows of one product
      p.m = pass.n * rows * columns;
      p.m_outer = 1;
    }
    for (int64_t sample = 0; sample < (points ? 1 : pass.n); ++sample) {
      const float* x = pass.x + sample * map_in;
      if (f.needed()) {
        f.fill(x, pass.padded);
        x = pass.padded;
      }
      for (int64_t g = 0; g < s_.groups; ++g) {
        p.a = x + g * in;
        p.b = pass.weight + g * vectors(out) * p.b_panel;
        p.c = pass.y + sample * map_out + g * out;
        p.bias = pass.bias ? pass.bias + g * out : nullptr;
        window_rows(p, f, in);
      }
    }
  }

  // The window's rows in one product, or one after the other where a row is not one run of floats.
  void window_rows(SimdProduct& p, const Frame& f, int64_t in) const {
    p.accumulate = false;
    if (together_) {
      p.k_outer = w_.kh;
      p.k_inner = w_.kw * in;
      p.a_outer = w_.dilation[0] * f.pitch();
      p.b_outer = p.k_inner * lanes_;
      return loops_.product(p);
    }
    p.k_outer = w_.kw;
    p.k_inner = in;
    p.a_outer = w_.dilation[1] * f.c;
    p.b_outer = in * lanes_;
    for (int64_t kh = 0; kh < w_.kh; ++kh) {
      loops_.product(p);
      p.accumulate = true;
      p.a += w_.dilation[0] * f.pitch();
      p.b += w_.kw * in * lanes_;
    }
  }

  // dx(h, w) = Σ dy(h + pad - kh, w + pad - kw) weight(kh, kw): a convolution of dy, with a border,
  // by the filters turned round, inputs and outputs exchanged.
  void backward_data_direct(int64_t n, const float* weight, const float* dy, float* dx) {
    for (int64_t g = 0; g < s_.groups; ++g)
      for (int64_t first = 0; first < cg_; first += lanes_) {
        float* to = turned_.data() + (g * padded(cg_) + first) * w_.kh * w_.kw * og_;
        const int64_t many = std::min(lanes_, cg_ - first);
        for (int64_t tap = w_.kh * w_.kw - 1; tap >= 0; --tap)
          for (int64_t o = 0; o < og_; ++o, to += lanes_)
            std::copy_n(weight + (g * og_ + o) * patch_ + tap * cg_ + first, many, to);
      }
    convolve({.n = n,
              .x = dy,
              .frame = &y_frame_,
              .padded = y_padded_.data(),
              .weight = turned_.data(),
              .bias = nullptr,
              .y = dx,
              .transposed = true});
  }

  // Adds what an output row gives to run r of its pixels' windows.
  void spread_row(const float* weight, const float* dy, int64_t row, int64_t g, int64_t r,
                  float* sums) {
    const int64_t pitch = padded(run_);
    loops_.product({.m = ow_,
                    .n = run_,
                    .k_inner = og_,
                    .a = dy + g * og_,
                    .a_row = s_.o,
                    .b = weight + g * og_ * patch_ + r * run_,
                    .b_inner = patch_,
                    .b_panel = lanes_,
                    .c = spread_.data(),
                    .c_row = pitch});
    float* to = sums + row * w_.stride[0] * x_frame_.pitch() + run_at(r) + g * cg_;
    loops_.add_rows(ow_, run_, spread_.data(), pitch, to, w_.stride[1] * w_.c);
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
  const bool train_;
  const Frame x_frame_;
  const bool together_;       // a row of the window is one run of floats
  const int64_t run_, runs_;  // floats in a run, runs of a window
  Frame y_frame_;
  bool ready_ = false, direct_ = false, written_out_ = false;
  int64_t chunk_ = 1;  // output rows whose patches are in hand at a time
  std::vector<float> packed_, turned_, x_padded_, y_padded_, dx_padded_, spread_, patches_;
};

}  // namespace

std::unique_ptr<ConvKernel> simd_conv2d(const SimdLoops& loops, const ConvShape& shape,
                                        const KernelOptions& options) {
  if (shape.depthwise()) return portable_depthwise(shape, options);
  return std::make_unique<SimdConv>(loops, shape, options);
}

}  // namespace sparlet
