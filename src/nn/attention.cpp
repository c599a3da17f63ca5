#include "nn/attention.h"

#include <cmath>

#include "tensor/error.h"

namespace sparlet::nn {

Var self_attention(Var x, std::string name, const SelfAttention& options) {
  const Shape& shape = x.shape();
  require(shape.rank() == 2, "{} (self_attention): input is {}, wanted (t,features)", name,
          to_string(shape));
  const int64_t rows = shape[0], features = shape[1], heads = options.heads;
  require(heads >= 1 && features % heads == 0,
          "{} (self_attention): {} heads do not divide {} features", name, heads, features);
  const int64_t width = features / heads;
  NetBuilder& builder = *x.builder;
  builder.push_scope(std::move(name));
  const Var all = linear_rows(
      x, "in", {.out = 3 * features, .bias = options.bias, .init = Init::xavier_uniform});
  // Part k of q, k, v as (heads, t, width).
  const auto part = [&](int64_t k) {
    const Var mine = slice(all, {.axis = 1, .begin = k * features, .end = (k + 1) * features});
    return transpose(reshape(mine, {rows, heads, width}), {1, 0, 2});
  };
  const Var q = part(0), k = part(1), v = part(2);
  const Var scores = scale(matmul(q, k, {.transpose_b = true}), 1 / std::sqrt(double(width)));
  const Var seen = matmul(softmax(scores, 2), v);
  const Var side_by_side = reshape(transpose(seen, {1, 0, 2}), {rows, features});
  const Var y = linear_rows(side_by_side, "out", {.out = features, .bias = options.bias});
  builder.pop_scope();
  return y;
}

}  // namespace sparlet::nn
