// max_pool(x), avg_pool(x): over windows of a map (c,h,w) -> (c,oh,ow).
//   size; stride (default: the size); pad; avg_pool: count_pad (1: padding counts as zeros, 0: only
//   what lies in the map is averaged; default 1)
#include "tensor/kernels/pool.h"

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/window.h"

namespace sparlet {
namespace {

Type pooled(const Node& node, const Type& x) {
  check_map(node, x);
  const Window window = pool_window(node, x.shape);
  return {{x.shape[0], window.out_h(), window.out_w()}, DType::f32, true};
}

Type infer_max(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"size", "stride", "pad"}});
  return pooled(node, in[0]);
}

Type infer_avg(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"size", "stride", "pad", "count_pad"}});
  const int64_t count_pad = node.integer("count_pad", 1);
  require(count_pad == 0 || count_pad == 1, "{}: count_pad {}, wanted 0 or 1", place(node),
          count_pad);
  return pooled(node, in[0]);
}

class MaxPool final : public Kernel {
 public:
  MaxPool(const Node& node, const MakeContext& context)
      : kernels_(*context.kernels),
        window_(pool_window(node, context.in[0]->type.shape)),
        from_(context.mode == Mode::train ? size_t(context.batch * count(node.type.shape)) : 0) {}

  void forward(const Io& io) override {
    kernels_.max_pool(window_, io.n, io.in[0].f32(), io.out.f32(),
                      from_.empty() ? nullptr : from_.data());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) kernels_.max_pool_backward(window_, io.n, from_.data(), dy.f32(), din[0].f32());
  }

 private:
  const Kernels& kernels_;
  const Window window_;
  std::vector<int32_t> from_;  // where each output came from
};

class AvgPool final : public Kernel {
 public:
  AvgPool(const Window& window, bool count_pad) : window_(window), count_pad_(count_pad) {}

  void forward(const Io& io) override {
    avg_pool(window_, count_pad_, io.n, io.in[0].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0]) avg_pool_backward(window_, count_pad_, io.n, dy.f32(), din[0].f32());
  }

 private:
  const Window window_;
  const bool count_pad_;
};

std::unique_ptr<Kernel> make_max(const Node& node, const MakeContext& context) {
  return std::make_unique<MaxPool>(node, context);
}
std::unique_ptr<Kernel> make_avg(const Node& node, const MakeContext& context) {
  return std::make_unique<AvgPool>(pool_window(node, context.in[0]->type.shape),
                                   node.integer("count_pad", 1) == 1);
}

std::vector<Sample> common_samples() {
  return {
      {"2", {{{3, 6, 8}}}, {{"size", 2.0}}},
      {"2_rest", {{{4, 7, 5}}}, {{"size", 2.0}}},
      {"3s1", {{{2, 5, 5}}}, {{"size", 3.0}, {"stride", 1.0}}},
      {"3s2_pad", {{{8, 6, 6}}}, {{"size", 3.0}, {"stride", 2.0}, {"pad", 1.0}}},
      {"rectangle",
       {{{1, 6, 5}}},
       {{"size", std::vector<double>{2, 3}},
        {"stride", std::vector<double>{1, 2}},
        {"pad", std::vector<double>{1, 0, 0, 2}}}},
  };
}
std::vector<Sample> avg_samples() {
  std::vector<Sample> samples = common_samples();
  samples.push_back({"no_count_pad",
                     {{{3, 5, 6}}},
                     {{"size", 3.0}, {"stride", 2.0}, {"pad", 1.0}, {"count_pad", 0.0}}});
  return samples;
}

}  // namespace

const OpDef max_pool_op{.name = "max_pool",
                        .infer = infer_max,
                        .macs = no_macs,
                        .make = make_max,
                        .samples = common_samples()};
const OpDef avg_pool_op{.name = "avg_pool",
                        .infer = infer_avg,
                        .macs = no_macs,
                        .make = make_avg,
                        .samples = avg_samples()};

}  // namespace sparlet
