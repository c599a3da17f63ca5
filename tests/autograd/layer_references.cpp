#include "layer_references.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "window_references.h"

namespace sparlet::reference {
namespace {

Values padded(const Node& node, const std::vector<Array>& in) {
  const Shape &x = in[0].shape, &y = node.type.shape;
  std::array<int64_t, 4> sides = node.sides("pad");
  if (x.rank() == 2) sides = {0, 0, node.pair("pad", 0)[0], node.pair("pad", 0)[1]};
  Values result(size_t(count(y)), node.number("value", 0));
  each(x, [&](const Index& at, int64_t i) {
    Index to = at;
    to.back() += sides[2];
    if (x.rank() == 3) to[1] += sides[0];
    result[size_t(number(y, to))] = in[0].v[size_t(i)];
  });
  return result;
}

// The result whose element `at` is x's element origin(at).
template <class Origin>
Values moved(const Node& node, const Array& x, Origin origin) {
  Values result;
  each(node.type.shape, [&](const Index& at, int64_t) {
    result.push_back(x.v[size_t(number(x.shape, origin(at)))]);
  });
  return result;
}
Values upsampled(const Node& node, const std::vector<Array>& in) {
  const auto scale = node.pair("scale", 2);
  return moved(node, in[0], [&](const Index& at) {
    return Index{at[0], at[1] / scale[0], at[2] / scale[1]};
  });
}
Values sliced(const Node& node, const std::vector<Array>& in) {
  return moved(node, in[0], [&](Index at) {
    int64_t& mine = at[size_t(node.integer("axis", 0))];
    mine = node.integer("begin", 0) + mine * node.integer("step", 1);
    return at;
  });
}
Values turned(const Node& node, const std::vector<Array>& in) {
  const Values axes = list(node, "axes", {});
  return moved(node, in[0], [&](const Index& at) {
    Index from(at.size());
    for (size_t i = 0; i < at.size(); ++i) from[size_t(axes[i])] = at[i];
    return from;
  });
}

Values reduced(const Node& node, const Array& x, bool mean) {
  const Values axes = list(node, "axes", {});
  const bool keep = node.integer("keep", 0) == 1;
  const Shape& y = node.type.shape;
  Values result(size_t(count(y)), 0.0);
  each(x.shape, [&](const Index& at, int64_t i) {
    Index to;
    for (size_t axis = 0; axis < at.size(); ++axis)
      if (std::ranges::find(axes, double(axis)) == axes.end())
        to.push_back(at[axis]);
      else if (keep)
        to.push_back(0);
    if (to.empty()) to.push_back(0);
    result[size_t(number(y, to))] +=
        x.v[size_t(i)] * (mean ? double(count(y)) / double(count(x.shape)) : 1);
  });
  return result;
}

Values product(const Node& node, const std::vector<Array>& in) {
  const bool flip_a = node.integer("transpose_a", 0) == 1;
  const bool flip_b = node.integer("transpose_b", 0) == 1;
  const Shape &a = in[0].shape, &b = in[1].shape;
  const int last = a.rank() - 1;
  Values result;
  each(node.type.shape, [&](const Index& at, int64_t) {
    double sum = 0;
    for (int64_t k = 0; k < a[flip_a ? last - 1 : last]; ++k) {
      Index left = at, right = at;
      left[size_t(last)] = right[size_t(last) - 1] = k;
      if (flip_a) std::swap(left[size_t(last)], left[size_t(last) - 1]);
      if (flip_b) std::swap(right[size_t(last)], right[size_t(last) - 1]);
      sum += in[0].v[size_t(number(a, left))] * in[1].v[size_t(number(b, right))];
    }
    result.push_back(sum);
  });
  return result;
}

Values softmax(const Node& node, const Array& x, bool logarithm) {
  const size_t axis = size_t(node.integer("axis", 0));
  Values result;
  each(x.shape, [&](const Index& at, int64_t i) {
    double sum = 0;
    for (int64_t k = 0; k < x.shape[int(axis)]; ++k) {
      Index other = at;
      other[axis] = k;
      sum += std::exp(x.v[size_t(number(x.shape, other))]);
    }
    const double value = x.v[size_t(i)] - std::log(sum);
    result.push_back(logarithm ? value : std::exp(value));
  });
  return result;
}

Values layer_norm(const Node& node, const std::vector<Array>& in) {
  const Array& x = in[0];
  const int axes = in.size() > 1 ? in[1].shape.rank() : int(node.integer("axes", 1));
  size_t row = 1;
  for (int i = x.shape.rank() - axes; i < x.shape.rank(); ++i) row *= size_t(x.shape[i]);
  Values result;
  for (size_t i = 0; i < x.v.size(); ++i) {
    const size_t begin = i / row * row;
    double mean = 0, variance = 0;
    for (size_t k = begin; k < begin + row; ++k) mean += x.v[k] / double(row);
    for (size_t k = begin; k < begin + row; ++k)
      variance += (x.v[k] - mean) * (x.v[k] - mean) / double(row);
    const double y = (x.v[i] - mean) / std::sqrt(variance + node.number("epsilon", 1e-5));
    result.push_back(in.size() > 1 ? y * in[1].v[i - begin] + in[2].v[i - begin] : y);
  }
  return result;
}

Op unary(double (*f)(double, const Node&)) {
  return [f](const Node& node, const std::vector<Array>& in) {
    Values result;
    for (double x : in[0].v) result.push_back(f(x, node));
    return result;
  };
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double relu6(double x) { return std::clamp(x, 0.0, 6.0); }

Values prelu(const Node&, const std::vector<Array>& in) {
  Values result;
  each(in[0].shape, [&](const Index& at, int64_t i) {
    const double x = in[0].v[size_t(i)], slope = in[1].v[in[1].v.size() > 1 ? size_t(at[0]) : 0];
    result.push_back(x > 0 ? x : slope * x);
  });
  return result;
}

// a and b alike, or b one number for each first coordinate of a, or one for all.
Op binary(double (*f)(double, double)) {
  return [f](const Node&, const std::vector<Array>& in) {
    const Array &a = in[0], &b = in[1];
    const size_t each_b = a.v.size() / b.v.size();
    Values result;
    for (size_t i = 0; i < a.v.size(); ++i) result.push_back(f(a.v[i], b.v[i / each_b]));
    return result;
  };
}

Values linear(const Node&, const std::vector<Array>& in) {
  const size_t outputs = size_t(in[1].shape[0]), inputs = size_t(in[1].shape[1]);
  Values result;
  for (size_t row = 0; row < in[0].v.size(); row += inputs)
    for (size_t o = 0; o < outputs; ++o) {
      double sum = in.size() > 2 ? in[2].v[o] : 0;
      for (size_t i = 0; i < inputs; ++i) sum += in[0].v[row + i] * in[1].v[o * inputs + i];
      result.push_back(sum);
    }
  return result;
}

// The dense weight whose entries stand where the operands after it say.
Array scattered(const std::vector<Array>& in, const Shape& shape, bool csr) {
  Array weight{shape, Values(size_t(count(shape)), 0.0)};
  const int64_t outputs = shape[0], inputs = count(shape) / outputs;
  Values row = in[2].v, column = in[3].v;
  if (csr) {
    const Values& begin = in[3].v;
    row.clear();
    column = in[2].v;
    for (size_t o = 0; o + 1 < begin.size(); ++o)
      row.insert(row.end(), size_t(begin[o + 1] - begin[o]), double(o));
  } else if (row[0] == double(outputs)) {
    row.clear();  // the slot of a weight without entries
  }
  for (size_t i = 0; i < row.size(); ++i)
    weight.v[size_t(int64_t(row[i]) * inputs + int64_t(column[i]))] += in[1].v[i];
  return weight;
}
// What the dense op says with that weight instead.
Values on_dense(const Node& node, const std::vector<Array>& in, const Array& weight,
                Values (*dense)(const Node&, const std::vector<Array>&)) {
  std::vector<Array> operands{in[0], weight};
  if (in.size() > 4) operands.push_back(in[4]);
  return dense(node, operands);
}
int64_t sparse_outputs(const Node& node, const std::vector<Array>& in, bool csr) {
  return csr ? in[3].shape[0] - 1 : node.integer("out", 0);
}
template <bool csr>
Values linear_sparse(const Node& node, const std::vector<Array>& in) {
  const Shape& x = in[0].shape;
  const Shape shape{sparse_outputs(node, in, csr), x[x.rank() - 1]};
  return on_dense(node, in, scattered(in, shape, csr), linear);
}
template <bool csr>
Values convolution_sparse(const Node& node, const std::vector<Array>& in) {
  const auto [kh, kw] = node.pair("kernel", 1);
  const Shape shape{sparse_outputs(node, in, csr), in[0].shape[0] / node.integer("groups", 1), kh,
                    kw};
  return on_dense(node, in, scattered(in, shape, csr), convolution);
}

// Along the first axis: one after the other.
Values joined(const Node&, const std::vector<Array>& in) {
  Values result;
  for (const Array& part : in) result.insert(result.end(), part.v.begin(), part.v.end());
  return result;
}

Values global_mean(const Node&, const std::vector<Array>& in) {
  const Shape& x = in[0].shape;
  Values result(size_t(x[0]), 0.0);
  each(x, [&](const Index& at, int64_t i) {
    result[size_t(at[0])] += in[0].v[size_t(i)] / double(x[1] * x[2]);
  });
  return result;
}

}  // namespace

const std::map<std::string_view, Op>& ops() {
  static const std::map<std::string_view, Op> table{
      {"relu", unary([](double x, const Node&) { return std::max(x, 0.0); })},
      {"relu6", unary([](double x, const Node&) { return relu6(x); })},
      {"add", binary([](double a, double b) { return a + b; })},
      {"sub", binary([](double a, double b) { return a - b; })},
      {"mul", binary([](double a, double b) { return a * b; })},
      {"concat", joined},
      {"linear", linear},
      {"linear_csr", linear_sparse<true>},
      {"linear_coo", linear_sparse<false>},
      {"conv2d_csr", convolution_sparse<true>},
      {"conv2d_coo", convolution_sparse<false>},
      {"global_avg_pool", global_mean},
      {"leaky_relu",
       unary([](double x, const Node& n) { return x > 0 ? x : n.number("slope", 0.01) * x; })},
      {"sigmoid", unary([](double x, const Node&) { return sigmoid(x); })},
      {"tanh", unary([](double x, const Node&) { return std::tanh(x); })},
      {"silu", unary([](double x, const Node&) { return x * sigmoid(x); })},
      {"gelu",
       unary([](double x, const Node&) { return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0))); })},
      {"hardsigmoid", unary([](double x, const Node&) { return relu6(x + 3) / 6; })},
      {"hardswish", unary([](double x, const Node&) { return x * relu6(x + 3) / 6; })},
      {"elu", unary([](double x, const Node& n) {
         return x > 0 ? x : n.number("alpha", 1) * std::expm1(x);
       })},
      {"scale", unary([](double x, const Node& n) {
         return n.number("factor", 1) * x + n.number("offset", 0);
       })},
      {"exp", unary([](double x, const Node&) { return std::exp(x); })},
      {"log", unary([](double x, const Node&) { return std::log(x); })},
      {"sqrt", unary([](double x, const Node&) { return std::sqrt(x); })},
      {"prelu", prelu},
      {"softmax", [](const Node& n, const auto& in) { return softmax(n, in[0], false); }},
      {"log_softmax", [](const Node& n, const auto& in) { return softmax(n, in[0], true); }},
      {"conv1d", convolution},
      {"conv2d", convolution},
      {"conv3d", convolution},
      {"conv_transpose2d", transposed},
      {"max_pool", max_pool},
      {"max_pool1d", max_pool},
      {"max_pool3d", max_pool},
      {"avg_pool", avg_pool},
      {"avg_pool1d", avg_pool},
      {"avg_pool3d", avg_pool},
      {"adaptive_avg_pool1d", adaptive},
      {"adaptive_avg_pool2d", adaptive},
      {"pad", padded},
      {"upsample_nearest2d", upsampled},
      {"slice", sliced},
      {"reshape", [](const Node&, const auto& in) { return in[0].v; }},
      {"flatten", [](const Node&, const auto& in) { return in[0].v; }},
      {"transpose", turned},
      {"reduce_sum", [](const Node& n, const auto& in) { return reduced(n, in[0], false); }},
      {"reduce_mean", [](const Node& n, const auto& in) { return reduced(n, in[0], true); }},
      {"matmul", product},
      {"layer_norm", layer_norm},
  };
  return table;
}

}  // namespace sparlet::reference
