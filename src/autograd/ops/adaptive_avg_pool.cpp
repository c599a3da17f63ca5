// adaptive_avg_pool2d(x): (c,h,w) -> (c,oh,ow), adaptive_avg_pool1d(x): (c,l) -> (c,ol): the mean
// over o parts of about equal size, as PyTorch cuts them: part i is [⌊i s / o⌋, ⌈(i+1) s / o⌉).
//   out: 2-D: n or [oh,ow]; 1-D: n
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

std::array<int64_t, 2> out_of(const Node& node, const Shape& x) {
  require(node.has("out"), "{}: wants the attribute out", place(node));
  const std::array<int64_t, 2> out =
      x.rank() == 3 ? node.pair("out", 1) : std::array<int64_t, 2>{1, node.integer("out", 1)};
  require(out[0] >= 1 && out[1] >= 1, "{}: out {}x{}, wanted at least 1", place(node), out[0],
          out[1]);
  return out;
}

Type infer_2d(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"out"}});
  check_map(node, in[0]);
  const auto [h, w] = out_of(node, in[0].shape);
  return {{in[0].shape[0], h, w}, DType::f32, true};
}
Type infer_1d(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"out"}});
  require(in[0].batched && in[0].shape.rank() == 2, "{}: wants (c,l) of each sample, found {}",
          place(node), to_string(in[0].shape));
  return {{in[0].shape[0], out_of(node, in[0].shape)[1]}, DType::f32, true};
}

// Element (c, pixel) is at c × channel + pixel × step: maps lie [h][w][c], lines [c][l].
class AdaptiveAvgPool final : public Kernel {
 public:
  AdaptiveAvgPool(const Shape& x, const std::array<int64_t, 2>& out)
      : c_(x[0]),
        h_(x.rank() == 3 ? x[1] : 1),
        w_(x[x.rank() - 1]),
        out_(out),
        map_(x.rank() == 3) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    each_part(io.n, [&](const Part& part, int64_t from, int64_t to) {
      double sum = 0;
      part.each([&](int64_t pixel) { sum += x[from + pixel * step()]; });
      y[to] = float(sum / double(part.size()));
    });
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    float* dx = din[0].f32();
    std::fill_n(dx, din[0].size(), 0.f);
    each_part(io.n, [&](const Part& part, int64_t from, int64_t to) {
      const float share = dy.f32()[to] / float(part.size());
      part.each([&](int64_t pixel) { dx[from + pixel * step()] += share; });
    });
  }

 private:
  struct Part {
    int64_t top, bottom, left, right, width;  // of the map
    int64_t size() const { return (bottom - top) * (right - left); }
    template <class Visit>
    void each(Visit visit) const {
      for (int64_t h = top; h < bottom; ++h)
        for (int64_t w = left; w < right; ++w) visit(h * width + w);
    }
  };
  int64_t step() const { return map_ ? c_ : 1; }
  static int64_t begin(int64_t i, int64_t size, int64_t out) { return i * size / out; }
  static int64_t end(int64_t i, int64_t size, int64_t out) {
    return ((i + 1) * size + out - 1) / out;
  }

  // visit(part, place of its channel in x, place of the result)
  template <class Visit>
  void each_part(int64_t n, Visit visit) const {
    const int64_t in = h_ * w_, out = out_[0] * out_[1];
    for (int64_t s = 0; s < n; ++s)
      for (int64_t i = 0; i < out; ++i) {
        const int64_t h = i / out_[1], w = i % out_[1];
        const Part part{begin(h, h_, out_[0]), end(h, h_, out_[0]), begin(w, w_, out_[1]),
                        end(w, w_, out_[1]), w_};
        for (int64_t c = 0; c < c_; ++c)
          visit(part, s * c_ * in + c * (map_ ? 1 : in),
                s * c_ * out + i * step() + c * (map_ ? 1 : out));
      }
  }

  const int64_t c_, h_, w_;
  const std::array<int64_t, 2> out_;
  const bool map_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const Shape& x = context.in[0]->type.shape;
  return std::make_unique<AdaptiveAvgPool>(x, out_of(node, x));
}

}  // namespace

const OpDef adaptive_avg_pool2d_op{
    .name = "adaptive_avg_pool2d",
    .infer = infer_2d,
    .macs = no_macs,
    .make = make,
    .samples = {{"overlapping", {{{3, 7, 9}}}, {{"out", std::vector<double>{3, 2}}}},
                {"even", {{{5, 6, 4}}}, {{"out", 2.0}}},
                {"larger", {{{2, 2, 3}}}, {{"out", std::vector<double>{3, 5}}}},
                {"one", {{{4, 3, 3}}}, {{"out", 1.0}}}}};
const OpDef adaptive_avg_pool1d_op{.name = "adaptive_avg_pool1d",
                                   .infer = infer_1d,
                                   .macs = no_macs,
                                   .make = make,
                                   .samples = {{"overlapping", {{{3, 7}}}, {{"out", 3.0}}},
                                               {"one", {{{4, 9}}}, {{"out", 1.0}}},
                                               {"larger", {{{2, 3}}}, {{"out", 5.0}}}}};

}  // namespace sparlet
