// max_pool1d(x), avg_pool1d(x): (c,l) -> (c,ol). max_pool3d(x), avg_pool3d(x): (c,d,h,w) ->
// (c,od,oh,ow).
//   size; stride (default: the size); pad: a number, or one for each axis (1-D: also [left,right]);
//   avg: count_pad (1: padding counts as zeros, 0: only what lies inside is averaged; default 1)
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/volume.h"

namespace sparlet {
namespace {

template <int axes>
Type pooled(const Node& node, const Type& x) {
  require(x.batched && x.shape.rank() == axes + 1, "{}: wants {} of each sample, found {}",
          place(node), axes == 1 ? "(c,l)" : "(c,d,h,w)", to_string(x.shape));
  const Volume v = pool_volume(node, x.shape);
  if (axes == 1) return {{x.shape[0], v.w.places()}, DType::f32, true};
  return {{x.shape[0], v.d.places(), v.h.places(), v.w.places()}, DType::f32, true};
}

template <int axes>
Type infer_max(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"size", "stride", "pad"}});
  return pooled<axes>(node, in[0]);
}

template <int axes>
Type infer_avg(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"size", "stride", "pad", "count_pad"}});
  const int64_t count_pad = node.integer("count_pad", 1);
  require(count_pad == 0 || count_pad == 1, "{}: count_pad {}, wanted 0 or 1", place(node),
          count_pad);
  return pooled<axes>(node, in[0]);
}

class MaxPool final : public Kernel {
 public:
  MaxPool(const Node& node, const MakeContext& context)
      : volume_(pool_volume(node, context.in[0]->type.shape)),
        c_(node.type.shape[0]),
        from_(context.mode == Mode::train ? size_t(context.batch * count(node.type.shape)) : 0) {}

  void forward(const Io& io) override {
    max_pool(volume_, io.n * c_, io.in[0].f32(), io.out.f32(),
             from_.empty() ? nullptr : from_.data());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) max_pool_backward(volume_, io.n * c_, from_.data(), dy.f32(), din[0].f32());
  }

 private:
  const Volume volume_;
  const int64_t c_;
  std::vector<int32_t> from_;  // where each output came from
};

class AvgPool final : public Kernel {
 public:
  AvgPool(const Node& node, const MakeContext& context)
      : volume_(pool_volume(node, context.in[0]->type.shape)),
        c_(node.type.shape[0]),
        count_pad_(node.integer("count_pad", 1) == 1) {}

  void forward(const Io& io) override {
    avg_pool(volume_, count_pad_, io.n * c_, io.in[0].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) avg_pool_backward(volume_, count_pad_, io.n * c_, dy.f32(), din[0].f32());
  }

 private:
  const Volume volume_;
  const int64_t c_;
  const bool count_pad_;
};

template <class T>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<T>(node, context);
}

std::vector<double> list(std::initializer_list<double> values) { return values; }

std::vector<Sample> line_samples() {
  return {{"2", {{{3, 8}}}, {{"size", 2.0}}},
          {"4_rest", {{{3, 17}}}, {{"size", 4.0}}},
          {"3s2_pad", {{{3, 17}}}, {{"size", 3.0}, {"stride", 2.0}, {"pad", 1.0}}},
          {"left_pad", {{{1, 7}}}, {{"size", 3.0}, {"stride", 1.0}, {"pad", list({2, 0})}}}};
}
std::vector<Sample> volume_samples() {
  return {{"2", {{{2, 4, 6, 5}}}, {{"size", 2.0}}},
          {"3s1_pad", {{{2, 3, 3, 4}}}, {{"size", 3.0}, {"stride", 1.0}, {"pad", 1.0}}},
          {"uneven",
           {{{3, 4, 5, 6}}},
           {{"size", list({1, 2, 3})}, {"stride", list({2, 1, 2})}, {"pad", list({0, 1, 2})}}}};
}
std::vector<Sample> without_padding(std::vector<Sample> samples) {
  Sample sample = samples[2];
  sample.name = "no_count_pad";
  sample.attrs["count_pad"] = 0.0;
  samples.push_back(sample);
  return samples;
}

}  // namespace

const OpDef max_pool1d_op{.name = "max_pool1d",
                          .infer = infer_max<1>,
                          .macs = no_macs,
                          .make = make<MaxPool>,
                          .samples = line_samples()};
const OpDef avg_pool1d_op{.name = "avg_pool1d",
                          .infer = infer_avg<1>,
                          .macs = no_macs,
                          .make = make<AvgPool>,
                          .samples = without_padding(line_samples())};
const OpDef max_pool3d_op{.name = "max_pool3d",
                          .infer = infer_max<3>,
                          .macs = no_macs,
                          .make = make<MaxPool>,
                          .samples = volume_samples()};
const OpDef avg_pool3d_op{.name = "avg_pool3d",
                          .infer = infer_avg<3>,
                          .macs = no_macs,
                          .make = make<AvgPool>,
                          .samples = without_padding(volume_samples())};

}  // namespace sparlet
