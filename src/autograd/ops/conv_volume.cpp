// conv1d(x, w[, b]): x (c,l), w (o, c/groups, k), b (o) -> (o, ol).
// conv3d(x, w[, b]): x (c,d,h,w), w (o, c/groups, kd, kh, kw), b (o) -> (o, od, oh, ow).
//   stride, pad, dilation: see volume.h; groups
// Both run on the 2-D kernels: every place along d is a map of its own, whose channels are those of
// the kd slices under the window.
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/volume.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

std::vector<int64_t> window_sizes(const Shape& w) { return {w.begin() + 2, w.end()}; }
std::vector<int64_t> ones(const Shape& w) { return std::vector<int64_t>(size_t(w.rank()) - 2, 1); }

Volume conv_volume(const Node& node, const Shape& x, const Shape& w) {
  return volume_of(node, x, window_sizes(w), ones(w));
}

template <int axes>
Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x, w[, b]", 2, 3, {"stride", "pad", "dilation", "groups"}});
  const Shape &x = in[0].shape, &w = in[1].shape;
  require(in[0].batched && x.rank() == axes + 1, "{}: wants {} of each sample, found {}",
          place(node), axes == 1 ? "(c,l)" : "(c,d,h,w)", to_string(x));
  require(w.rank() == axes + 2 && !in[1].batched, "{}: wants a weight {}, found {}", place(node),
          axes == 1 ? "(o,c/groups,k)" : "(o,c/groups,kd,kh,kw)", to_string(w));
  const int64_t groups = node.integer("groups", 1);
  require(groups >= 1 && x[0] % groups == 0 && w[0] % groups == 0,
          "{}: {} channels of {} and {} filters of {} do not divide into {} groups", place(node),
          x[0], to_string(x), w[0], to_string(w), groups);
  require(w[1] == x[0] / groups, "{}: the weight {} wants {} channels a group, x {} has {}",
          place(node), to_string(w), w[1], to_string(x), x[0] / groups);
  if (in.size() == 3)
    require(in[2].shape == Shape{w[0]} && !in[2].batched, "{}: wants a bias [{}], found {}",
            place(node), w[0], to_string(in[2].shape));
  const Volume v = conv_volume(node, x, w);
  if (axes == 1) return {{w[0], v.w.places()}, DType::f32, true};
  return {{w[0], v.d.places(), v.h.places(), v.w.places()}, DType::f32, true};
}

int64_t macs(const Node& node, std::span<const Type> in) {
  return conv_volume(node, in[0].shape, in[1].shape).places() * count(in[1].shape);
}

class ConvVolume final : public Kernel {
 public:
  ConvVolume(const Node& node, const MakeContext& context)
      : v_(conv_volume(node, context.in[0]->type.shape, context.in[1]->type.shape)),
        c_(context.in[0]->type.shape[0]),
        o_(node.type.shape[0]),
        groups_(node.integer("groups", 1)),
        batch_(context.batch),
        train_(context.mode == Mode::train),
        weight_(size_t(count(context.in[1]->type.shape))),
        kernel_(context.kernels->conv2d(
            {.window = {.c = c_ * v_.d.window,
                        .h = v_.h.size,
                        .w = v_.w.size,
                        .kh = v_.h.window,
                        .kw = v_.w.window,
                        .stride = {v_.h.stride, v_.w.stride},
                        .pad = {v_.h.before, v_.h.after, v_.w.before, v_.w.after},
                        .dilation = {v_.h.dilation, v_.w.dilation}},
             .o = o_,
             .groups = groups_,
             .bias = node.in.size() > 2},
            {.batch = batch_ * v_.d.places(), .train = train_})) {}

  // The unfolded x, y in the kernel's order and, in training, the gradient of the first.
  int64_t scratch_bytes() const override {
    return int64_t(sizeof(float)) * ((train_ ? 2 : 1) * unfolded(batch_) + result(batch_) +
                                     (train_ ? int64_t(weight_.size()) : 0));
  }
  void operands_changed() override {
    ready_ = false;
    kernel_->weight_changed();
  }

  void forward(const Io& io) override {
    if (train_ || !ready_)
      each_weight(groups_, [&](int64_t mine, int64_t plain) {
        weight_[size_t(mine)] = io.in[1].f32()[plain];
      });
    ready_ = true;
    const Scratch s = scratch(io);
    unfold(io.n, io.in[0].f32(), s.x);
    const float* bias = io.in.size() > 2 ? io.in[2].f32() : nullptr;
    kernel_->forward(io.n * v_.d.places(), s.x, weight_.data(), bias, s.y);
    each_result(io.n,
                [to = io.out.f32(), &s](int64_t mine, int64_t plain) { to[plain] = s.y[mine]; });
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const Scratch s = scratch(io);
    const int64_t maps = io.n * v_.d.places();
    each_result(io.n, [g = dy.f32(), &s](int64_t mine, int64_t plain) { s.y[mine] = g[plain]; });
    if (din[0]) {
      kernel_->backward_data(maps, weight_.data(), s.y, s.dx);
      fold(io.n, s.dx, din[0].f32());
    }
    float* dbias = din.size() > 2 ? din[2].f32() : nullptr;
    if (din[1]) {
      unfold(io.n, io.in[0].f32(), s.x);
      kernel_->backward_weight(maps, s.x, s.y, s.dweight, dbias);
      each_weight(groups_, [to = din[1].f32(), &s](int64_t mine, int64_t plain) {
        to[plain] = s.dweight[mine];
      });
    } else if (dbias) {
      sum_rows(dy.size() / o_, o_, s.y, dbias);
    }
  }

 private:
  struct Scratch {
    float *y, *x, *dx, *dweight;
  };
  Scratch scratch(const Io& io) const {
    auto* y = static_cast<float*>(io.scratch);
    float* x = y + result(batch_);
    return {y, x, x + unfolded(batch_), x + 2 * unfolded(batch_)};
  }
  int64_t pixels() const { return v_.h.size * v_.w.size; }
  int64_t places() const { return v_.h.places() * v_.w.places(); }
  int64_t channels() const { return c_ * v_.d.window; }
  int64_t unfolded(int64_t n) const { return n * v_.d.places() * pixels() * channels(); }
  int64_t result(int64_t n) const { return n * v_.d.places() * places() * o_; }

  // visit(channel in the kernel's map, slice of x or -1) for all slices of one map.
  template <class Visit>
  void each_slice(int64_t place, Visit visit) const {
    const int64_t group = c_ / groups_;
    for (int64_t c = 0; c < c_; ++c)
      for (int64_t k = 0; k < v_.d.window; ++k) {
        const int64_t d = v_.d.at(place, k);
        visit((c / group * v_.d.window + k) * group + c % group,
              d < 0 || d >= v_.d.size ? -1 : c * v_.d.size + d);
      }
  }

  void unfold(int64_t n, const float* x, float* maps) const {
    for (int64_t s = 0; s < n; ++s, x += c_ * v_.d.size * pixels())
      for (int64_t place = 0; place < v_.d.places(); ++place, maps += pixels() * channels())
        each_slice(place, [&](int64_t channel, int64_t slice) {
          for (int64_t p = 0; p < pixels(); ++p)
            maps[p * channels() + channel] = slice < 0 ? 0 : x[slice * pixels() + p];
        });
  }
  void fold(int64_t n, const float* maps, float* dx) const {
    std::fill_n(dx, n * c_ * v_.d.size * pixels(), 0.f);
    for (int64_t s = 0; s < n; ++s, dx += c_ * v_.d.size * pixels())
      for (int64_t place = 0; place < v_.d.places(); ++place, maps += pixels() * channels())
        each_slice(place, [&](int64_t channel, int64_t slice) {
          for (int64_t p = 0; slice >= 0 && p < pixels(); ++p)
            dx[slice * pixels() + p] += maps[p * channels() + channel];
        });
  }

  // visit(place in [n][od][oh][ow][o], place in [n][o][od][oh][ow])
  template <class Visit>
  void each_result(int64_t n, Visit visit) const {
    const int64_t depth = v_.d.places(), maps = places();
    for (int64_t s = 0; s < n; ++s)
      for (int64_t o = 0; o < o_; ++o)
        for (int64_t d = 0; d < depth; ++d)
          for (int64_t p = 0; p < maps; ++p)
            visit(((s * depth + d) * maps + p) * o_ + o, ((s * o_ + o) * depth + d) * maps + p);
  }

  // visit(place in [o][kh][kw][kd][i], place in [o][i][kd][kh][kw])
  template <class Visit>
  void each_weight(int64_t groups, Visit visit) const {
    const int64_t in = c_ / groups, depth = v_.d.window, plane = v_.h.window * v_.w.window;
    for (int64_t o = 0; o < o_; ++o)
      for (int64_t i = 0; i < in; ++i)
        for (int64_t d = 0; d < depth; ++d)
          for (int64_t p = 0; p < plane; ++p)
            visit(((o * plane + p) * depth + d) * in + i, ((o * in + i) * depth + d) * plane + p);
  }

  const Volume v_;
  const int64_t c_, o_, groups_, batch_;
  const bool train_;
  bool ready_ = false;
  std::vector<float> weight_;  // in the kernel's order
  std::unique_ptr<ConvKernel> kernel_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<ConvVolume>(node, context);
}

std::vector<Sample::Input> operands(const Shape& x, const Shape& w, bool bias = true) {
  std::vector<Sample::Input> in{{x}, {w, "param"}};
  if (bias) in.push_back({{w[0]}, "param"});
  return in;
}
std::vector<double> list(std::initializer_list<double> values) { return values; }

}  // namespace

const OpDef conv1d_op{
    .name = "conv1d",
    .infer = infer<1>,
    .macs = macs,
    .make = make,
    .samples = {
        {"k3", operands({3, 20}, {5, 3, 3}), {{"pad", 1.0}}},
        {"k9s2", operands({9, 33}, {8, 9, 9}), {{"pad", 4.0}, {"stride", 2.0}}},
        {"no_bias_rest", operands({2, 11}, {3, 2, 4}, false), {{"stride", 3.0}}},
        {"causal_dilated",
         operands({4, 12}, {6, 4, 3}),
         {{"pad", list({4, 0})}, {"dilation", 2.0}}},
        {"depthwise", operands({6, 16}, {6, 1, 5}), {{"pad", 2.0}, {"groups", 6.0}}},
        {"groups2", operands({4, 9}, {6, 2, 3}), {{"groups", 2.0}}},
        {"k1", operands({7, 5}, {4, 7, 1})},
        {"whole", operands({3, 8}, {16, 3, 8})},
    }};

const OpDef conv3d_op{
    .name = "conv3d",
    .infer = infer<3>,
    .macs = macs,
    .make = make,
    .samples = {
        {"k3", operands({2, 5, 6, 6}, {3, 2, 3, 3, 3}), {{"pad", 1.0}}},
        {"s2", operands({1, 6, 6, 5}, {4, 1, 3, 3, 3}), {{"pad", 1.0}, {"stride", 2.0}}},
        {"uneven",
         operands({2, 4, 5, 6}, {3, 2, 2, 1, 3}, false),
         {{"pad", list({1, 0, 2})}, {"stride", list({1, 2, 1})}, {"dilation", list({2, 1, 1})}}},
        {"groups2", operands({4, 3, 4, 3}, {6, 2, 2, 2, 2}), {{"groups", 2.0}}},
        {"k1", operands({3, 2, 3, 4}, {5, 3, 1, 1, 1})},
    }};

}  // namespace sparlet
