#include "window_references.h"

#include <algorithm>
#include <array>
#include <limits>

namespace sparlet::reference {
namespace {

// (d,h,w) of attributes of 1, 2 or 3 axes; missing axes get `rest`.
std::array<int64_t, 3> triple(const Node& node, std::string_view key, int axes, double usual,
                              int64_t rest) {
  Values values = list(node, key, {usual});
  if (values.size() == 1) values.assign(size_t(axes), values[0]);
  std::array<int64_t, 3> result{rest, rest, rest};
  for (int i = 0; i < axes; ++i) result[size_t(3 - axes + i)] = int64_t(values[size_t(i)]);
  return result;
}
// The padding before each of (d,h,w).
std::array<int64_t, 3> before(const Node& node, int axes) {
  const Values values = list(node, "pad", {0});
  if (axes == 2) {
    const auto sides = node.sides("pad");
    return {0, sides[0], sides[2]};
  }
  if (axes == 1) return {0, 0, int64_t(values[0])};
  return triple(node, "pad", 3, 0, 0);
}
// (c, d,h,w) of (c, some of them).
Shape wide(const Shape& s, int lead = 1) {
  Shape shape;
  for (int i = 0; i < lead; ++i) shape.push_back(s[i]);
  for (int i = s.rank() - lead; i < 3; ++i) shape.push_back(1);
  for (int i = lead; i < s.rank(); ++i) shape.push_back(s[i]);
  return shape;
}

// visit(y's number, x's number or -1, w's number): each product of a convolution.
template <class Visit>
void products(const Node& node, const Shape& x, const Shape& w, const Shape& y, Visit visit) {
  const int axes = x.rank() - 1;
  const auto stride = triple(node, "stride", axes, 1, 1);
  const auto dilation = triple(node, "dilation", axes, 1, 1);
  const auto pad = before(node, axes);
  const int64_t groups = node.integer("groups", 1), per_group = y[0] / groups;
  const Shape xs = wide(x), ws = wide(w, 2), ys = wide(y);
  each(ys, [&](const Index& at, int64_t to) {
    each({ws[1], ws[2], ws[3], ws[4]}, [&](const Index& k, int64_t) {
      Index from{at[0] / per_group * ws[1] + k[0]};
      bool inside = true;
      for (int i = 0; i < 3; ++i) {
        from.push_back(at[size_t(i + 1)] * stride[size_t(i)] - pad[size_t(i)] +
                       k[size_t(i + 1)] * dilation[size_t(i)]);
        inside = inside && from.back() >= 0 && from.back() < xs[i + 1];
      }
      if (inside) visit(to, number(xs, from), number(ws, {at[0], k[0], k[1], k[2], k[3]}));
    });
  });
}

// All elements under each window of a pooling layer: combine(elements, size of the window).
template <class Combine>
Values pool(const Node& node, const Array& x, Combine combine) {
  const int axes = x.shape.rank() - 1;
  const auto size = triple(node, "size", axes, 1, 1);
  const auto stride = node.has("stride") ? triple(node, "stride", axes, 1, 1) : size;
  const auto pad = before(node, axes);
  const Shape xs = wide(x.shape), ys = wide(node.type.shape);
  Values result;
  each(ys, [&](const Index& at, int64_t) {
    Values seen;
    each({size[0], size[1], size[2]}, [&](const Index& k, int64_t) {
      Index from{at[0]};
      bool inside = true;
      for (size_t i = 0; i < 3; ++i) {
        from.push_back(at[i + 1] * stride[i] - pad[i] + k[i]);
        inside = inside && from.back() >= 0 && from.back() < xs[int(i) + 1];
      }
      if (inside) seen.push_back(x.v[size_t(number(xs, from))]);
    });
    result.push_back(combine(seen, size[0] * size[1] * size[2]));
  });
  return result;
}

}  // namespace

Values convolution(const Node& node, const std::vector<Array>& in) {
  const Shape& y = node.type.shape;
  Values result(size_t(count(y)), 0.0);
  if (in.size() > 2)
    each(y, [&](const Index& at, int64_t i) { result[size_t(i)] = in[2].v[size_t(at[0])]; });
  products(node, in[0].shape, in[1].shape, y, [&](int64_t to, int64_t from, int64_t weight) {
    result[size_t(to)] += in[0].v[size_t(from)] * in[1].v[size_t(weight)];
  });
  return result;
}

// Each product of the convolution from y's map to x's, backwards.
Values transposed(const Node& node, const std::vector<Array>& in) {
  const Shape& y = node.type.shape;
  Values result(size_t(count(y)), 0.0);
  if (in.size() > 2)
    each(y, [&](const Index& at, int64_t i) { result[size_t(i)] = in[2].v[size_t(at[0])]; });
  products(node, y, in[1].shape, in[0].shape, [&](int64_t from, int64_t to, int64_t weight) {
    result[size_t(to)] += in[0].v[size_t(from)] * in[1].v[size_t(weight)];
  });
  return result;
}

Values max_pool(const Node& node, const std::vector<Array>& in) {
  return pool(node, in[0],
              [](const Values& seen, int64_t) { return *std::ranges::max_element(seen); });
}
Values avg_pool(const Node& node, const std::vector<Array>& in) {
  const bool count_pad = node.integer("count_pad", 1) == 1;
  return pool(node, in[0], [count_pad](const Values& seen, int64_t size) {
    double sum = 0;
    for (double v : seen) sum += v;
    return sum / double(count_pad ? size : int64_t(seen.size()));
  });
}

Values adaptive(const Node& node, const std::vector<Array>& in) {
  const Shape xs = wide(in[0].shape), ys = wide(node.type.shape);
  Values result;
  each(ys, [&](const Index& at, int64_t) {
    double sum = 0, seen = 0;
    each(xs, [&](const Index& from, int64_t i) {
      bool inside = from[0] == at[0];
      for (int axis = 1; axis < 4; ++axis) {
        const double o = double(ys[axis]), s = double(xs[axis]), p = double(at[size_t(axis)]);
        inside = inside && double(from[size_t(axis)]) >= std::floor(p * s / o) &&
                 double(from[size_t(axis)]) < std::ceil((p + 1) * s / o);
      }
      if (inside) sum += in[0].v[size_t(i)], ++seen;
    });
    result.push_back(sum / seen);
  });
  return result;
}

}  // namespace sparlet::reference
