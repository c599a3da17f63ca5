// softmax(x) = exp(x) / Σ exp(x) and log_softmax(x) = x - log Σ exp(x), along one axis of a sample.
//   axis (default 0: the features of (f), the channels of each pixel of (c,h,w); else it must be
//   given)
#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"axis"}});
  const Shape& x = in[0].shape;
  require(node.has("axis") || x.rank() == 1 || (x.rank() == 3 && in[0].batched),
          "{}: wants the attribute axis for x, found {}", place(node), to_string(x));
  const int64_t axis = node.integer("axis", 0);
  require(axis >= 0 && axis < x.rank(), "{}: axis {} of x {}, wanted 0 to {}", place(node), axis,
          to_string(x), x.rank() - 1);
  return in[0];
}
int first(const Node&, std::span<const Type>) { return 0; }

// The rows that are summed over: `length` numbers each, `step` apart in memory. Row r of a block of
// `step` rows begins at its r-th number.
struct Rows {
  int64_t length = 1, step = 1;

  Rows(const Shape& x, int64_t axis, Layout layout) : length(x[int(axis)]) {
    if (layout == Layout::hwc) {
      step = axis == 0 ? 1 : axis == 2 ? x[0] : x[0] * x[2];
    } else {
      for (int i = int(axis) + 1; i < x.rank(); ++i) step *= x[i];
    }
  }
  // visit(place of the first number) for all rows among `size` numbers
  template <class Visit>
  void each(int64_t size, Visit visit) const {
    for (int64_t block = 0; block < size; block += length * step)
      for (int64_t r = 0; r < step; ++r) visit(block + r);
  }
};

template <bool logarithm>
class Softmax final : public Kernel {
 public:
  explicit Softmax(const Rows& rows) : rows_(rows) {}

  void forward(const Io& io) override {
    rows_.each(io.out.size(), [&, n = rows_.length, step = rows_.step](int64_t at) {
      const float* x = io.in[0].f32() + at;
      float* y = io.out.f32() + at;
      float top = x[0];
      for (int64_t i = 1; i < n; ++i) top = std::max(top, x[i * step]);
      float sum = 0;
      if constexpr (logarithm) {
        for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i * step] - top);
        const float log_sum = std::log(sum);
        for (int64_t i = 0; i < n; ++i) y[i * step] = (x[i * step] - top) - log_sum;
      } else {
        for (int64_t i = 0; i < n; ++i) sum += y[i * step] = std::exp(x[i * step] - top);
        for (int64_t i = 0; i < n; ++i) y[i * step] /= sum;
      }
    });
  }

  // softmax: dx = y (dy - Σ dy y); log_softmax: dx = dy - exp(y) Σ dy
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    rows_.each(dy.size(), [&, n = rows_.length, step = rows_.step](int64_t at) {
      const float *y = io.out.f32() + at, *g = dy.f32() + at;
      float* dx = din[0].f32() + at;
      float sum = 0;
      for (int64_t i = 0; i < n * step; i += step) sum += logarithm ? g[i] : g[i] * y[i];
      for (int64_t i = 0; i < n * step; i += step)
        dx[i] = logarithm ? g[i] - std::exp(y[i]) * sum : y[i] * (g[i] - sum);
    });
  }

 private:
  const Rows rows_;
};

template <bool logarithm>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Softmax<logarithm>>(
      Rows(node.type.shape, node.integer("axis", 0), context.placement.layout));
}

template <bool logarithm>
OpDef softmax(std::string_view name) {
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make<logarithm>,
          .samples = {{"features", {{{10}}}},
                      {"map", {{{4, 3, 2}}}},
                      {"one", {{{1}}}},
                      {"columns_of_map", {{{2, 3, 5}}}, {{"axis", 2.0}}},
                      {"rows_of_map", {{{3, 4, 2}}}, {{"axis", 1.0}}},
                      {"last_of_two", {{{3, 7}}}, {{"axis", 1.0}}},
                      {"first_of_two", {{{4, 3}}}, {{"axis", 0.0}}},
                      {"of_weights", {{{2, 3, 4}, "param"}}, {{"axis", 1.0}}}},
          .in_place = first};
}

}  // namespace

const OpDef softmax_op = softmax<false>("softmax");
const OpDef log_softmax_op = softmax<true>("log_softmax");

}  // namespace sparlet
