#include "tensor/kernels/onednn.h"
#include "tensor/kernels/onednn_pass.h"

namespace sparlet {
namespace {

using dnnl::memory;
using dnnl::prop_kind;
using Forward = dnnl::inner_product_forward;
using BackwardData = dnnl::inner_product_backward_data;
using BackwardWeights = dnnl::inner_product_backward_weights;

constexpr auto f32 = memory::data_type::f32;

// The layer as oneDNN describes it, for some rows.
struct Description {
  memory::desc x, y, bias, weight_any, weight_plain;

  Description(const LinearShape& s, int64_t rows)
      : x({rows, s.in}, f32, memory::format_tag::nc),
        y({rows, s.out}, f32, memory::format_tag::nc),
        bias({s.out}, f32, memory::format_tag::x),
        weight_any({s.out, s.in}, f32, memory::format_tag::any),
        weight_plain({s.out, s.in}, f32, memory::format_tag::oi) {}

  Forward::primitive_desc forward(const memory::desc& weight, bool with_bias, bool train) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    return with_bias ? Forward::primitive_desc({kind, x, weight, bias, y}, dnnl_engine())
                     : Forward::primitive_desc({kind, x, weight, y}, dnnl_engine());
  }
};

// The primitives for one number of rows. A pass that oneDNN has no good code for is missing.
struct Passes {
  std::optional<DnnWeight> forward_weight, data_weight, weight_grad;
  std::optional<DnnPass> forward, data, weight;
  bool ready = false;  // forward_weight holds the weight

  Passes(const LinearShape& s, int64_t rows, bool train) {
    const Description d(s, rows);
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

  void make_backward(const LinearShape& s, const Description& d) {
    if (const auto pd = best_of(d.weight_any, d.weight_plain, [&](const memory::desc& weight) {
          return BackwardData::primitive_desc({d.x, weight, d.y}, dnnl_engine(),
                                              d.forward(d.weight_any, s.bias, true));
        })) {
      data_weight.emplace(d.weight_plain, pd->weights_desc());
      data.emplace(BackwardData(*pd), pd->impl_info_str());
      data->add(DNNL_ARG_DIFF_DST, d.y);
      data->add(DNNL_ARG_DIFF_SRC, d.x);
      data->add(DNNL_ARG_WEIGHTS, data_weight->packed());
    }
    if (const auto pd = best_of(d.weight_any, d.weight_plain, [&](const memory::desc& weight) {
          const auto hint = d.forward(d.weight_any, s.bias, true);
          return s.bias ? BackwardWeights::primitive_desc({d.x, weight, d.bias, d.y}, dnnl_engine(),
                                                          hint)
                        : BackwardWeights::primitive_desc({d.x, weight, d.y}, dnnl_engine(), hint);
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

class DnnLinear final : public LinearKernel {
 public:
  DnnLinear(const LinearShape& shape, const KernelOptions& options)
      : shape_(shape),
        options_(options),
        portable_(portable_linear(shape, options)),
        unwanted_bias_(size_t(shape.out)) {
    const Passes& full = passes(options.batch);
    const auto name = [](const std::optional<DnnPass>& pass) {
      return pass ? pass->implementation() : "portable";
    };
    description_ = name(full.forward);
    if (options.train) description_ += " " + name(full.data) + " " + name(full.weight);
  }

  void forward(int64_t rows, const float* x, const float* weight, const float* bias,
               float* y) override {
    Passes& p = passes(rows);
    if (!p.forward) return portable_->forward(rows, x, weight, bias, y);
    if (options_.train || !p.ready) p.forward_weight->pack(weight);
    p.ready = true;
    if (shape_.bias)
      p.forward->run({x, y, bias});
    else
      p.forward->run({x, y});
  }

  void backward_data(int64_t rows, const float* weight, const float* dy, float* dx) override {
    Passes& p = passes(rows);
    if (!p.data) return portable_->backward_data(rows, weight, dy, dx);
    p.data_weight->pack(weight);
    p.data->run({dy, dx});
  }

  void backward_weight(int64_t rows, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    Passes& p = passes(rows);
    if (!p.weight) return portable_->backward_weight(rows, x, dy, dweight, dbias);
    if (shape_.bias)
      p.weight->run({x, dy, dbias ? dbias : unwanted_bias_.data()});
    else
      p.weight->run({x, dy});
    p.weight_grad->unpack(dweight);
  }

  void weight_changed() override {
    for (auto& [rows, p] : passes_) p->ready = false;
  }
  std::string_view description() const override { return description_; }

 private:
  // Made at the first use of a number of rows: a full batch, and a last partial one.
  Passes& passes(int64_t rows) {
    for (auto& [size, p] : passes_)
      if (size == rows) return *p;
    return *passes_.emplace_back(rows, std::make_unique<Passes>(shape_, rows, options_.train))
                .second;
  }

  const LinearShape shape_;
  const KernelOptions options_;
  std::unique_ptr<LinearKernel> portable_;
  std::vector<float> unwanted_bias_;
  std::vector<std::pair<int64_t, std::unique_ptr<Passes>>> passes_;
  std::string description_;
};

}  // namespace

std::unique_ptr<LinearKernel> onednn_linear(const LinearShape& shape,
                                            const KernelOptions& options) {
  return std::make_unique<DnnLinear>(shape, options);
}

}  // namespace sparlet
