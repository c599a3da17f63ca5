// What a convolution and an inner product by oneDNN share: three passes over x, y, weight and bias,
// each with the weight in the order it likes, made at the first use of a batch size.
//
// A Description says of a shape and a number of samples what oneDNN is to be asked for:
//   memory::desc x, y, bias, weight_any, weight_plain; bool with_bias;
//   forward(weight, train), data(weight), weight(weight): primitive descriptors
//   Forward, BackwardData, BackwardWeights: the primitives' types
#pragma once
#include "tensor/kernels/onednn_pass.h"

namespace sparlet {

// The primitives for one number of samples. A pass that oneDNN has no good code for is missing.
struct DnnPasses {
  std::optional<DnnWeight> forward_weight, data_weight, weight_grad;
  std::optional<DnnPass> forward, data, weight;
  bool ready = false;  // forward_weight holds the weight

  template <class Description>
  DnnPasses(const Description& d, bool train) {
    if (const auto pd = best(d, [&](const auto& w) { return d.forward(w, train); })) {
      forward_weight.emplace(d.weight_plain, pd->weights_desc());
      forward.emplace(typename Description::Forward(*pd), pd->impl_info_str());
      forward->add(DNNL_ARG_SRC, d.x);
      forward->add(DNNL_ARG_DST, d.y);
      if (d.with_bias) forward->add(DNNL_ARG_BIAS, d.bias);
      forward->add(DNNL_ARG_WEIGHTS, forward_weight->packed());
    }
    if (train) make_backward(d);
  }

 private:
  template <class Description, class F>
  static auto best(const Description& d, const F& make) {
    return best_of(d.weight_any, d.weight_plain, make);
  }

  template <class Description>
  void make_backward(const Description& d) {
    if (const auto pd = best(d, [&](const auto& w) { return d.data(w); })) {
      data_weight.emplace(d.weight_plain, pd->weights_desc());
      data.emplace(typename Description::BackwardData(*pd), pd->impl_info_str());
      data->add(DNNL_ARG_DIFF_DST, d.y);
      data->add(DNNL_ARG_DIFF_SRC, d.x);
      data->add(DNNL_ARG_WEIGHTS, data_weight->packed());
    }
    if (const auto pd = best(d, [&](const auto& w) { return d.weight(w); })) {
      weight_grad.emplace(d.weight_plain, pd->diff_weights_desc());
      weight.emplace(typename Description::BackwardWeights(*pd), pd->impl_info_str());
      weight->add(DNNL_ARG_SRC, d.x);
      weight->add(DNNL_ARG_DIFF_DST, d.y);
      if (d.with_bias) weight->add(DNNL_ARG_DIFF_BIAS, d.bias);
      weight->add(DNNL_ARG_DIFF_WEIGHTS, weight_grad->packed());
    }
  }
};

// Kernel: ConvKernel or LinearKernel; passes that are missing are the portable kernel's.
template <class Kernel, class Shape, class Description>
class DnnLayer final : public Kernel {
 public:
  DnnLayer(const Shape& shape, int64_t outputs, const KernelOptions& options,
           std::unique_ptr<Kernel> portable)
      : shape_(shape),
        options_(options),
        portable_(std::move(portable)),
        unwanted_bias_(size_t(outputs)) {
    const DnnPasses& full = passes(options.batch);
    const auto name = [](const std::optional<DnnPass>& pass) {
      return pass ? pass->implementation() : "portable";
    };
    description_ = name(full.forward);
    if (options.train) description_ += " " + name(full.data) + " " + name(full.weight);
  }

  void forward(int64_t n, const float* x, const float* weight, const float* bias,
               float* y) override {
    DnnPasses& p = passes(n);
    if (!p.forward) return portable_->forward(n, x, weight, bias, y);
    if (options_.train || !p.ready) p.forward_weight->pack(weight);
    p.ready = true;
    if (shape_.bias)
      p.forward->run({x, y, bias});
    else
      p.forward->run({x, y});
  }

  void backward_data(int64_t n, const float* weight, const float* dy, float* dx) override {
    DnnPasses& p = passes(n);
    if (!p.data) return portable_->backward_data(n, weight, dy, dx);
    p.data_weight->pack(weight);
    p.data->run({dy, dx});
  }

  void backward_weight(int64_t n, const float* x, const float* dy, float* dweight,
                       float* dbias) override {
    DnnPasses& p = passes(n);
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
  // The full batch size's, and that of a last partial batch.
  DnnPasses& passes(int64_t n) {
    for (auto& [size, p] : passes_)
      if (size == n) return *p;
    return *passes_
                .emplace_back(n,
                              std::make_unique<DnnPasses>(Description(shape_, n), options_.train))
                .second;
  }

  const Shape shape_;
  const KernelOptions options_;
  std::unique_ptr<Kernel> portable_;
  std::vector<float> unwanted_bias_;
  std::vector<std::pair<int64_t, std::unique_ptr<DnnPasses>>> passes_;
  std::string description_;
};

}  // namespace sparlet
