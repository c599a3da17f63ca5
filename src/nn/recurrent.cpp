#include "nn/recurrent.h"

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::nn {
namespace {

struct Kind {
  const OpDef& op;
  int64_t gates;
  bool relu = false;
};

Var part(Var packed, std::string name, int64_t begin, const Shape& shape) {
  return packed.builder->op(part_op, std::move(name), {packed},
                            {{"begin", double(begin)}, {"shape", attr(shape)}});
}

Var layer(const Kind& kind, Var x, const std::string& name, const Recurrent& o) {
  NetBuilder& builder = *x.builder;
  const int64_t rows = kind.gates * o.hidden;
  std::vector<Var> in{x};
  for (int direction = 0; direction < (o.bidirectional ? 2 : 1); ++direction) {
    const std::string end = direction == 1 ? "_reverse" : "";
    const auto weight = [&](const char* stem, const Shape& shape) {
      in.push_back(builder.param(name + stem + end, shape,
                                 [&](Rng& rng) { return fresh_recurrent(shape, o.hidden, rng); }));
    };
    weight(".w_ih", {rows, x.shape()[1]});
    weight(".w_hh", {rows, o.hidden});
    if (!o.bias) continue;
    weight(".b_ih", {rows});
    weight(".b_hh", {rows});
  }
  if (o.lengths.builder) in.push_back(o.lengths);
  Attrs attrs;
  if (o.bidirectional) attrs["bidirectional"] = 1.0;
  if (kind.relu) attrs["activation"] = std::string("relu");
  return builder.op(kind.op, name, std::move(in), std::move(attrs));
}

Sequence stack(const Kind& kind, Var x, const std::string& name, const Recurrent& o) {
  const auto place = [&] { return fmt::format("{} ({})", name, kind.op.name); };
  require(x.shape().rank() == 2, "{}: input is {}, wanted (steps,features)", place(),
          to_string(x.shape()));
  require(o.hidden >= 1 && o.layers >= 1, "{}: hidden {}, layers {}: each must be 1 or more",
          place(), o.hidden, o.layers);
  require(o.dropout >= 0 && o.dropout < 1, "{}: dropout {}, wanted 0 to below 1", place(),
          o.dropout);
  const int64_t steps = x.shape()[0], row = o.hidden * (o.bidirectional ? 2 : 1);
  Sequence out{.y = x, .h = {}, .c = {}};
  for (int64_t l = 0; l < o.layers; ++l) {
    if (l > 0 && o.dropout > 0) out.y = dropout(out.y, o.dropout);
    const std::string here = fmt::format("{}.l{}", name, l);
    const Var packed = layer(kind, out.y, here, o);
    out.y = part(packed, here + ".y", 0, {steps, row});
    if (l + 1 < o.layers) continue;
    out.h = part(packed, here + ".h", steps * row, {row});
    if (&kind.op == &lstm_op) out.c = part(packed, here + ".c", (steps + 1) * row, {row});
  }
  return out;
}

}  // namespace

Sequence lstm(Var x, std::string name, const Recurrent& options) {
  return stack({lstm_op, 4}, x, name, options);
}
Sequence gru(Var x, std::string name, const Recurrent& options) {
  return stack({gru_op, 3}, x, name, options);
}
Sequence rnn(Var x, std::string name, const Recurrent& options) {
  return stack({rnn_op, 1}, x, name, options);
}
Sequence rnn_relu(Var x, std::string name, const Recurrent& options) {
  return stack({rnn_op, 1, true}, x, name, options);
}

}  // namespace sparlet::nn
