#include "tensor/kernels/onednn.h"
#include "tensor/kernels/onednn_layer.h"

namespace sparlet {
namespace {

using dnnl::memory;
using dnnl::prop_kind;

constexpr auto f32 = memory::data_type::f32;

struct Description {
  using Forward = dnnl::inner_product_forward;
  using BackwardData = dnnl::inner_product_backward_data;
  using BackwardWeights = dnnl::inner_product_backward_weights;

  memory::desc x, y, bias, weight_any, weight_plain;
  bool with_bias;

  Description(const LinearShape& s, int64_t rows)
      : x({rows, s.in}, f32, memory::format_tag::nc),
        y({rows, s.out}, f32, memory::format_tag::nc),
        bias({s.out}, f32, memory::format_tag::x),
        weight_any({s.out, s.in}, f32, memory::format_tag::any),
        weight_plain({s.out, s.in}, f32, memory::format_tag::oi),
        with_bias(s.bias) {}

  Forward::primitive_desc forward(const memory::desc& w, bool train) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    return with_bias ? Forward::primitive_desc({kind, x, w, bias, y}, dnnl_engine())
                     : Forward::primitive_desc({kind, x, w, y}, dnnl_engine());
  }
  BackwardData::primitive_desc data(const memory::desc& w) const {
    return {{x, w, y}, dnnl_engine(), forward(weight_any, true)};
  }
  BackwardWeights::primitive_desc weight(const memory::desc& w) const {
    const auto hint = forward(weight_any, true);
    return with_bias ? BackwardWeights::primitive_desc({x, w, bias, y}, dnnl_engine(), hint)
                     : BackwardWeights::primitive_desc({x, w, y}, dnnl_engine(), hint);
  }
};

}  // namespace

std::unique_ptr<LinearKernel> onednn_linear(const LinearShape& shape,
                                            const KernelOptions& options) {
  return std::make_unique<DnnLayer<LinearKernel, LinearShape, Description>>(
      shape, shape.out, options, portable_linear(shape, options));
}

}  // namespace sparlet
