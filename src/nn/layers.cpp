#include "nn/layers.h"

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

// Attributes that have their usual value are left out: one net has one text.
void set(Attrs& attrs, const char* key, int64_t value, int64_t usual) {
  if (value != usual) attrs[key] = double(value);
}

Var plain(const OpDef& op, std::vector<Var> in, Attrs attrs = {}) {
  NetBuilder& builder = *in.at(0).builder;
  return builder.op(op, builder.fresh(op.name), std::move(in), std::move(attrs));
}

Var pool(const OpDef& op, Var x, const Pool& options) {
  Attrs attrs{{"size", double(options.size)}};
  set(attrs, "stride", options.stride == 0 ? options.size : options.stride, options.size);
  set(attrs, "pad", options.pad, 0);
  if (&op == &avg_pool_op && options.pad != 0) set(attrs, "count_pad", options.count_pad, 1);
  return plain(op, {x}, std::move(attrs));
}

// Weight and bias of a layer, then the layer.
struct Affine {
  Shape weight;
  bool bias;
  Init init;
};

Var affine(const OpDef& op, Var x, std::string name, const Affine& layer, Attrs attrs) {
  NetBuilder& builder = *x.builder;
  std::vector<Var> in{x, builder.param(name + ".w", layer.weight, layer.init)};
  if (layer.bias)
    in.push_back(builder.param(name + ".b", Shape{layer.weight[0]}, [&](Rng& rng) {
      return fresh_bias(layer.weight[0], layer.weight, rng);
    }));
  return builder.op(op, std::move(name), std::move(in), std::move(attrs));
}

}  // namespace

Var conv2d(Var x, std::string name, const Conv2d& o) {
  const Shape& shape = x.shape();
  require(shape.rank() == 3, "{} (conv2d): input is {}, wanted (c,h,w)", name, to_string(shape));
  require(o.out >= 1 && o.kernel >= 1 && o.groups >= 1,
          "{} (conv2d): out {}, kernel {}, groups {}: each must be 1 or more", name, o.out,
          o.kernel, o.groups);
  require(shape[0] % o.groups == 0 && o.out % o.groups == 0,
          "{} (conv2d): {} groups do not divide {} channels into {}", name, o.groups, shape[0],
          o.out);
  Attrs attrs;
  set(attrs, "stride", o.stride, 1);
  set(attrs, "pad", o.pad, 0);
  set(attrs, "dilation", o.dilation, 1);
  set(attrs, "groups", o.groups, 1);
  return affine(
      conv2d_op, x, std::move(name),
      {.weight = {o.out, shape[0] / o.groups, o.kernel, o.kernel}, .bias = o.bias, .init = o.init},
      std::move(attrs));
}

Var depthwise(Var x, std::string name, const Conv2d& options, int64_t multiplier) {
  const Shape& shape = x.shape();
  require(shape.rank() == 3, "{} (conv2d): input is {}, wanted (c,h,w)", name, to_string(shape));
  Conv2d each = options;
  each.groups = shape[0];
  each.out = shape[0] * multiplier;
  return conv2d(x, std::move(name), each);
}

Var linear(Var x, std::string name, const Linear& o) {
  const Shape& shape = x.shape();
  require(shape.rank() == 1, "{} (linear): input is {}, wanted (n): flatten it first", name,
          to_string(shape));
  require(o.out >= 1, "{} (linear): out is {}, wanted 1 or more", name, o.out);
  return affine(linear_op, x, std::move(name),
                {.weight = {o.out, shape[0]}, .bias = o.bias, .init = o.init}, {});
}

Var batch_norm(Var x, std::string name, const BatchNorm& o) {
  NetBuilder& builder = *x.builder;
  const Shape channels{x.shape()[0]};
  const Var gamma = builder.param(name + ".gamma", channels, Init::ones);
  const Var beta = builder.param(name + ".beta", channels, Init::zeros);
  const Var mean = builder.state(name + ".mean", Tensor(channels));
  Tensor ones(channels);
  for (float& one : ones.write()) one = 1;
  const Var variance = builder.state(name + ".variance", std::move(ones));
  Attrs attrs;
  if (o.momentum != 0.1) attrs["momentum"] = o.momentum;
  if (o.epsilon != 1e-5) attrs["epsilon"] = o.epsilon;
  return builder.op(batch_norm_op, std::move(name), {x, gamma, beta, mean, variance},
                    std::move(attrs));
}

Var max_pool(Var x, const Pool& options) { return pool(max_pool_op, x, options); }
Var avg_pool(Var x, const Pool& options) { return pool(avg_pool_op, x, options); }
Var global_avg_pool(Var x) { return plain(global_avg_pool_op, {x}); }
Var relu(Var x) { return plain(relu_op, {x}); }
Var relu6(Var x) { return plain(relu6_op, {x}); }
Var softmax(Var x) { return plain(softmax_op, {x}); }
Var dropout(Var x, double rate) { return plain(dropout_op, {x}, {{"rate", rate}}); }
Var flatten(Var x) { return plain(flatten_op, {x}); }
Var add(Var a, Var b) { return plain(add_op, {a, b}); }
Var sub(Var a, Var b) { return plain(sub_op, {a, b}); }
Var mul(Var a, Var b) { return plain(mul_op, {a, b}); }

Var concat(std::vector<Var> parts) {
  require(!parts.empty(), "concat: wants at least one part");
  return plain(concat_op, std::move(parts));
}

}  // namespace sparlet::nn
