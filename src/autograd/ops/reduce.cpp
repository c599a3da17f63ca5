// reduce_sum(x), reduce_mean(x): over some axes of a sample.
//   axes: a number or a list; keep (default 0; 1: those axes stay, with size 1). Where nothing is
//   left, the result is [1].
#include "autograd/ops/check.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

std::vector<bool> reduced_axes(const Node& node, const Shape& x) {
  const auto found = node.attrs.find("axes");
  require(found != node.attrs.end(), "{}: wants the attribute axes", place(node));
  std::vector<double> list;
  if (const auto* one = std::get_if<double>(&found->second)) list = {*one};
  if (const auto* some = std::get_if<std::vector<double>>(&found->second)) list = *some;
  std::vector<bool> reduced(size_t(x.rank()), false);
  for (double axis : list) {
    const bool fits = axis >= 0 && axis < x.rank() && axis == double(int64_t(axis));
    require(fits && !reduced[size_t(axis)], "{}: axes wants some of 0 to {}, each once, for x {}",
            place(node), x.rank() - 1, to_string(x));
    reduced[size_t(axis)] = true;
  }
  require(!list.empty(), "{}: axes wants at least one axis", place(node));
  return reduced;
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"axes", "keep"}});
  const Shape& x = in[0].shape;
  const int64_t keep = node.integer("keep", 0);
  require(keep == 0 || keep == 1, "{}: keep {}, wanted 0 or 1", place(node), keep);
  const std::vector<bool> reduced = reduced_axes(node, x);
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (!reduced[size_t(i)])
      shape.push_back(x[i]);
    else if (keep)
      shape.push_back(1);
  }
  if (shape.rank() == 0) shape.push_back(1);
  return {shape, DType::f32, in[0].batched};
}

// Element i in x's memory is added to element to[i] in the result's.
class Reduce final : public Kernel {
 public:
  Reduce(std::vector<int32_t> to, int64_t out_size, float scale)
      : to_(std::move(to)), scale_(scale), sums_(size_t(out_size)) {}

  void forward(const Io& io) override {
    const float* x = io.in[0].f32();
    float* y = io.out.f32();
    const int64_t size = int64_t(sums_.size());
    for (int64_t s = 0, n = io.out.size() / size; s < n; ++s, x += to_.size(), y += size) {
      std::ranges::fill(sums_, 0.0);
      for (size_t i = 0; i < to_.size(); ++i) sums_[size_t(to_[i])] += x[i];
      for (int64_t i = 0; i < size; ++i) y[i] = float(sums_[size_t(i)] * scale_);
    }
  }
  void backward(const Io&, const View& dy, std::span<const View> din) override {
    if (!din[0]) return;
    const float* g = dy.f32();
    float* dx = din[0].f32();
    const int64_t size = int64_t(sums_.size());
    for (int64_t s = 0, n = dy.size() / size; s < n; ++s, dx += to_.size(), g += size)
      for (size_t i = 0; i < to_.size(); ++i) dx[i] = scale_ * g[to_[i]];
  }

 private:
  const std::vector<int32_t> to_;
  const float scale_;
  std::vector<double> sums_;
};

template <bool mean>
std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const Shape &x = context.in[0]->type.shape, &y = node.type.shape;
  const std::vector<bool> reduced = reduced_axes(node, x);
  Shape kept;  // the result's, with all axes
  for (int i = 0; i < x.rank(); ++i) kept.push_back(reduced[size_t(i)] ? 1 : x[i]);
  const std::vector<int64_t> strides = strides_of(kept);
  const Origins origins = origins_of(x, [&](std::span<const int64_t> at) {
    int64_t to = 0;
    for (size_t i = 0; i < at.size(); ++i) to += reduced[i] ? 0 : at[i] * strides[i];
    return to;
  });
  return std::make_unique<Reduce>(
      in_memory(origins, context.in_placement[0], x, context.placement, y), count(y),
      mean ? float(count(y)) / float(count(x)) : 1.f);
}

template <bool mean>
OpDef reduce(std::string_view name) {
  const auto list = [](std::vector<double> values) { return values; };
  return {.name = name,
          .infer = infer,
          .macs = no_macs,
          .make = make<mean>,
          .samples = {{"pixels", {{{3, 4, 5}}}, {{"axes", list({1, 2})}}},
                      {"pixels_kept", {{{3, 4, 5}}}, {{"axes", list({1, 2})}, {"keep", 1.0}}},
                      {"channels", {{{3, 4, 5}}}, {{"axes", 0.0}}},
                      {"rows", {{{6, 7}}}, {{"axes", 0.0}}},
                      {"columns_kept", {{{6, 7}}}, {{"axes", 1.0}, {"keep", 1.0}}},
                      {"volume", {{{2, 3, 4, 5}}}, {{"axes", list({1})}}},
                      {"all", {{{3, 4, 5}}}, {{"axes", list({0, 1, 2})}}},
                      {"weight", {{{3, 4}, "param"}}, {{"axes", 1.0}}}}};
}

}  // namespace

const OpDef reduce_sum_op = reduce<false>("reduce_sum");
const OpDef reduce_mean_op = reduce<true>("reduce_mean");

}  // namespace sparlet
