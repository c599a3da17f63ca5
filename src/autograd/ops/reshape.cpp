// reshape(x): the same numbers in the same (plain, row by row) order under another shape.
//   shape
// transpose(x): the axes of a sample in another order.
//   axes: axes=[1,0] makes (a,b) to (b,a)
#include <numeric>

#include "autograd/ops/check.h"
#include "autograd/ops/gather.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

Type infer_reshape(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"shape"}});
  const Shape shape = node.shape("shape");
  require(count(shape) == count(in[0].shape), "{}: shape {} has {} elements, x {} has {}",
          place(node), to_string(shape), count(shape), to_string(in[0].shape), count(in[0].shape));
  return {shape, DType::f32, in[0].batched};
}

// Maps (rank 3, of each sample) lie in another order; all else stays where it is.
int stays(const Node& node, std::span<const Type> in) {
  const bool moves = in[0].batched && (in[0].shape.rank() == 3 || node.type.shape.rank() == 3);
  return moves ? -1 : 0;
}

std::unique_ptr<Kernel> make_reshape(const Node& node, const MakeContext& context) {
  Origins origins(size_t(count(node.type.shape)));
  std::iota(origins.begin(), origins.end(), 0);
  return make_gather(node, context, origins);
}

std::vector<int64_t> axes_of(const Node& node, const Shape& x) {
  const auto found = node.attrs.find("axes");
  require(found != node.attrs.end(), "{}: wants the attribute axes", place(node));
  const auto* list = std::get_if<std::vector<double>>(&found->second);
  std::vector<bool> seen(size_t(x.rank()), false);
  std::vector<int64_t> axes;
  for (double axis : list ? *list : std::vector<double>{}) {
    const bool fits = axis >= 0 && axis < x.rank() && axis == double(int64_t(axis));
    require(fits && !seen[size_t(axis)], "{}: axes wants each of 0 to {} once for x {}",
            place(node), x.rank() - 1, to_string(x));
    seen[size_t(axis)] = true;
    axes.push_back(int64_t(axis));
  }
  require(int(axes.size()) == x.rank(), "{}: axes wants each of 0 to {} once for x {}", place(node),
          x.rank() - 1, to_string(x));
  return axes;
}

Type infer_transpose(const Node& node, std::span<const Type> in) {
  check(node, in, {"x", 1, 1, {"axes"}});
  Shape shape;
  for (int64_t axis : axes_of(node, in[0].shape)) shape.push_back(in[0].shape[int(axis)]);
  return {shape, DType::f32, in[0].batched};
}

std::unique_ptr<Kernel> make_transpose(const Node& node, const MakeContext& context) {
  const Shape& x = context.in[0]->type.shape;
  const std::vector<int64_t> axes = axes_of(node, x), strides = strides_of(x);
  const Origins origins = origins_of(node.type.shape, [&](std::span<const int64_t> at) {
    int64_t origin = 0;
    for (size_t i = 0; i < at.size(); ++i) origin += at[i] * strides[size_t(axes[i])];
    return origin;
  });
  return make_gather(node, context, origins);
}

Attrs numbers(const char* key, std::vector<double> list) { return {{key, std::move(list)}}; }

}  // namespace

const OpDef reshape_op{.name = "reshape",
                       .infer = infer_reshape,
                       .macs = no_macs,
                       .make = make_reshape,
                       .samples = {{"rows_to_map", {{{4, 15}}}, numbers("shape", {4, 3, 5})},
                                   {"map_to_rows", {{{4, 3, 5}}}, numbers("shape", {6, 10})},
                                   {"map_to_map", {{{4, 3, 5}}}, numbers("shape", {2, 6, 5})},
                                   {"map_to_volume", {{{4, 3, 5}}}, numbers("shape", {2, 2, 3, 5})},
                                   {"features_to_rows", {{{12}}}, numbers("shape", {3, 4})},
                                   {"weight", {{{4, 6}, "param"}}, numbers("shape", {2, 3, 4})}},
                       .in_place = stays};

const OpDef transpose_op{.name = "transpose",
                         .infer = infer_transpose,
                         .macs = no_macs,
                         .make = make_transpose,
                         .samples = {{"rows", {{{4, 7}}}, numbers("axes", {1, 0})},
                                     {"map", {{{3, 4, 5}}}, numbers("axes", {1, 0, 2})},
                                     {"channels_last", {{{3, 4, 5}}}, numbers("axes", {1, 2, 0})},
                                     {"same", {{{3, 4, 5}}}, numbers("axes", {0, 1, 2})},
                                     {"volume", {{{2, 3, 4, 5}}}, numbers("axes", {3, 1, 0, 2})},
                                     {"weight", {{{4, 6}, "param"}}, numbers("axes", {1, 0})}}};

}  // namespace sparlet
