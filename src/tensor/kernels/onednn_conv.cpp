#include "tensor/kernels/onednn.h"
#include "tensor/kernels/onednn_layer.h"

namespace sparlet {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Dims = memory::dims;

constexpr auto f32 = memory::data_type::f32;
constexpr auto direct = algorithm::convolution_direct;

struct Description {
  using Forward = dnnl::convolution_forward;
  using BackwardData = dnnl::convolution_backward_data;
  using BackwardWeights = dnnl::convolution_backward_weights;

  memory::desc x, y, bias, weight_any, weight_plain;
  bool with_bias;
  Dims stride, dilation, pad_begin, pad_end;

  Description(const ConvShape& s, int64_t n) : with_bias(s.bias) {
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

  Forward::primitive_desc forward(const memory::desc& w, bool train) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    return with_bias
               ? Forward::primitive_desc(
                     {kind, direct, x, w, bias, y, stride, dilation, pad_begin, pad_end},
                     dnnl_engine())
               : Forward::primitive_desc(
                     {kind, direct, x, w, y, stride, dilation, pad_begin, pad_end}, dnnl_engine());
  }
  BackwardData::primitive_desc data(const memory::desc& w) const {
    return {{direct, x, w, y, stride, dilation, pad_begin, pad_end},
            dnnl_engine(),
            forward(weight_any, true)};
  }
  BackwardWeights::primitive_desc weight(const memory::desc& w) const {
    const auto hint = forward(weight_any, true);
    return with_bias
               ? BackwardWeights::primitive_desc(
                     {direct, x, w, bias, y, stride, dilation, pad_begin, pad_end}, dnnl_engine(),
                     hint)
               : BackwardWeights::primitive_desc(
                     {direct, x, w, y, stride, dilation, pad_begin, pad_end}, dnnl_engine(), hint);
  }
};

}  // namespace

std::unique_ptr<ConvKernel> onednn_conv2d(const ConvShape& shape, const KernelOptions& options) {
  return std::make_unique<DnnLayer<ConvKernel, ConvShape, Description>>(
      shape, shape.o, options, portable_conv2d(shape, options));
}

}  // namespace sparlet
