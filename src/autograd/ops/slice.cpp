// slice(x): elements begin, begin + step, ... before `end` along one axis of a sample.
//   axis (default 0), begin (default 0), end (default: the axis's size), step (default 1)
#include "autograd/ops/check.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

struct Range {
  int64_t axis, begin, end, step;
};

Range range_of(const Node& node, const Shape& x) {
  const int64_t axis = node.integer("axis", 0);
  require(axis >= 0 && axis < x.rank(), "{}: axis {} of x {}, wanted 0 to {}", place(node), axis,
          to_string(x), x.rank() - 1);
  const int64_t size = x[int(axis)];
  const Range range{axis, node.integer("begin", 0), node.integer("end", size),
                    node.integer("step", 1)};
  require(range.begin >= 0 && range.begin < range.end && range.end <= size,
          "{}: elements {} to {} of axis {} of x {}, which has {}", place(node), range.begin,
          range.end, axis, to_string(x), size);
  require(range.step >= 1, "{}: step {}, wanted at least 1", place(node), range.step);
  return range;
}

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"axis", "begin", "end", "step"}});
  const Shape& x = in[0].shape;
  const Range range = range_of(node, x);
  Shape shape;
  for (int i = 0; i < x.rank(); ++i)
    shape.push_back(i == range.axis ? (range.end - range.begin - 1) / range.step + 1 : x[i]);
  return {shape, DType::f32, in[0].batched};
}

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  const Shape& x = context.in[0]->type.shape;
  const Range range = range_of(node, x);
  const std::vector<int64_t> strides = strides_of(x);
  const Origins origins = origins_of(node.type.shape, [&](std::span<const int64_t> at) {
    int64_t origin = range.begin * strides[size_t(range.axis)];
    for (size_t i = 0; i < at.size(); ++i)
      origin += at[i] * strides[i] * (int64_t(i) == range.axis ? range.step : 1);
    return origin;
  });
  return make_gather(node, context, origins);
}

}  // namespace

const OpDef slice_op{
    .name = "slice",
    .infer = infer,
    .macs = no_macs,
    .make = make,
    .samples = {
        {"features", {{{11}}}, {{"begin", 3.0}, {"end", 8.0}}},
        {"channels", {{{5, 3, 4}}}, {{"begin", 1.0}, {"end", 4.0}}},
        {"rows_of_map", {{{3, 6, 4}}}, {{"axis", 1.0}, {"begin", 2.0}}},
        {"columns_of_map", {{{3, 4, 7}}}, {{"axis", 2.0}, {"end", 6.0}, {"step", 2.0}}},
        {"columns", {{{4, 9}}}, {{"axis", 1.0}, {"begin", 2.0}, {"end", 9.0}, {"step", 3.0}}},
        {"volume", {{{2, 3, 4, 5}}}, {{"axis", 1.0}, {"begin", 1.0}}},
        {"all", {{{3, 2, 2}}}},
        {"weight", {{{5, 4}, "param"}}, {{"begin", 1.0}, {"end", 3.0}}},
    }};

}  // namespace sparlet
