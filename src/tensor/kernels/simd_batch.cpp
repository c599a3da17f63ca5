// Convolution of many samples at once: they lie side by side, a sample in each lane of a vector, so
// that no lane is idle however few the channels are. Maps are [row][pixel][channel][lane] inside;
// turning them costs a fraction of what idle lanes do. relu and max pooling are done there too.
#include <algorithm>
#include <string>
#include <vector>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/simd_kernels.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {
namespace {

// How much of the map is in hand at a time: a band of gradients has to stay in the first cache.
constexpr int64_t kBandBytes = 24 << 10;
// Fewer samples than that share of the lanes are run one by one (inference).
constexpr int64_t kFewShare = 4;

// A piece of the map and what is pooled from it.
struct Band {
  int64_t row, rows, column, columns;
  int64_t out_row, out_rows, out_column, out_columns;
  int64_t out_before = 0;  // pixels of earlier bands
};
struct Part {
  int64_t begin, many, out_begin, out_many;
};

// The places of the window that give a gradient to pixels first, first + stride, … of a row (or to
// such rows), `many` of them: places [begin, end) of those that agree with it, counted from the
// window's end; the first one multiplies pixel `at` of the result's row.
struct Reach {
  int64_t first, many, phase, begin, end, at;
};

class BatchConv final : public WholeConv {
 public:
  BatchConv(const SimdLoops& loops, const ConvShape& shape, const KernelOptions& options)
      : loops_(loops),
        s_(shape),
        w_(shape.window),
        train_(options.train),
        lanes_(loops.lanes),
        oh_(w_.out_h()),
        ow_(w_.out_w()),
        patch_(shape.patch()),
        x_size_(w_.c * w_.h * w_.w),
        out_w_(shape.pool ? shape.pool->out_w() : ow_),
        y_size_(shape.o * out_w_ * (shape.pool ? shape.pool->out_h() : oh_)),
        frame_(padded_input(w_)),
        border_(options.train ? tile_pixels() - 1 : 0),
        pitch_(ow_ + border_),
        bands_(cut_into_bands()),
        description_(std::string(loops.name) + " together") {
    x_.resize(size_t(frame_.size() * lanes_));
    int64_t most = 0, most_out = 0;
    for (const Band& band : bands_) {
      most = std::max(most, band.rows * pitch(band));
      most_out = std::max(most_out, band.out_rows * band.out_columns);
    }
    map_.resize(size_t(most * s_.o * lanes_));
    if (s_.pool) out_.resize(size_t(most_out * s_.o * lanes_));
    if (!train_) few_ = simd_conv2d_each(loops, shape, options);
    if (train_) prepare_backward(options.batch);
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    for (int64_t i = 0; i < n; i += lanes_) {
      const int64_t many = std::min(lanes_, n - i);
      const float* from = x + i * x_size_;
      if (!train_ && many <= lanes_ / kFewShare)
        few_->forward(many, from, weight, bias, y + i * y_size_);
      else
        forward_group(many, i, from, weight, bias, y + i * y_size_);
    }
  }

  void backward(const ConvBackward& b) override {
    if (b.dx) turn_weight(b.weight);
    if (b.dweight) std::ranges::fill(weight_sums_, 0.f);
    std::ranges::fill(bias_sums_, 0.f);
    for (int64_t i = 0; i < b.n; i += lanes_) backward_group(b, i, std::min(lanes_, b.n - i));
    if (b.dweight) loops_.sum_lanes(s_.o * patch_, weight_sums_.data(), b.dweight);
    if (b.dbias) loops_.sum_lanes(s_.o, bias_sums_.data(), b.dbias);
  }

  void weight_changed() override {
    if (few_) few_->weight_changed();
  }
  std::string_view description() const override { return description_; }

 private:
  // As many pixels as a tile of the product has beside all channels: the border beyond the map that
  // one tile may read.
  int64_t tile_pixels() const { return w_.c <= 6 ? 4 : 3; }

  // Where the pool's windows do not overlap, few rows at a time, or part of a row; else all.
  static std::vector<Part> cut(int64_t places, int64_t size, int64_t step, bool apart,
                               int64_t most) {
    if (!apart) return {{0, size, 0, places}};
    const int64_t many = std::max<int64_t>(1, most / step);
    std::vector<Part> parts;
    for (int64_t p = 0; p < places; p += many) {
      const int64_t now = std::min(many, places - p);
      parts.push_back({p * step, now * step, p, now});
    }
    return parts;
  }
  std::vector<Band> cut_into_bands() const {
    Window none{.h = oh_, .w = ow_};
    const Window& p = s_.pool ? *s_.pool : none;
    const int64_t pixel = s_.o * lanes_ * int64_t(sizeof(float)), most = kBandBytes / pixel;
    const bool rows_apart = p.kh == p.stride[0] && p.pad[0] == 0 && p.pad[1] == 0;
    const bool columns_apart = p.kw == p.stride[1] && p.pad[2] == 0 && p.pad[3] == 0;
    const bool whole_rows = !columns_apart || !rows_apart || p.stride[0] * ow_ <= most;
    std::vector<Band> bands;
    int64_t before = 0;
    for (const Part& r : cut(p.out_h(), oh_, p.stride[0], rows_apart, most / ow_))
      for (const Part& c :
           cut(p.out_w(), ow_, p.stride[1], columns_apart, whole_rows ? ow_ : most / p.stride[0])) {
        bands.push_back({r.begin, r.many, c.begin, c.many, r.out_begin, r.out_many, c.out_begin,
                         c.out_many, before});
        before += r.out_many * c.out_many;
      }
    return bands;
  }
  // Pixels from row to row of a band: in training it may lie in the whole map, for data_row().
  int64_t pitch(const Band& band) const { return train_ ? pitch_ : band.columns; }

  void prepare_backward(int64_t batch) {
    if (s_.pool) from_.resize(size_t((batch + lanes_ - 1) / lanes_ * lanes_ * y_size_));
    if (!s_.pool && s_.relu) masked_.resize(size_t(ow_ * s_.o * lanes_));
    weight_sums_.resize(size_t(s_.o * patch_ * lanes_));
    bias_sums_.resize(size_t(s_.o * lanes_));
    turned_.resize(size_t(s_.o * patch_));
    // A border before the first row; what stands between the rows serves both.
    dy_.resize(size_t((border_ + oh_ * pitch_) * s_.o * lanes_));
    dx_.resize(size_t(w_.w * w_.c * lanes_));
    for (int64_t h = 0; h < w_.h; ++h)
      rows_.push_back(reach(h, 1, w_.stride[0], w_.pad[0], w_.kh, oh_));
    for (int64_t first = 0; first < std::min(w_.stride[1], w_.w); ++first) reach_columns(first);
  }

  static Reach reach(int64_t first, int64_t many, int64_t stride, int64_t pad, int64_t k,
                     int64_t out) {
    const int64_t phase = (first + pad) % stride, last = (first + pad) / stride;
    const int64_t places = phase < k ? (k - phase + stride - 1) / stride : 0;
    const int64_t low = std::max<int64_t>(0, last - out + 1);
    const int64_t high = std::min(places - 1, last + many - 1);
    return {first,      many, phase, places - 1 - high, std::max(places - low, places - 1 - high),
            last - high};
  }
  // Pixels first, first + stride, …: a tile each, those of the same reach together.
  void reach_columns(int64_t first) {
    const int64_t stride = w_.stride[1], all = (w_.w - first + stride - 1) / stride;
    const size_t begin = columns_.size();
    for (int64_t t = 0; t < all; t += tile_pixels()) {
      const Reach now = reach(first + t * stride, std::min(tile_pixels(), all - t), stride,
                              w_.pad[2], w_.kw, ow_);
      Reach* before = columns_.size() > begin ? &columns_.back() : nullptr;
      if (before && before->begin == now.begin && before->end == now.end)
        before->many += now.many;
      else
        columns_.push_back(now);
    }
  }

  void forward_group(int64_t many, int64_t first, const float* x, const float* weight,
                     const float* bias, float* y) {
    turn_input(many, x);
    for (const Band& band : bands_) {
      const int64_t row = pitch(band) * s_.o * lanes_;
      for (int64_t r = 0; r < band.rows; ++r)
        forward_row(band, r, weight, bias, map_.data() + r * row);
      int32_t* from = train_ ? from_.data() + pooled(first, band) : nullptr;
      if (s_.pool) loops_.max_pool(pool(band), s_.relu, map_.data(), out_.data(), from);
      const int64_t out_row = band.out_columns * s_.o;
      for (int64_t r = 0; r < band.out_rows; ++r)
        loops_.transpose_rows(
            out_row, many, s_.pool ? out_.data() + r * out_row * lanes_ : map_.data() + r * row,
            lanes_, y + ((band.out_row + r) * out_w_ + band.out_column) * s_.o, y_size_);
    }
  }
  // Where from_ begins for a band of the samples from `first` on.
  int64_t pooled(int64_t first, const Band& band) const {
    return first * y_size_ + band.out_before * s_.o * lanes_;
  }

  void turn_input(int64_t many, const float* x) {
    if (!frame_.needed()) return loops_.pack_transposed(many, x_size_, x, x_size_, x_.data());
    const int64_t row = w_.w * w_.c;
    for (int64_t h = 0; h < w_.h; ++h)
      loops_.pack_transposed(many, row, x + h * row, x_size_,
                             x_.data() + (frame_.inside() + h * frame_.pitch()) * lanes_);
  }

  // Rows of the product: filters; columns: pixels and samples.
  void forward_row(const Band& band, int64_t r, const float* weight, const float* bias,
                   float* to) const {
    const int64_t run = w_.kw * w_.c;
    loops_.product({.m = s_.o,
                    .n = band.columns * lanes_,
                    .k_outer = w_.kh,
                    .k_inner = run,
                    .a = weight,
                    .a_row = patch_,
                    .a_outer = run,
                    .b = input(band, r),
                    .b_outer = frame_.pitch() * lanes_,
                    .b_inner = lanes_,
                    .b_panel = w_.stride[1] * w_.c * lanes_,
                    .c = to,
                    .c_row = lanes_,
                    .c_panel = s_.o * lanes_,
                    .bias = bias,
                    .bias_of_rows = true,
                    .relu = s_.relu && !s_.pool});
  }

  // Of the window of the first pixel of a row of a band.
  const float* input(const Band& band, int64_t r) const {
    return x_.data() +
           ((band.row + r) * w_.stride[0] * frame_.pitch() + band.column * w_.stride[1] * w_.c) *
               lanes_;
  }

  // Of a band: its channels are channels and samples.
  SimdPool pool(const Band& band) const {
    SimdPool p = simd_pool(*s_.pool);
    p.c = s_.o * lanes_;
    p.h = band.rows;
    p.w = band.columns;
    p.out_h = band.out_rows;
    p.out_w = band.out_columns;
    p.pitch = pitch(band);
    return p;
  }

  void backward_group(const ConvBackward& b, int64_t first, int64_t many) {
    if (b.dweight) turn_input(many, b.x + first * x_size_);
    for (const Band& band : bands_) {
      const int64_t at = b.dx ? band.row * pitch_ + band.column : 0;
      float* dy = dy_.data() + (border_ + at) * s_.o * lanes_;
      result_grad(b, first, many, band, dy);
      const int64_t dy_row = pitch_ * s_.o * lanes_;
      for (int64_t r = 0; b.dbias && r < band.rows; ++r)
        loops_.sum_rows(band.columns, s_.o * lanes_, dy + r * dy_row, bias_sums_.data(), true);
      if (!b.dweight) continue;
      loops_.lane_sums({.rows = band.rows,
                        .pixels = band.columns,
                        .o = s_.o,
                        .outer = w_.kh,
                        .inner = w_.kw * w_.c,
                        .x = input(band, 0),
                        .x_row = w_.stride[0] * frame_.pitch() * lanes_,
                        .x_pixel = w_.stride[1] * w_.c * lanes_,
                        .x_outer = frame_.pitch() * lanes_,
                        .y = dy,
                        .y_row = dy_row,
                        .sum = weight_sums_.data()});
    }
    const int64_t row = w_.w * w_.c;
    for (int64_t h = 0; b.dx && h < w_.h; ++h) {
      data_row(rows_[size_t(h)]);
      loops_.transpose_rows(row, many, dx_.data(), lanes_, b.dx + first * x_size_ + h * row,
                            x_size_);
    }
  }

  // The gradient of the convolution's own result, of a band.
  void result_grad(const ConvBackward& b, int64_t first, int64_t many, const Band& band,
                   float* dy) {
    const int64_t out_row = band.out_columns * s_.o;
    for (int64_t r = 0; r < band.out_rows; ++r) {
      const int64_t at = first * y_size_ + ((band.out_row + r) * out_w_ + band.out_column) * s_.o;
      const float* from = b.dy + at;
      int64_t from_row = y_size_;
      if (s_.relu && !s_.pool) {
        for (int64_t i = 0; i < many; ++i)
          loops_.relu_backward(out_row, b.y + at + i * y_size_, from + i * y_size_,
                               masked_.data() + i * out_row);
        from = masked_.data();
        from_row = out_row;
      }
      loops_.pack_transposed(
          many, out_row, from, from_row,
          s_.pool ? out_.data() + r * out_row * lanes_ : dy + r * pitch_ * s_.o * lanes_);
    }
    if (s_.pool)
      loops_.max_pool_backward(pool(band), from_.data() + pooled(first, band), out_.data(), dy);
  }

  // For each phase of rows and columns: [c][kh][kw][o], the window's places turned round.
  void turn_weight(const float* weight) {
    float* to = turned_.data();
    for (int64_t row = 0; row < std::min(w_.stride[0], w_.kh); ++row)
      for (int64_t column = 0; column < std::min(w_.stride[1], w_.kw); ++column)
        for (int64_t c = 0; c < w_.c; ++c)
          for (int64_t kh = last(row, w_.stride[0], w_.kh); kh >= 0; kh -= w_.stride[0])
            for (int64_t kw = last(column, w_.stride[1], w_.kw); kw >= 0; kw -= w_.stride[1])
              for (int64_t o = 0; o < s_.o; ++o)
                *to++ = weight[o * patch_ + (kh * w_.kw + kw) * w_.c + c];
  }
  // The last of phase, phase + stride, … below k.
  static int64_t last(int64_t phase, int64_t stride, int64_t k) {
    return phase + (k - 1 - phase) / stride * stride;
  }
  static int64_t places(int64_t phase, int64_t stride, int64_t k) {
    return phase < k ? (k - 1 - phase) / stride + 1 : 0;
  }

  // Rows of the product: channels of x; columns: pixels and samples.
  void data_row(const Reach& row) {
    const int64_t rows = places(row.phase, w_.stride[0], w_.kh);
    int64_t before = 0;  // of turned_, in floats: the phases in front
    for (int64_t phase = 0; phase < row.phase && phase < w_.kh; ++phase)
      before += places(phase, w_.stride[0], w_.kh) * w_.kw * w_.c * s_.o;
    for (const Reach& column : columns_) {
      float* to = dx_.data() + column.first * w_.c * lanes_;
      const int64_t many = places(column.phase, w_.stride[1], w_.kw);
      if (row.begin >= row.end || column.begin >= column.end) {
        for (int64_t p = 0; p < column.many; ++p)
          std::fill_n(to + p * w_.stride[1] * w_.c * lanes_, w_.c * lanes_, 0.f);
        continue;
      }
      int64_t at = before;
      for (int64_t phase = 0; phase < column.phase; ++phase)
        at += rows * places(phase, w_.stride[1], w_.kw) * w_.c * s_.o;
      loops_.product({.m = w_.c,
                      .n = column.many * lanes_,
                      .k_outer = row.end - row.begin,
                      .k_inner = (column.end - column.begin) * s_.o,
                      .a = turned_.data() + at + (row.begin * many + column.begin) * s_.o,
                      .a_row = rows * many * s_.o,
                      .a_outer = many * s_.o,
                      .b = dy_.data() + (border_ + row.at * pitch_ + column.at) * s_.o * lanes_,
                      .b_outer = pitch_ * s_.o * lanes_,
                      .b_inner = lanes_,
                      .b_panel = s_.o * lanes_,
                      .c = to,
                      .c_row = lanes_,
                      .c_panel = w_.stride[1] * w_.c * lanes_});
    }
  }

  const SimdLoops& loops_;
  const ConvShape s_;
  const Window w_;
  const bool train_;
  const int64_t lanes_, oh_, ow_, patch_, x_size_, out_w_, y_size_;
  const Frame frame_;
  const int64_t border_, pitch_;  // zero pixels beside a row of the map; pixels from row to row
  const std::vector<Band> bands_;
  const std::string description_;
  std::vector<Reach> rows_, columns_;
  std::unique_ptr<ConvKernel> few_;  // inference: for what is left of a batch
  Lines<float> x_, map_, out_;       // the input; a band of the result, and of what is pooled
  std::vector<int32_t> from_;        // where each pooled value came from
  Lines<float> turned_, dy_, dx_, masked_, weight_sums_, bias_sums_;
};

}  // namespace

std::unique_ptr<ConvKernel> simd_conv2d_together(const SimdLoops& loops, const ConvShape& shape,
                                                 const KernelOptions& options) {
  return std::make_unique<BatchConv>(loops, shape, options);
}

}  // namespace sparlet
