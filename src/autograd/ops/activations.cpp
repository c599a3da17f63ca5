// Functions of one number, element by element:
//   sigmoid(x) = 1 / (1 + e^-x)            tanh(x)
//   silu(x) = x sigmoid(x)                 gelu(x) = x Φ(x), with erf (Hendrycks & Gimpel 2016)
//   hardsigmoid(x) = relu6(x + 3) / 6      hardswish(x) = x relu6(x + 3) / 6
//   elu(x) = x where x > 0, else alpha (e^x - 1)      alpha (default 1)
//   scale(x) = factor x + offset           factor (default 1), offset (default 0)
//   exp(x), log(x), sqrt(x)
// NaN stays NaN.
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "tensor/kernels/elementary.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

// Each: value(x, p) and slope(x, y, p), where y is the value and p the attributes.
struct Parameters {
  float a = 0, b = 0;
};
#define SPARLET_INLINE [[gnu::always_inline]] static inline float

struct Sigmoid {
  SPARLET_INLINE value(float x, Parameters) { return fast_sigmoid(x); }
  SPARLET_INLINE slope(float, float y, Parameters) { return y * (1 - y); }
};
struct Tanh {
  SPARLET_INLINE value(float x, Parameters) { return fast_tanh(x); }
  SPARLET_INLINE slope(float, float y, Parameters) { return 1 - y * y; }
};
struct Silu {
  SPARLET_INLINE value(float x, Parameters) { return x * fast_sigmoid(x); }
  SPARLET_INLINE slope(float x, float, Parameters) {
    const float s = fast_sigmoid(x);
    return s * (1 + x * (1 - s));
  }
};
struct Gelu {
  SPARLET_INLINE normal_below(float x) { return 0.5f * std::erfc(x * -0.707106781f); }
  SPARLET_INLINE value(float x, Parameters) { return x * normal_below(x); }
  SPARLET_INLINE slope(float x, float, Parameters) {
    return normal_below(x) + x * 0.398942280f * fast_exp(-0.5f * x * x);
  }
};
struct HardSigmoid {
  SPARLET_INLINE value(float x, Parameters) {
    const float y = (x + 3) / 6, low = y < 0 ? 0 : y;
    return low > 1 ? 1 : low;
  }
  SPARLET_INLINE slope(float x, float, Parameters) { return (x > -3) & (x < 3) ? 1.f / 6 : 0; }
};
struct HardSwish {
  SPARLET_INLINE value(float x, Parameters p) { return x * HardSigmoid::value(x, p); }
  SPARLET_INLINE slope(float x, float, Parameters) {
    const float inside = x < -3 ? 0 : x / 3 + 0.5f;
    return x > 3 ? 1 : inside;
  }
};
struct Elu {
  SPARLET_INLINE value(float x, Parameters p) { return x > 0 ? x : p.a * (fast_exp(x) - 1); }
  SPARLET_INLINE slope(float x, float, Parameters p) { return x > 0 ? 1 : p.a * fast_exp(x); }
};
struct Scale {
  SPARLET_INLINE value(float x, Parameters p) { return p.a * x + p.b; }
  SPARLET_INLINE slope(float, float, Parameters p) { return p.a; }
};
struct Exp {
  SPARLET_INLINE value(float x, Parameters) { return fast_exp(x); }
  SPARLET_INLINE slope(float, float y, Parameters) { return y; }
};
struct Log {
  SPARLET_INLINE value(float x, Parameters) { return std::log(x); }
  SPARLET_INLINE slope(float x, float, Parameters) { return 1 / x; }
};
struct Sqrt {
  SPARLET_INLINE value(float x, Parameters) { return std::sqrt(x); }
  SPARLET_INLINE slope(float, float y, Parameters) { return 0.5f / y; }
};

// Operands may be the same place (in place), never half over each other: hence ivdep.
template <class F>
SPARLET_WIDE void forward_all(int64_t n, Parameters p, const float* x, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = F::value(x[i], p);
}
template <class F>
SPARLET_WIDE void backward_all(int64_t n, Parameters p, const float* __restrict x,
                               const float* __restrict y, const float* __restrict g,
                               float* __restrict dx) {
  for (int64_t i = 0; i < n; ++i) dx[i] = g[i] * F::slope(x[i], y[i], p);
}

template <class F>
class Activation final : public Kernel {
 public:
  explicit Activation(Parameters parameters) : parameters_(parameters) {}

  void forward(const Io& io) override {
    forward_all<F>(io.out.size(), parameters_, io.in[0].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (din[0])
      backward_all<F>(dy.size(), parameters_, io.in[0].f32(), io.out.f32(), dy.f32(), din[0].f32());
  }

 private:
  const Parameters parameters_;
};

Parameters elu_parameters(const Node& node) { return {float(node.number("alpha", 1))}; }
Parameters scale_parameters(const Node& node) {
  return {float(node.number("factor", 1)), float(node.number("offset", 0))};
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1});
  return in[0];
}
Type infer_elu(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"alpha"}});
  elu_parameters(node);  // numbers, or an Error
  return in[0];
}
Type infer_scale(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"factor", "offset"}});
  scale_parameters(node);
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

template <class F>
std::unique_ptr<Kernel> make(const Node&, const MakeContext&) {
  return std::make_unique<Activation<F>>(Parameters{});
}
std::unique_ptr<Kernel> make_elu(const Node& node, const MakeContext&) {
  return std::make_unique<Activation<Elu>>(elu_parameters(node));
}
std::unique_ptr<Kernel> make_scale(const Node& node, const MakeContext&) {
  return std::make_unique<Activation<Scale>>(scale_parameters(node));
}

template <class F>
OpDef activation(std::string_view name, Fill fill = Fill::normal) {
  const auto x = [fill](const Shape& shape) {
    return std::vector<Sample::Input>{{shape, "input", DType::f32, fill}};
  };
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make<F>,
          .samples = {{"map", x({3, 4, 5})}, {"features", x({13})}, {"rows", x({5, 33})}},
          .elementwise = true,
          .in_place = first};
}

OpDef elu() {
  OpDef op = activation<Elu>("elu");
  op.infer = infer_elu;
  op.make = make_elu;
  op.samples.push_back({"half", {{{17}}}, {{"alpha", 0.5}}});
  return op;
}
OpDef scale() {
  OpDef op = activation<Scale>("scale");
  op.infer = infer_scale;
  op.make = make_scale;
  op.samples.push_back({"both", {{{17}}}, {{"factor", -0.25}, {"offset", 3.0}}});
  op.samples.push_back({"weight", {{{2, 3, 4}, "param"}}, {{"factor", 2.0}}});
  return op;
}

}  // namespace

const OpDef sigmoid_op = activation<Sigmoid>("sigmoid");
const OpDef tanh_op = activation<Tanh>("tanh");
const OpDef silu_op = activation<Silu>("silu");
const OpDef gelu_op = activation<Gelu>("gelu");
const OpDef hardsigmoid_op = activation<HardSigmoid>("hardsigmoid");
const OpDef hardswish_op = activation<HardSwish>("hardswish");
const OpDef elu_op = elu();
const OpDef scale_op = scale();
const OpDef exp_op = activation<Exp>("exp");
const OpDef log_op = activation<Log>("log", Fill::positive);
const OpDef sqrt_op = activation<Sqrt>("sqrt", Fill::positive);

}  // namespace sparlet
