#include <vector>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {
namespace {

// Weights are turned to [tap][c], so that a tap is a product of vectors over the channels.
class DepthwiseConv final : public MapConv {
 public:
  DepthwiseConv(const SimdLoops& loops, const ConvShape& shape, bool train)
      : loops_(loops),
        w_(shape.window),
        relu_(shape.relu),
        taps_(w_.kh * w_.kw),
        row_((w_.c + loops.lanes - 1) / loops.lanes * loops.lanes),
        x_frame_(padded_input(w_)),
        packed_(size_t(taps_ * row_)),
        offsets_(offsets(x_frame_)) {
    if (x_frame_.needed()) x_padded_.resize(size_t(x_frame_.size()));
    if (!train) return;
    turned_.resize(size_t(taps_ * row_));
    sums_.resize(size_t(taps_ * row_));
    const std::optional<Frame> frame = padded_result(shape);
    direct_ = frame.has_value();
    if (!direct_) return;
    y_frame_ = *frame;
    back_offsets_ = offsets(y_frame_);
    if (y_frame_.needed()) y_padded_.resize(size_t(y_frame_.size()));
  }

  void pack(const float* weight) override {
    for (int64_t c = 0; c < w_.c; ++c)
      for (int64_t tap = 0; tap < taps_; ++tap)
        packed_[size_t(tap * row_ + c)] = weight[c * taps_ + tap];
  }
  void pack_back(const float* weight) override {
    for (int64_t c = 0; c < w_.c; ++c)
      for (int64_t tap = 0; tap < taps_; ++tap)
        turned_[size_t((direct_ ? taps_ - 1 - tap : tap) * row_ + c)] = weight[c * taps_ + tap];
  }

  void forward(const float* x, const float* bias, float* y) override {
    SimdDepthwise d = over(x_frame_, x, x_padded_.data(), offsets_);
    d.bias = bias;
    d.y = y;
    d.relu = relu_;
    loops_.depthwise(d);
  }

  void data(const float* dy, float* dx) override {
    if (!direct_) return spread(dy, dx);
    SimdDepthwise d = over(y_frame_, dy, y_padded_.data(), back_offsets_);
    d.rows = w_.h;
    d.pixels = w_.w;
    d.x_row = y_frame_.pitch();
    d.x_pixel = w_.c;
    d.weight = turned_.data();
    d.y = dx;
    loops_.depthwise(d);
  }

  void weight(const float* x, const float* dy, float*, bool add) override {
    SimdDepthwise d = over(x_frame_, x, x_padded_.data(), offsets_);
    d.y = const_cast<float*>(dy);
    loops_.depthwise_weight(d, sums_.data(), add);
  }
  void finish(float* dweight) override {
    for (int64_t c = 0; c < w_.c; ++c)
      for (int64_t tap = 0; tap < taps_; ++tap)
        dweight[c * taps_ + tap] = sums_[size_t(tap * row_ + c)];
  }

 private:
  std::vector<int64_t> offsets(const Frame& f) const {
    std::vector<int64_t> at;
    for (int64_t kh = 0; kh < w_.kh; ++kh)
      for (int64_t kw = 0; kw < w_.kw; ++kw)
        at.push_back(kh * w_.dilation[0] * f.pitch() + kw * w_.dilation[1] * w_.c);
    return at;
  }

  // The forward pass over a map, given its border first where it has one.
  SimdDepthwise over(const Frame& frame, const float* map, float* padded,
                     const std::vector<int64_t>& offset) const {
    if (frame.needed()) frame.fill(map, padded);
    return {.c = w_.c,
            .rows = w_.out_h(),
            .pixels = w_.out_w(),
            .taps = taps_,
            .offset = offset.data(),
            .x = frame.needed() ? padded : map,
            .x_row = w_.stride[0] * frame.pitch(),
            .x_pixel = w_.stride[1] * w_.c,
            .weight = packed_.data(),
            .weight_row = row_,
            .bias = nullptr,
            .y = nullptr};
  }

  // With a stride: each pixel of dy is added to the pixels that its window saw.
  void spread(const float* dy, float* dx) {
    float* sums = x_frame_.needed() ? x_padded_.data() : dx;
    std::fill_n(sums, x_frame_.size(), 0.f);
    const int64_t pixels = w_.out_w();
    for (int64_t row = 0; row < w_.out_h(); ++row)
      for (int64_t tap = 0; tap < taps_; ++tap)
        loops_.multiply_add_rows(
            pixels, w_.c, dy + row * pixels * w_.c, turned_.data() + tap * row_,
            sums + row * w_.stride[0] * x_frame_.pitch() + offsets_[size_t(tap)],
            w_.stride[1] * w_.c);
    if (!x_frame_.needed()) return;
    x_frame_.take(sums, dx);
    std::fill_n(sums, x_frame_.size(), 0.f);  // forward wants a zero border
  }

  const SimdLoops& loops_;
  const Window w_;
  const bool relu_;
  const int64_t taps_, row_;
  const Frame x_frame_;
  Frame y_frame_;
  bool direct_ = false;
  Lines<float> packed_, turned_, sums_, x_padded_, y_padded_;
  const std::vector<int64_t> offsets_;
  std::vector<int64_t> back_offsets_;
};

}  // namespace

std::unique_ptr<MapConv> depthwise_conv(const SimdLoops& loops, const ConvShape& shape,
                                        bool train) {
  return std::make_unique<DepthwiseConv>(loops, shape, train);
}

}  // namespace sparlet
