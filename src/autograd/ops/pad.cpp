// pad(x): a border around a map (c,h,w), or at the ends of (c,l).
//   pad: of a map n, [h,w] or [top,bottom,left,right]; of (c,l) n or [left,right]
//   value (default 0)
// upsample_nearest2d(x): every pixel scale × scale times, (c,h,w) -> (c, h scale, w scale).
//   scale: n or [h,w]
#include "autograd/ops/check.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

// top, bottom, left, right
std::array<int64_t, 4> border_of(const Node& node, const Shape& x) {
  require(node.has("pad"), "{}: wants the attribute pad", place(node));
  if (x.rank() == 3) return node.sides("pad");
  const auto [left, right] = node.pair("pad", 0);
  return {0, 0, left, right};
}

Type infer_pad(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"pad", "value"}});
  const Shape& x = in[0].shape;
  require(x.rank() == 2 || x.rank() == 3, "{}: wants a map (c,h,w) or (c,l), found {}", place(node),
          to_string(x));
  node.number("value", 0);  // a number, or an Error
  const auto [top, bottom, left, right] = border_of(node, x);
  for (int64_t side : {top, bottom, left, right})
    require(side >= 0, "{}: pad {}, wanted 0 or more", place(node), side);
  const int64_t width = x[x.rank() - 1] + left + right;
  return {x.rank() == 2 ? Shape{x[0], width} : Shape{x[0], x[1] + top + bottom, width}, DType::f32,
          in[0].batched};
}

std::unique_ptr<Kernel> make_pad(const Node& node, const MakeContext& context) {
  const Shape& x = context.in[0]->type.shape;
  const auto border = border_of(node, x);
  const int64_t height = x.rank() == 3 ? x[1] : 1, width = x[x.rank() - 1];
  const Origins origins = origins_of(node.type.shape, [&](std::span<const int64_t> at) -> int64_t {
    const int64_t h = (at.size() == 3 ? at[1] : 0) - border[0], w = at.back() - border[2];
    if (h < 0 || h >= height || w < 0 || w >= width) return -1;
    return (at[0] * height + h) * width + w;
  });
  return make_gather(node, context, origins, float(node.number("value", 0)));
}

Type infer_upsample(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"scale"}});
  check_map(node, in[0]);
  const auto [h, w] = node.pair("scale", 2);
  require(h >= 1 && w >= 1, "{}: scale {}x{}, wanted at least 1", place(node), h, w);
  const Shape& x = in[0].shape;
  return {{x[0], x[1] * h, x[2] * w}, DType::f32, true};
}

std::unique_ptr<Kernel> make_upsample(const Node& node, const MakeContext& context) {
  const Shape& x = context.in[0]->type.shape;
  const auto scale = node.pair("scale", 2);
  const Origins origins = origins_of(node.type.shape, [&](std::span<const int64_t> at) {
    return (at[0] * x[1] + at[1] / scale[0]) * x[2] + at[2] / scale[1];
  });
  return make_gather(node, context, origins);
}

std::vector<double> list(std::initializer_list<double> values) { return values; }

}  // namespace

const OpDef pad_op{.name = "pad",
                   .infer = infer_pad,
                   .macs = no_macs,
                   .make = make_pad,
                   .samples = {{"map", {{{3, 4, 5}}}, {{"pad", 1.0}}},
                               {"sides", {{{2, 3, 4}}}, {{"pad", list({0, 3, 1, 2})}}},
                               {"value", {{{8, 3, 2}}}, {{"pad", list({2, 1})}, {"value", -1.5}}},
                               {"line", {{{3, 7}}}, {{"pad", list({2, 1})}, {"value", 0.5}}},
                               {"none", {{{2, 3, 3}}}, {{"pad", 0.0}}}}};

const OpDef upsample_nearest2d_op{
    .name = "upsample_nearest2d",
    .infer = infer_upsample,
    .macs = no_macs,
    .make = make_upsample,
    .samples = {{"2", {{{3, 4, 5}}}, {{"scale", 2.0}}},
                {"rectangle", {{{1, 3, 2}}}, {{"scale", list({1, 3})}}},
                {"many_channels", {{{9, 2, 3}}}, {{"scale", 3.0}}}}};

}  // namespace sparlet
