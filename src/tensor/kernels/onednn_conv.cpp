#include "tensor/kernels/onednn.h"
#include "tensor/kernels/onednn_pass.h"

namespace sparlet {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;
using Forward = dnnl::convolution_forward;
using BackwardData = dnnl::convolution_backward_data;
using BackwardWeights = dnnl::convolution_backward_weights;

constexpr auto f32 = memory::data_type::f32;

// The layer as oneDNN describes it, for n samples.
struct Description {
  memory::desc x, y, bias, weight_any, weight_plain;
  Dims stride, dilation, pad_begin, pad_end;

  Description(const ConvShape& s, int64_t n) {
    const Window& w = s.window;
    // Strides say "channels last" even where a size of 1 would leave it open.
    const auto map = [n](int64_t c, int64_t h, int64_t v) {
      return memory::desc({n, c, h, v}, f32, memory::format_tag::nhwc);
    };
    x = map(w.c, w.h, w.w);
    y = map(s.o, w.out_h(), w.out_w());
    bias = memory::desc({s.o}, f32, memory::format_tag::x);
    const int64_t cg = s.group_c(), og = s.group_o();
    Dims dims{og, cg, w.kh, w.kw}, strides{s.patch(), 1, w.kw * cg, cg};
    if (s.groups > 1) {
      dims.insert(dims.begin(), s.groups);
      strides.insert(strides.begin(), og * s.patch());
    }
    weight_any = memory::desc(dims, f32, memory::format_tag::any);
    weight_plain = memory::desc(dims, f32, strides);
    stride = {w.stride[0], w.stride[1]};
    dilation = {w.dilation[0] - 1, w.dilation[1] - 1};
    pad_begin = {w.pad[0], w.pad[2]};
    pad_end = {w.pad[1], w.pad[3]};
  }

  Forward::primitive_desc forward(const memory::desc& weight, bool with_bias, bool train) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    const auto direct = algorithm::convolution_direct;
    return with_bias ? Forward::primitive_desc(
                           {kind, direct, x, weight, bias, y, stride, dilation, pad_begin, pad_end},
                           dnnl_engine())
                     : Forward::primitive_desc(
                           {kind, direct, x, weight, y, stride, dilation, pad_begin, pad_end},
                           dnnl_engine());
  }
};

// The primitives for one batch size. A pass that oneDNN has no good code for is missing.
struct Passes {
  std::optional<DnnWeight> forward_weight, data_weight, weight_grad;
  std::optional<DnnPass> forward, data, weight;
  bool ready = false;  // forward_weight holds the weight

  Passes(const ConvShape& s, int64_t n, bool train) {
    const Description d(s, n);
    if (const auto pd = best_of(d.weight_any, d.weight_plain, [&](const memory::desc& weight) {
          return d.forward(weight, s.bias, train);
        })) {
      forward_weight.emplace(d.weight_plain, pd->weights_desc());
      forward.emplace(Forward(*pd), pd->impl_info_str());
      forward->add(DNNL_ARG_SRC, d.x);
      forward->add(DNNL_ARG_DST, d.y);
      if (s.bias) forward->add(DNNL_ARG_BIAS, d.bias);
      forward->add(DNNL_ARG_WEIGHTS, forward_weight->packed());
    }
    if (train) make_backward(s, d);
  }

  void make_backward(const ConvShape& s, const Description& d) {
    const auto direct = algorithm::convolution_direct;
    if (const auto pd = best_of(d.weight_any, d.weight_plain, [&](const memory::desc& weight) {
          return BackwardData::primitive_desc(
              {direct, d.x, weight, d.y, d.stride, d.dilation, d.pad_begin, d.pad_end},
              dnnl_engine(), d.forward(d.weight_any, s.bias, true));
        })) {
      data_weight.emplace(d.weight_plain, pd->weights_desc());
      data.emplace(BackwardData(*pd), pd->impl_info_str());
      data->add(DNNL_ARG_DIFF_DST, d.y);
      data->add(DNNL_ARG_DIFF_SRC, d.x);
      data->add(DNNL_ARG_WEIGHTS, data_weight->packed());
    }
    if (const auto pd = best_of(d.weight_any, d.weight_plain, [&](const memory::desc& weight) {
          const auto hint = d.forward(d.weight_any, s.bias, true);
          return s.bias
                     ? BackwardWeights::primitive_desc({direct, d.x, weight, d.bias, d.y, d.stride,
                                                        d.dilation, d.pad_begin, d.pad_end},
                                                       dnnl_engine(), hint)
                     : BackwardWeights::primitive_desc(
                           {direct, d.x, weight, d.y, d.stride, d.dilation, d.pad_begin, d.pad_end},
                           dnnl_engine(), hint);
        })) {
      weight_grad.emplace(d.weight_plain, pd->diff_weights_desc());
      weight.emplace(BackwardWeights(*pd), pd->impl_info_str());
      weight->add(DNNL_ARG_SRC, d.x);
      weight->add(DNNL_ARG_DIFF_DST, d.y);
      if (s.bias) weight->add(DNNL_ARG_DIFF_BIAS, d.bias);
      weight->add(DNNL_ARG_DIFF_WEIGHTS, weight_grad->packed());
    }
  }
};

class DnnConv final : public ConvKernel {
 public:
  DnnConv(const ConvShape& shape, const KernelOptions& options)
      : shape_(shape),
        options_(options),
        portable_(portable_conv2d(shape, options)),
        unwanted_bias_(size_t(shape.o)) {
    const Passes& full = passes(options.batch);
    const auto name = [](const std::optional<DnnPass>& pass) {
      return pass ? pass->implementation() : "portable";
    };
    description_ = name(full.forward);
    if (options.train) description_ += " " + name(full.data) + " " + name(full.weight);
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    Passes& p = passes(n);
    if (!p.forward) return portable_->forward(n, x, weight, bias, y);
    if (options_.train || !p.ready) p.forward_weight->pack(weight);
    p.ready = true;
    if (shape_.bias)
      p.forward->run({x, y, bias});
    else
      p.forward->run({x, y});
  }

  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) override {
    Passes& p = passes(n);
    if (!p.data) return portable_->backward_data(n, weight, dy, dx);
    p.data_weight->pack(weight);
    p.data->run({dy, dx});
  }

  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    Passes& p = passes(n);
    if (!p.weight) return portable_->backward_weight(n, x, dy, dweight, dbias);
    if (shape_.bias)
      p.weight->run({x, dy, dbias ? dbias : unwanted_bias_.data()});
    else
      p.weight->run({x, dy});
    p.weight_grad->unpack(dweight);
  }

  void weight_changed() override {
    for (auto& [n, p] : passes_) p->ready = false;
    portable_->weight_changed();
  }
  std::string_view description() const override { return description_; }

 private:
  // Made at the first use of a batch size: the full one, and that of a last partial batch.
  Passes& passes(int64_t n) {
    for (auto& [size, p] : passes_)
      if (size == n) return *p;
    return *passes_.emplace_back(n, std::make_unique<Passes>(shape_, n, options_.train)).second;
  }

  const ConvShape shape_;
  const KernelOptions options_;
  std::unique_ptr<ConvKernel> portable_;
  std::vector<float> unwanted_bias_;
  std::vector<std::pair<int64_t, std::unique_ptr<Passes>>> passes_;
  std::string description_;
};

}  // namespace

std::unique_ptr<ConvKernel> onednn_conv2d(const ConvShape& shape, const KernelOptions& options) {
  return std::make_unique<DnnConv>(shape, options);
}

}  // namespace sparlet
