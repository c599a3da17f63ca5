#include "tensor/kernels/lines.h"
#include "tensor/kernels/pool.h"
#include "tensor/kernels/simd_kernels.h"
#include "tensor/kernels/simd_map.h"

namespace sparlet {

Frame padded_input(const Window& w) {
  return {.c = w.c,
          .h = w.h,
          .w = w.w,
          .top = w.pad[0],
          .left = w.pad[2],
          .height = w.h + w.pad[0] + w.pad[1],
          .width = w.w + w.pad[2] + w.pad[3]};
}

std::optional<Frame> padded_result(const ConvShape& s) {
  const Window& w = s.window;
  const int64_t reach_h = (w.kh - 1) * w.dilation[0], reach_w = (w.kw - 1) * w.dilation[1];
  if (w.stride[0] != 1 || w.stride[1] != 1 || std::max(w.pad[0], w.pad[1]) > reach_h ||
      std::max(w.pad[2], w.pad[3]) > reach_w)
    return std::nullopt;
  return Frame{.c = s.o,
               .h = w.out_h(),
               .w = w.out_w(),
               .top = reach_h - w.pad[0],
               .left = reach_w - w.pad[2],
               .height = w.h + reach_h,
               .width = w.w + reach_w};
}

SimdPool simd_pool(const Window& w) {
  return {.c = w.c,
          .h = w.h,
          .w = w.w,
          .out_h = w.out_h(),
          .out_w = w.out_w(),
          .kh = w.kh,
          .kw = w.kw,
          .stride_h = w.stride[0],
          .stride_w = w.stride[1],
          .top = w.pad[0],
          .left = w.pad[2]};
}

void WholeConv::backward_data(int64_t n, const float* weight, const float* dy, float* dx) {
  backward({n, nullptr, weight, nullptr, dy, dx, nullptr, nullptr});
}
void WholeConv::backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                                float* dbias) {
  backward({n, x, nullptr, nullptr, dy, nullptr, dweight, dbias});
}

namespace {

// A layer for a batch: sample by sample, so that what lies between convolution, relu and pooling
// never leaves the cache.
class SimdConv final : public WholeConv {
 public:
  SimdConv(const SimdLoops& loops, const ConvShape& shape, const KernelOptions& options)
      : loops_(loops),
        s_(shape),
        train_(options.train),
        x_size_(shape.window.c * shape.window.h * shape.window.w),
        map_size_(shape.window.out_h() * shape.window.out_w() * shape.o),
        y_size_(shape.pool ? shape.pool->out_h() * shape.pool->out_w() * shape.o : map_size_) {
    ConvShape body = shape;  // relu(max(..)) = max(relu(..)): after the pool there is less to do
    if (shape.pool) body.relu = false;
    body_ =
        shape.depthwise() ? depthwise_conv(loops, body, train_) : window_conv(loops, body, train_);
    if (shape.pool) pool_ = simd_pool(*shape.pool);
    if (shape.pool || (shape.relu && train_)) map_.resize(size_t(map_size_));
    if (shape.pool && train_) from_.resize(size_t(options.batch * y_size_));
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    if (train_ || !ready_) body_->pack(weight);
    ready_ = true;
    for (int64_t i = 0; i < n; ++i, x += x_size_, y += y_size_) {
      body_->forward(x, bias, s_.pool ? map_.data() : y);
      if (s_.pool)
        loops_.max_pool(pool_, s_.relu, map_.data(), y,
                        train_ ? from_.data() + i * y_size_ : nullptr);
    }
  }

  void backward(const ConvBackward& b) override {
    if (b.dx) body_->pack_back(b.weight);
    for (int64_t i = 0; i < b.n; ++i) {
      const float* x = b.x + i * x_size_;
      const float* dy = result_grad(b, i);
      if (b.dx) body_->data(dy, b.dx + i * x_size_);
      if (b.dweight) body_->weight(x, dy, b.dweight, i > 0);
      if (b.dbias) loops_.sum_rows(map_size_ / s_.o, s_.o, dy, b.dbias, i > 0);
    }
    if (b.dweight) body_->finish(b.dweight);
  }

  void weight_changed() override { ready_ = false; }
  bool holds_weight() const override { return ready_ && !train_; }
  std::string_view description() const override { return loops_.name; }

 private:
  // The gradient of the convolution's own result, for sample i.
  const float* result_grad(const ConvBackward& b, int64_t i) {
    const float* dy = b.dy + i * y_size_;
    if (s_.pool)
      loops_.max_pool_backward(pool_, from_.data() + i * y_size_, dy, map_.data());
    else if (s_.relu)
      loops_.relu_backward(map_size_, b.y + i * y_size_, dy, map_.data());
    return s_.pool || s_.relu ? map_.data() : dy;
  }

  const SimdLoops& loops_;
  const ConvShape s_;
  const bool train_;
  const int64_t x_size_, map_size_, y_size_;
  bool ready_ = false;
  SimdPool pool_;
  std::unique_ptr<MapConv> body_;
  Lines<float> map_;           // one sample's result, or its gradient, before relu and pool
  std::vector<int32_t> from_;  // where each pooled value came from
};

}  // namespace

std::unique_ptr<ConvKernel> simd_conv2d_each(const SimdLoops& loops, const ConvShape& shape,
                                             const KernelOptions& options) {
  return std::make_unique<SimdConv>(loops, shape, options);
}

std::unique_ptr<ConvKernel> simd_conv2d(const SimdLoops& loops, const ConvShape& shape,
                                        const KernelOptions& options) {
  if (winograd_pays(shape)) return simd_conv2d_winograd(loops, shape, options);
  if (lanes_pay(shape, options, loops.lanes)) return simd_conv2d_together(loops, shape, options);
  return simd_conv2d_each(loops, shape, options);
}

void simd_max_pool(const SimdLoops& loops, const Window& w, int64_t n, const float* x, float* y,
                   int32_t* from) {
  const SimdPool pool = simd_pool(w);
  const int64_t in = w.c * w.h * w.w, out = w.c * pool.out_h * pool.out_w;
  for (int64_t i = 0; i < n; ++i)
    loops.max_pool(pool, false, x + i * in, y + i * out, from ? from + i * out : nullptr);
}

void simd_max_pool_backward(const SimdLoops& loops, const Window& w, int64_t n, const int32_t* from,
                            const float* dy, float* dx) {
  const SimdPool pool = simd_pool(w);
  const int64_t in = w.c * w.h * w.w, out = w.c * pool.out_h * pool.out_w;
  for (int64_t i = 0; i < n; ++i)
    loops.max_pool_backward(pool, from + i * out, dy + i * out, dx + i * in);
}

namespace {

bool is_adam(const UpdateRule& rule) {
  return rule.kind == UpdateRule::Kind::adam || rule.kind == UpdateRule::Kind::adamw;
}
SimdAdam simd_adam(const UpdateRule& rule, const UpdateArgs& args) {
  const UpdateFactors f = factors_of(rule, args);
  return {.count = args.count,
          .weight = args.weight,
          .grad = args.grad,
          .m = args.slot[0],
          .v = args.slot[1],
          .decay = f.decay,
          .keep = f.keep,
          .beta1 = f.beta1,
          .beta2 = f.beta2,
          .one_less1 = f.one_less1,
          .one_less2 = f.one_less2,
          .step_size = f.step_size,
          .root = f.root,
          .epsilon = f.epsilon};
}

}  // namespace

void simd_update(const SimdLoops& loops, const UpdateRule& rule, const UpdateArgs& args) {
  is_adam(rule) ? loops.adam(simd_adam(rule, args)) : update(rule, args);
}

bool simd_update_outer(const SimdLoops& loops, const UpdateRule& rule, const UpdateArgs& args,
                       const OuterGrad& g) {
  if (!is_adam(rule)) return false;
  loops.adam_outer(simd_adam(rule, args), {g.rows, g.out, g.in, g.dy, g.x});
  return true;
}

}  // namespace sparlet
