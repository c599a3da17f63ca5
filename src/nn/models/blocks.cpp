#include "nn/models/blocks.h"

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

// Before and behind.
std::pair<int64_t, int64_t> same_pad(int64_t size, int64_t kernel, int64_t stride) {
  const int64_t out = (size + stride - 1) / stride;
  const int64_t all = std::max<int64_t>((out - 1) * stride + kernel - size, 0);
  return {all / 2, all - all / 2};
}

}  // namespace

Var same_conv(Var x, std::string name, const SameConv& o) {
  NetBuilder& b = *x.builder;
  const Shape& shape = x.shape();
  const auto [top, bottom] = same_pad(shape[1], o.kernel_h, o.stride);
  const auto [left, right] = same_pad(shape[2], o.kernel_w, o.stride);
  Attrs attrs;
  if (o.stride != 1) attrs["stride"] = double(o.stride);
  if (o.groups != 1) attrs["groups"] = double(o.groups);
  if (top == bottom && left == right && top == left) {
    if (top != 0) attrs["pad"] = double(top);
  } else {
    attrs["pad"] = std::vector<double>{double(top), double(bottom), double(left), double(right)};
  }
  const Shape weight{o.out, shape[0] / o.groups, o.kernel_h, o.kernel_w};
  std::vector<Var> in{x, b.param(name + ".w", weight, Init::he_uniform)};
  if (o.bias) in.push_back(b.param(name + ".b", Shape{o.out}, Init::zeros));
  return b.op(conv2d_op, std::move(name), std::move(in), std::move(attrs));
}

Var conv_norm(Var x, const std::string& name, const Conv2d& options) {
  return relu(batch_norm(conv2d(x, name, options), name + ".bn"));
}

Var same_conv_norm(Var x, const std::string& name, const SameConv& options) {
  return relu(batch_norm(same_conv(x, name, options), name + ".bn"));
}

Var map_input(NetBuilder& builder, const DataSpec& spec, std::string_view net) {
  require(spec.shape.rank() == 3, "{}: samples are {}, wanted (c,h,w)", net, to_string(spec.shape));
  return builder.data_input(spec);
}

Var flat_input(NetBuilder& builder, const DataSpec& spec) {
  const Var x = builder.data_input(spec);
  return x.shape().rank() == 1 ? x : flatten(x);
}

Net classified(NetBuilder& builder, Var x, const DataSpec& spec) {
  return builder.finish(linear(global_avg_pool(x), "fc", {.out = spec.classes}));
}

}  // namespace sparlet::nn
