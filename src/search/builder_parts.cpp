#include "search/builder_parts.h"

#include <algorithm>

#include "autograd/ops/ops.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {
namespace {

constexpr int64_t kMostLayers = 64;

// One number where both are the same: one net has one text.
Attr pair_attr(int64_t h, int64_t w) {
  if (h == w) return double(h);
  return std::vector<double>{double(h), double(w)};
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

int64_t Scope::integer(std::string_view name, int64_t fallback, int64_t least) const {
  const int64_t value = point.integer(at(name), fallback);
  require(value >= least, "parameter '{}': {} is below {}", at(name), value, least);
  return value;
}

int64_t Scope::count(std::string_view name, int64_t fallback, int64_t least) const {
  const int64_t value = integer(name, fallback, least);
  require(value <= kMostLayers, "parameter '{}': {} is above {}", at(name), value, kMostLayers);
  return value;
}

double Scope::fraction(std::string_view name, double fallback) const {
  const double value = point.number(at(name), fallback);
  require(value >= 0 && value <= 1, "parameter '{}': {} is not in [0, 1]", at(name), value);
  return value;
}

void Scope::reject(std::string_view name, std::string_view word,
                   const std::vector<std::string>& known) const {
  fail("parameter '{}': '{}' is none of {}{}", at(name), word, listed(known),
       did_you_mean(word, known));
}

Var conv(Var x, const std::string& name, const Rectangle& o) {
  const Shape& shape = x.shape();
  require(shape.rank() == 3, "{} (conv2d): input is {}, wanted (c,h,w)", name, to_string(shape));
  require(o.out >= 1 && o.kernel_h >= 1 && o.kernel_w >= 1 && shape[0] % o.groups == 0,
          "{} (conv2d): {} filters of {}x{}, {} groups of {}", name, o.out, o.kernel_h, o.kernel_w,
          o.groups, to_string(shape));
  Attrs attrs;
  if (o.stride_h != 1 || o.stride_w != 1) attrs["stride"] = pair_attr(o.stride_h, o.stride_w);
  if (o.groups != 1) attrs["groups"] = double(o.groups);
  const double top = double((o.kernel_h - 1) / 2), bottom = double(o.kernel_h / 2),
               left = double((o.kernel_w - 1) / 2), right = double(o.kernel_w / 2);
  if (o.same && bottom + right > 0) {
    if (top == bottom && left == right)
      attrs["pad"] = pair_attr(int64_t(top), int64_t(left));
    else
      attrs["pad"] = std::vector<double>{top, bottom, left, right};
  }
  NetBuilder& builder = *x.builder;
  const Var w =
      builder.param(name + ".w", Shape{o.out, shape[0] / o.groups, o.kernel_h, o.kernel_w},
                    Init::kaiming_uniform);
  return builder.op(conv2d_op, name, {x, w}, std::move(attrs));
}

Var depthwise_conv(Var x, const std::string& name, Rectangle options, int64_t multiplier) {
  options.groups = x.shape()[0];
  options.out = x.shape()[0] * multiplier;
  return conv(x, name, options);
}

Var pointwise(Var x, const std::string& name, int64_t out) {
  return conv(x, name, {.out = out, .kernel_h = 1, .kernel_w = 1});
}

Var clipped_pool(Var x, bool average, const Window2& o) {
  const int64_t h = std::min(o.size_h, x.shape()[1]), w = std::min(o.size_w, x.shape()[2]);
  if (h == 1 && w == 1 && o.stride_h <= 1 && o.stride_w <= 1) return x;
  Attrs attrs{{"size", pair_attr(h, w)}};
  const int64_t stride_h = o.stride_h > 0 ? o.stride_h : h,
                stride_w = o.stride_w > 0 ? o.stride_w : w;
  if (stride_h != h || stride_w != w) attrs["stride"] = pair_attr(stride_h, stride_w);
  NetBuilder& builder = *x.builder;
  const OpDef& op = average ? avg_pool_op : max_pool_op;
  return builder.op(op, builder.fresh(op.name), {x}, std::move(attrs));
}

Var pool_to(Var x, int64_t h, int64_t w) {
  const int64_t in_h = x.shape()[1], in_w = x.shape()[2];
  require(h >= 1 && w >= 1 && h <= in_h && w <= in_w, "max_pool: a map of {} to {}x{}",
          to_string(x.shape()), h, w);
  const int64_t stride_h = in_h / h, stride_w = in_w / w;
  return clipped_pool(x, false,
                      {.size_h = in_h - (h - 1) * stride_h,
                       .size_w = in_w - (w - 1) * stride_w,
                       .stride_h = stride_h,
                       .stride_w = stride_w});
}

Var drop(Var x, const Scope& scope, std::string_view name) {
  const double rate = scope.fraction(name, 0);
  require(rate < 1, "parameter '{}': {} leaves nothing", scope.at(name), rate);
  return rate > 0 ? nn::dropout(x, rate) : x;
}

}  // namespace sparlet::search
