// Convolution with windows of 3 × 3 by Winograd's products (simd_winograd.h): a quarter of the
// multiplications, for turning tiles of 4 × 4 pixels there and back. Enough tiles for full vectors
// of work are in hand at a time, of several maps where these are small; between turning, product
// and turning back they stay in the second cache.
#include <algorithm>
#include <string>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/simd_kernels.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {
namespace {

constexpr int64_t kPlaces = 36;  // values of a tile
constexpr int64_t kTiles = 32;   // in hand
constexpr int64_t kApart = 16;   // floats between places: else all fall into one set of the cache
constexpr double kMostWaste = 1.6;    // pixels computed, to pixels there are
constexpr int64_t kFewChannels = 16;  // below, turning costs what the products save

int64_t tiles_of(int64_t pixels) { return (pixels + 3) / 4; }

class WinogradConv final : public WholeConv {
 public:
  WinogradConv(const SimdLoops& loops, const ConvShape& shape, const KernelOptions& options)
      : loops_(loops),
        s_(shape),
        w_(shape.window),
        train_(options.train),
        lanes_(loops.lanes),
        c_(w_.c),
        o_(shape.o),
        wide_c_(padded(c_)),
        wide_o_(padded(o_)),
        x_size_(c_ * w_.h * w_.w),
        map_size_(o_ * w_.out_h() * w_.out_w()),
        y_size_(shape.pool ? o_ * shape.pool->out_h() * shape.pool->out_w() : map_size_),
        description_(std::string(loops.name) + " winograd") {
    x_tiles_ = tiles(c_, w_.h, w_.w, w_.pad[0], w_.pad[2], w_.out_h(), w_.out_w());
    y_tiles_ = tiles(o_, w_.out_h(), w_.out_w(), 0, 0, w_.out_h(), w_.out_w());
    group_ = std::clamp<int64_t>(kTiles / x_tiles_.each, 1, options.batch);
    zeros_.resize(size_t(std::max(c_ * w_.w, o_ * w_.out_w())));
    Lines<float>* rooms[] = {&from_, &to_};
    for (Lines<float>* room : rooms)
      room->resize(size_t(kPlaces * place(kTiles * std::max(wide_c_, wide_o_))));
    weight_.resize(size_t(kPlaces * weight_place(o_, c_)));
    if (shape.pool || (shape.relu && train_)) map_.resize(size_t(group_ * map_size_));
    if (shape.pool) pool_ = simd_pool(*shape.pool);
    if (shape.pool && train_) pooled_from_.resize(size_t(options.batch * y_size_));
    if (!train_) return;
    turned_.resize(size_t(kPlaces * place(o_ * wide_c_)));
    dy_tiles_ = tiles(o_, w_.out_h(), w_.out_w(), 2 - w_.pad[0], 2 - w_.pad[2], w_.h, w_.w);
    dx_tiles_ = tiles(c_, w_.h, w_.w, 0, 0, w_.h, w_.w);
    back_.resize(size_t(kPlaces * weight_place(c_, o_)));
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (train_ || !ready_) pack(weight);
    ready_ = true;
    const bool relu = s_.relu && !s_.pool;  // relu(max(..)) = max(relu(..))
    for (int64_t i = 0; i < n; i += group_) {
      const int64_t many = std::min(group_, n - i);
      float* map = s_.pool ? map_.data() : y + i * y_size_;
      each_chunk(x_tiles_, many, [&](int64_t first, int64_t count) {
        convolve({at(x_tiles_, first, count, wide_c_), at(y_tiles_, first, count, wide_o_),
                  x + i * x_size_, weight_.data(), bias, relu, map});
      });
      for (int64_t k = 0; s_.pool && k < many; ++k)
        loops_.max_pool(pool_, s_.relu, map + k * map_size_, y + (i + k) * y_size_,
                        train_ ? pooled_from_.data() + (i + k) * y_size_ : nullptr);
    }
  }

  void backward(const ConvBackward& b) override {
    if (b.dx) pack_back(b.weight);
    if (b.dweight) std::ranges::fill(turned_, 0.f);
    for (int64_t i = 0; i < b.n; i += group_) {
      const int64_t many = std::min(group_, b.n - i);
      const float* dy = result_grad(b, i, many);
      if (b.dweight)
        each_chunk(y_tiles_, many, [&](int64_t first, int64_t count) {
          add_weight(first, count, b.x + i * x_size_, dy);
        });
      if (b.dx)
        each_chunk(dx_tiles_, many, [&](int64_t first, int64_t count) {
          convolve({at(dy_tiles_, first, count, wide_o_), at(dx_tiles_, first, count, wide_c_), dy,
                    back_.data(), nullptr, false, b.dx + i * x_size_});
        });
      if (b.dbias) loops_.sum_rows(many * map_size_ / o_, o_, dy, b.dbias, i > 0);
    }
    for (int64_t o = 0; b.dweight && o < o_; ++o)
      loops_.tile_weight_grad(c_, turned_.data() + o * wide_c_, place(o_ * wide_c_),
                              b.dweight + o * 9 * c_, c_);
  }

  void weight_changed() override { ready_ = false; }
  bool holds_weight() const override { return ready_ && !train_; }
  std::string_view description() const override { return description_; }

 private:
  int64_t vectors(int64_t n) const { return (n + lanes_ - 1) / lanes_; }
  int64_t padded(int64_t n) const { return vectors(n) * lanes_; }
  static int64_t place(int64_t floats) { return floats + kApart; }
  // Weights of one place: panels of `out` for the product.
  int64_t weight_place(int64_t out, int64_t in) const { return padded(out) * in; }

  // Tiles that make a result of out_h × out_w pixels, on a map that is read or written.
  SimdTiles tiles(int64_t c, int64_t h, int64_t w, int64_t top, int64_t left, int64_t out_h,
                  int64_t out_w) const {
    return {.c = c,
            .h = h,
            .w = w,
            .top = top,
            .left = left,
            .across = tiles_of(out_w),
            .each = tiles_of(out_w) * tiles_of(out_h)};
  }
  SimdTiles at(SimdTiles tiles, int64_t first, int64_t count, int64_t wide) const {
    tiles.first = first;
    tiles.count = count;
    tiles.row = wide;
    tiles.place = place(count * wide);
    tiles.zeros = zeros_.data();
    return tiles;
  }
  template <class Do>
  static void each_chunk(const SimdTiles& tiles, int64_t maps, Do run) {
    const int64_t all = maps * tiles.each, chunks = (all + kTiles - 1) / kTiles;
    const int64_t size = (all + chunks - 1) / chunks;
    for (int64_t first = 0; first < all; first += size) run(first, std::min(size, all - first));
  }

  void pack(const float* weight) {
    const int64_t apart = place(o_ * wide_c_);
    turned_.resize(size_t(kPlaces * apart));
    for (int64_t o = 0; o < o_; ++o)
      loops_.tile_weight(c_, weight + o * 9 * c_, c_, false, turned_.data() + o * wide_c_, apart);
    for (int64_t p = 0; p < kPlaces; ++p)
      loops_.pack_transposed(o_, c_, turned_.data() + p * apart, wide_c_,
                             weight_.data() + p * weight_place(o_, c_));
    if (!train_) turned_ = {};
  }
  // The filters turned round, inputs and outputs exchanged.
  void pack_back(const float* weight) {
    for (int64_t first = 0; first < c_; first += lanes_)
      for (int64_t o = 0; o < o_; ++o)
        loops_.tile_weight(std::min(lanes_, c_ - first), weight + o * 9 * c_ + first, c_, true,
                           back_.data() + first * o_ + o * lanes_, weight_place(c_, o_));
  }

  struct Pass {
    SimdTiles in, out;
    const float *x, *weight, *bias;
    bool relu;
    float* y;
  };
  void convolve(const Pass& pass) {
    const SimdTiles &in = pass.in, &out = pass.out;
    loops_.tiles_of_input(in, pass.x, from_.data());
    loops_.product({.m_outer = kPlaces,
                    .m = in.count,
                    .n = out.c,
                    .k_inner = in.c,
                    .a = from_.data(),
                    .a_row = in.row,
                    .a_row_outer = in.place,
                    .b = pass.weight,
                    .b_inner = lanes_,
                    .b_panel = in.c * lanes_,
                    .b_row_outer = weight_place(out.c, in.c),
                    .padded = true,
                    .c = to_.data(),
                    .c_row = out.row,
                    .c_row_outer = out.place});
    loops_.tiles_to_map(out, to_.data(), pass.bias, pass.relu, pass.y);
  }

  // The weight's gradient of a tile is a convolution of its input by the result's gradient.
  void add_weight(int64_t first, int64_t count, const float* x, const float* dy) {
    const SimdTiles in = at(x_tiles_, first, count, wide_c_);
    const SimdTiles grad = at(y_tiles_, first, count, wide_o_);
    loops_.tiles_of_input(in, x, from_.data());
    loops_.tiles_of_grad(grad, dy, to_.data());
    loops_.product({.m_outer = kPlaces,
                    .m = o_,
                    .n = c_,
                    .k_inner = count,
                    .a = to_.data(),
                    .a_row = 1,
                    .a_row_outer = grad.place,
                    .a_inner = grad.row,
                    .b = from_.data(),
                    .b_inner = in.row,
                    .b_panel = lanes_,
                    .b_row_outer = in.place,
                    .padded = true,
                    .c = turned_.data(),
                    .c_row = wide_c_,
                    .c_row_outer = place(o_ * wide_c_),
                    .accumulate = true});
  }

  // The gradient of the convolution's own result, for samples i and on.
  const float* result_grad(const ConvBackward& b, int64_t i, int64_t many) {
    for (int64_t k = i; s_.pool && k < i + many; ++k)
      loops_.max_pool_backward(pool_, pooled_from_.data() + k * y_size_, b.dy + k * y_size_,
                               map_.data() + (k - i) * map_size_);
    if (!s_.pool && s_.relu)
      loops_.relu_backward(many * map_size_, b.y + i * y_size_, b.dy + i * y_size_, map_.data());
    return s_.pool || s_.relu ? map_.data() : b.dy + i * y_size_;
  }

  const SimdLoops& loops_;
  const ConvShape s_;
  const Window w_;
  const bool train_;
  const int64_t lanes_, c_, o_, wide_c_, wide_o_, x_size_, map_size_, y_size_;
  const std::string description_;
  int64_t group_ = 1;  // samples in hand
  bool ready_ = false;
  SimdTiles x_tiles_, y_tiles_, dy_tiles_, dx_tiles_;
  SimdPool pool_;
  Lines<float> zeros_, from_, to_;  // tiles turned, and products
  Lines<float> turned_;             // weights, or sums of their gradient, as [place][o][c]
  Lines<float> weight_, back_;      // packed
  Lines<float> map_;                // results, or their gradients, before relu and pool
  std::vector<int32_t> pooled_from_;
};

}  // namespace

bool winograd_pays(const ConvShape& shape) {
  const Window& w = shape.window;
  if (w.kh != 3 || w.kw != 3 || w.stride[0] != 1 || w.stride[1] != 1 || w.dilation[0] != 1 ||
      w.dilation[1] != 1 || shape.groups != 1)
    return false;
  const double pixels = double(w.out_h() * w.out_w());
  const double computed = 16 * double(tiles_of(w.out_h()) * tiles_of(w.out_w()));
  return std::min(w.c, shape.o) >= kFewChannels && computed <= kMostWaste * pixels;
}

std::unique_ptr<ConvKernel> simd_conv2d_winograd(const SimdLoops& loops, const ConvShape& shape,
                                                 const KernelOptions& options) {
  return std::make_unique<WinogradConv>(loops, shape, options);
}

}  // namespace sparlet
