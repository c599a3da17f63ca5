// add(a, b), sub(a, b), mul(a, b), element by element.
//   b has the shape of a, or one element, or is (c,1,1) beside a map (c,h,w). Either may be the
//   same for all samples; its gradient then is the sum over the samples.
//   A sum of two values takes the relu behind it (fusion.h).
#include <cstdint>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/relu.h"
#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

bool per_channel(const Shape& a, const Shape& b) { return a.rank() == 3 && b == Shape{a[0], 1, 1}; }

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"a, b", 2, 2});
  const Shape &a = in[0].shape, &b = in[1].shape;
  require(
      a == b || count(b) == 1 || per_channel(a, b),
      "{}: wants b of the shape of a, of one element or, beside a map, (c,1,1); found {} and {}",
      place(node), to_string(a), to_string(b));
  return {a, DType::f32, in[0].batched || in[1].batched};
}

int first(const Node&, std::span<const Type> in) {
  return in[0].batched || !in[1].batched ? 0 : -1;
}

struct Add {
  static float value(float a, float b) { return a + b; }
  static float grad_a(float g, float, float) { return g; }
  static float grad_b(float g, float, float) { return g; }
};
struct Sub {
  static float value(float a, float b) { return a - b; }
  static float grad_a(float g, float, float) { return g; }
  static float grad_b(float g, float, float) { return -g; }
};
struct Mul {
  static float value(float a, float b) { return a * b; }
  static float grad_a(float g, float, float b) { return g * b; }
  static float grad_b(float g, float a, float) { return g * a; }
};

// How an operand lies beside the result: element i of a sample is at
// [sample × stride + order(i mod period)].
struct Operand {
  int64_t period = 1, stride = 0;
  std::vector<int32_t> order;        // of an operand in another order; empty: as the result
  std::vector<float> values, grads;  // of such a one, in the result's order

  Operand(const Node& node, const MakeContext& context, size_t index) {
    const Type& type = context.in[index]->type;
    const Shape& shape = node.type.shape;
    period = count(type.shape);
    stride = type.batched ? period : 0;
    if (period == 1) return;
    if (type.shape == shape) {
      if (context.in_placement[index] == context.placement) return;
      require(!type.batched && context.in_placement[index].layout == Layout::plain,
              "{}: input {} lies in another order", place(node), index);
      order = memory_order(context.placement, shape);
    } else if (!node.type
                    .batched) {  // a channel's value, beside a map that lies channel by channel
      for (int64_t i = 0; i < count(shape); ++i)
        order.push_back(int32_t(i / (shape[1] * shape[2])));
    }
    if (order.empty()) return;
    period = int64_t(order.size());
    values.resize(order.size());
    grads.resize(order.size());
  }

  const float* fetch(const View& view) {
    if (order.empty()) return view.f32();
    for (size_t i = 0; i < order.size(); ++i) values[i] = view.f32()[order[i]];
    return values.data();
  }
  float* open_grad(const View& din) {
    float* to = order.empty() ? din.f32() : grads.data();
    std::fill_n(to, order.empty() ? din.size() : period, 0.f);
    return to;
  }
  void close_grad(const View& din) {
    if (order.empty()) return;
    std::fill_n(din.f32(), din.size(), 0.f);
    for (size_t i = 0; i < order.size(); ++i) din.f32()[order[i]] += grads[i];
  }
};

template <class Op>
class Arithmetic final : public Kernel {
 public:
  Arithmetic(const Node& node, const MakeContext& context)
      : size_(count(node.type.shape)), a_(node, context, 0), b_(node, context, 1) {
    // Number by number, whatever the samples.
    const auto lies_like = [&](const Operand& o) {
      return o.period == size_ && o.order.empty() && (o.stride > 0) == node.type.batched;
    };
    alike_ = lies_like(a_) && lies_like(b_);
  }

  void forward(const Io& io) override {
    const float *a = a_.fetch(io.in[0]), *b = b_.fetch(io.in[1]);
    float* y = io.out.f32();
    if (alike_) {
      for (int64_t i = 0, n = io.out.size(); i < n; ++i) y[i] = Op::value(a[i], b[i]);
      return;
    }
    for (int64_t s = 0, n = io.out.size() / size_; s < n; ++s, y += size_) {
      const float *as = a + s * a_.stride, *bs = b + s * b_.stride;
      if (b_.period == 1) {
        const float one = *bs;
        for (int64_t i = 0; i < size_; ++i) y[i] = Op::value(as[i], one);
        continue;
      }
      for (int64_t i = 0; i < size_; i += b_.period)
        for (int64_t k = 0; k < b_.period; ++k) y[i + k] = Op::value(as[i + k], bs[k]);
    }
  }

  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const float *a = a_.fetch(io.in[0]), *b = b_.fetch(io.in[1]);
    if (alike_) return backward_alike(dy.size(), dy.f32(), a, b, din);
    const int64_t n = dy.size() / size_;
    if (din[0]) {
      float* da = a_.open_grad(din[0]);
      for (int64_t s = 0; s < n; ++s)
        grad_a(dy.f32() + s * size_, a + s * a_.stride, b + s * b_.stride, da + s * a_.stride);
      a_.close_grad(din[0]);
    }
    if (din[1]) {
      float* db = b_.open_grad(din[1]);
      for (int64_t s = 0; s < n; ++s)
        grad_b(dy.f32() + s * size_, a + s * a_.stride, b + s * b_.stride, db + s * b_.stride);
      b_.close_grad(din[1]);
    }
  }

 private:
  static void backward_alike(int64_t n, const float* g, const float* a, const float* b,
                             std::span<const View> din) {
    float *da = din[0].f32(), *db = din[1].f32();
    for (int64_t i = 0; da && i < n; ++i) da[i] = Op::grad_a(g[i], a[i], b[i]);
    for (int64_t i = 0; db && i < n; ++i) db[i] = Op::grad_b(g[i], a[i], b[i]);
  }
  void grad_a(const float* g, const float* a, const float* b, float* da) const {
    for (int64_t i = 0; i < size_; i += b_.period)
      for (int64_t k = 0; k < b_.period; ++k) da[i + k] += Op::grad_a(g[i + k], a[i + k], b[k]);
  }
  void grad_b(const float* g, const float* a, const float* b, float* db) const {
    if (b_.period == 1) {
      double sum = 0;
      for (int64_t i = 0; i < size_; ++i) sum += Op::grad_b(g[i], a[i], *b);
      *db += float(sum);
      return;
    }
    for (int64_t i = 0; i < size_; i += b_.period)
      for (int64_t k = 0; k < b_.period; ++k) db[k] += Op::grad_b(g[i + k], a[i + k], b[k]);
  }

  const int64_t size_;
  Operand a_, b_;
  bool alike_ = false;
};

SPARLET_WIDE void add_relu(int64_t n, const float* a, const float* b, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const float sum = a[i] + b[i];
    y[i] = sum < 0 ? 0 : sum;  // y may be a
  }
}
// To one or both of two.
SPARLET_WIDE void add_relu_backward(int64_t n, const float* __restrict y, const float* __restrict g,
                                    float* __restrict da, float* __restrict db) {
  if (!db) {
    for (int64_t i = 0; i < n; ++i) da[i] = passed(g[i], y[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) da[i] = db[i] = passed(g[i], y[i]);
  }
}

class AddRelu final : public Kernel {
 public:
  void forward(const Io& io) override {
    add_relu(io.out.size(), io.in[0].f32(), io.in[1].f32(), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    float *da = din[0].f32(), *db = din[1].f32();
    if (!da) std::swap(da, db);
    if (da) add_relu_backward(dy.size(), io.out.f32(), dy.f32(), da, db);
  }
};

template <class Op>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  if (!context.then.empty()) {
    require(context.in_placement[0] == context.placement &&
                context.in_placement[1] == context.placement,
            "{}: an input lies in another order", place(node));
    return std::make_unique<AddRelu>();
  }
  return std::make_unique<Arithmetic<Op>>(node, context);
}

template <class Op>
OpDef arithmetic(std::string_view name) {
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make<Op>,
          .samples = {{"map", {{{3, 4, 5}}, {{3, 4, 5}}}},
                      {"features", {{{11}}, {{11}}}},
                      {"channel", {{{3, 4, 5}}, {{3, 1, 1}, "param"}}},
                      {"channel_of_sample", {{{3, 4, 5}}, {{3, 1, 1}}}},
                      {"one", {{{3, 4, 5}}, {{1}, "param"}}},
                      {"one_of_sample", {{{7}}, {{1}}}},
                      {"bias", {{{7}}, {{7}, "param"}}},
                      {"bias_map", {{{2, 3, 4}}, {{2, 3, 4}, "param"}}},
                      {"from_weight", {{{2, 3, 4}, "param"}, {{2, 3, 4}}}},
                      {"weights", {{{4, 3, 2, 2}, "param"}, {{4, 3, 2, 2}, "constant"}}},
                      {"weight_channel", {{{4, 3, 2}, "param"}, {{4, 1, 1}, "param"}}}},
          .elementwise = true,
          .in_place = first};
}

}  // namespace

const OpDef add_op = arithmetic<Add>("add");
const OpDef sub_op = arithmetic<Sub>("sub");
const OpDef mul_op = arithmetic<Mul>("mul");

}  // namespace sparlet
