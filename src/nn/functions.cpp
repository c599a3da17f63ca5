#include "nn/functions.h"

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

// Attributes that have their usual value are left out: one net has one text.
void set(Attrs& attrs, const char* key, double value, double usual) {
  if (value != usual) attrs[key] = value;
}

Var plain(const OpDef& op, std::vector<Var> in, Attrs attrs = {}) {
  NetBuilder& builder = *in.at(0).builder;
  return builder.op(op, builder.fresh(op.name), std::move(in), std::move(attrs));
}

Var pool(const OpDef& op, Var x, const Pool& options) {
  Attrs attrs{{"size", double(options.size)}};
  if (options.stride != 0) set(attrs, "stride", double(options.stride), double(options.size));
  set(attrs, "pad", double(options.pad), 0);
  const bool average = &op == &avg_pool1d_op || &op == &avg_pool3d_op;
  if (average && options.pad != 0) set(attrs, "count_pad", options.count_pad, 1);
  return plain(op, {x}, std::move(attrs));
}

std::vector<double> list(const std::vector<int64_t>& values) {
  return {values.begin(), values.end()};
}

// The layer with fresh weights; `out`: how many biases, 0 for none.
Var weighted(const OpDef& op, Var x, std::string name, const Shape& weight, int64_t out, Init init,
             Attrs attrs) {
  NetBuilder& builder = *x.builder;
  std::vector<Var> in{x, builder.param(name + ".w", weight, init)};
  if (out > 0) in.push_back(builder.param(name + ".b", fresh_bias(out, weight, builder.rng())));
  return builder.op(op, std::move(name), std::move(in), std::move(attrs));
}

void check_sizes(const std::string& name, const OpDef& op, const Shape& x, int64_t channels,
                 std::initializer_list<int64_t> sizes) {
  require(x.rank() >= 2, "{} ({}): input is {}, wanted channels first", name, op.name,
          to_string(x));
  for (int64_t size : sizes)
    require(size >= 1, "{} ({}): out, kernel and groups must be 1 or more", name, op.name);
  const int64_t groups = *(sizes.end() - 1);
  require(channels % groups == 0, "{} ({}): {} groups do not divide {} channels", name, op.name,
          groups, channels);
}

Var conv(const OpDef& op, Var x, std::string name, const Conv& o) {
  const Shape& shape = x.shape();
  check_sizes(name, op, shape, shape.rank() > 0 ? shape[0] : 0, {o.out, o.kernel, o.groups});
  Attrs attrs;
  set(attrs, "stride", double(o.stride), 1);
  set(attrs, "pad", double(o.pad), 0);
  set(attrs, "dilation", double(o.dilation), 1);
  set(attrs, "groups", double(o.groups), 1);
  Shape weight{o.out, shape[0] / o.groups};
  for (int i = 1; i < shape.rank(); ++i) weight.push_back(o.kernel);
  return weighted(op, x, std::move(name), weight, o.bias ? o.out : 0, o.init, std::move(attrs));
}

Var reduce(const OpDef& op, Var x, const Reduce& options) {
  Attrs attrs{{"axes", list(options.axes)}};
  set(attrs, "keep", options.keep, 0);
  return plain(op, {x}, std::move(attrs));
}

Var along(const OpDef& op, Var x, int64_t axis) {
  Attrs attrs;
  if (axis != 0 || x.shape().rank() == 2 || x.shape().rank() > 3) attrs["axis"] = double(axis);
  return plain(op, {x}, std::move(attrs));
}

}  // namespace

Var leaky_relu(Var x, double slope) {
  Attrs attrs;
  set(attrs, "slope", slope, 0.01);
  return plain(leaky_relu_op, {x}, std::move(attrs));
}
Var elu(Var x, double alpha) {
  Attrs attrs;
  set(attrs, "alpha", alpha, 1);
  return plain(elu_op, {x}, std::move(attrs));
}
Var sigmoid(Var x) { return plain(sigmoid_op, {x}); }
Var tanh(Var x) { return plain(tanh_op, {x}); }
Var silu(Var x) { return plain(silu_op, {x}); }
Var gelu(Var x) { return plain(gelu_op, {x}); }
Var hardsigmoid(Var x) { return plain(hardsigmoid_op, {x}); }
Var hardswish(Var x) { return plain(hardswish_op, {x}); }
Var exp(Var x) { return plain(exp_op, {x}); }
Var log(Var x) { return plain(log_op, {x}); }
Var sqrt(Var x) { return plain(sqrt_op, {x}); }
Var scale(Var x, double factor, double offset) {
  Attrs attrs;
  set(attrs, "factor", factor, 1);
  set(attrs, "offset", offset, 0);
  return plain(scale_op, {x}, std::move(attrs));
}

Var prelu(Var x, std::string name, const Prelu& options) {
  NetBuilder& builder = *x.builder;
  Tensor slope(Shape{options.per_channel ? x.shape()[0] : 1});
  for (float& s : slope.write()) s = 0.25f;
  const Var param = builder.param(name + ".slope", std::move(slope));
  return builder.op(prelu_op, std::move(name), {x, param});
}

Var softmax(Var x, int64_t axis) { return along(softmax_op, x, axis); }
Var log_softmax(Var x, int64_t axis) { return along(log_softmax_op, x, axis); }

Var conv1d(Var x, std::string name, const Conv& o) {
  return conv(conv1d_op, x, std::move(name), o);
}
Var conv3d(Var x, std::string name, const Conv& o) {
  return conv(conv3d_op, x, std::move(name), o);
}

Var conv_transpose2d(Var x, std::string name, const ConvTranspose2d& o) {
  const Shape& shape = x.shape();
  check_sizes(name, conv_transpose2d_op, shape, o.out, {o.out, o.kernel, o.groups});
  Attrs attrs;
  set(attrs, "stride", double(o.stride), 1);
  set(attrs, "pad", double(o.pad), 0);
  set(attrs, "output_padding", double(o.output_padding), 0);
  set(attrs, "groups", double(o.groups), 1);
  return weighted(conv_transpose2d_op, x, std::move(name),
                  {shape[0], o.out / o.groups, o.kernel, o.kernel}, o.bias ? o.out : 0, o.init,
                  std::move(attrs));
}

Var linear_rows(Var x, std::string name, const Linear& o) {
  const Shape& shape = x.shape();
  require(shape.rank() == 2, "{} (linear): input is {}, wanted (rows,in)", name, to_string(shape));
  require(o.out >= 1, "{} (linear): out is {}, wanted 1 or more", name, o.out);
  return weighted(linear_op, x, std::move(name), {o.out, shape[1]}, o.bias ? o.out : 0, o.init, {});
}

Var max_pool1d(Var x, const Pool& options) { return pool(max_pool1d_op, x, options); }
Var avg_pool1d(Var x, const Pool& options) { return pool(avg_pool1d_op, x, options); }
Var max_pool3d(Var x, const Pool& options) { return pool(max_pool3d_op, x, options); }
Var avg_pool3d(Var x, const Pool& options) { return pool(avg_pool3d_op, x, options); }
Var adaptive_avg_pool1d(Var x, int64_t out) {
  return plain(adaptive_avg_pool1d_op, {x}, {{"out", double(out)}});
}
Var adaptive_avg_pool2d(Var x, int64_t out_h, int64_t out_w) {
  return plain(adaptive_avg_pool2d_op, {x}, {{"out", list({out_h, out_w})}});
}

Var layer_norm(Var x, std::string name, const LayerNorm& options) {
  NetBuilder& builder = *x.builder;
  const Shape& shape = x.shape();
  require(options.axes >= 1 && options.axes <= shape.rank(),
          "{} (layer_norm): {} axes of {}, wanted 1 to {}", name, options.axes, to_string(shape),
          shape.rank());
  Shape last;
  for (int i = shape.rank() - int(options.axes); i < shape.rank(); ++i) last.push_back(shape[i]);
  const Var gamma = builder.param(name + ".gamma", last, Init::ones);
  const Var beta = builder.param(name + ".beta", last, Init::zeros);
  Attrs attrs;
  set(attrs, "epsilon", options.epsilon, 1e-5);
  return builder.op(layer_norm_op, std::move(name), {x, gamma, beta}, std::move(attrs));
}

Var pad(Var x, const std::array<int64_t, 4>& sides, double value) {
  Attrs attrs{{"pad", list({sides.begin(), sides.end()})}};
  set(attrs, "value", value, 0);
  return plain(pad_op, {x}, std::move(attrs));
}
Var upsample_nearest2d(Var x, int64_t scale) {
  return plain(upsample_nearest2d_op, {x}, {{"scale", double(scale)}});
}

Var slice(Var x, const Slice& options) {
  Attrs attrs;
  set(attrs, "axis", double(options.axis), 0);
  set(attrs, "begin", double(options.begin), 0);
  set(attrs, "end", double(options.end), -1);
  set(attrs, "step", double(options.step), 1);
  return plain(slice_op, {x}, std::move(attrs));
}

Var reshape(Var x, const Shape& shape) { return plain(reshape_op, {x}, {{"shape", attr(shape)}}); }
Var transpose(Var x, const std::vector<int64_t>& axes) {
  return plain(transpose_op, {x}, {{"axes", list(axes)}});
}
Var reduce_sum(Var x, const Reduce& options) { return reduce(reduce_sum_op, x, options); }
Var reduce_mean(Var x, const Reduce& options) { return reduce(reduce_mean_op, x, options); }

Var matmul(Var a, Var b, const Matmul& options) {
  Attrs attrs;
  set(attrs, "transpose_a", options.transpose_a, 0);
  set(attrs, "transpose_b", options.transpose_b, 0);
  return plain(matmul_op, {a, b}, std::move(attrs));
}

}  // namespace sparlet::nn
