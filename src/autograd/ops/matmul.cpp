// matmul(a, b): the matrix product of rows (m,k) and (k,n) -> (m,n), or one for each entry of the
// first axis of (g,m,k) and (g,k,n) -> (g,m,n).
//   transpose_a (1: a is (k,m)), transpose_b (1: b is (n,k)); default 0
// Either may be the same for all samples; its gradient then is the sum over the samples.
#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

bool flag(const Node& node, std::string_view key) {
  const int64_t value = node.integer(key, 0);
  require(value == 0 || value == 1, "{}: {} {}, wanted 0 or 1", place(node), key, value);
  return value == 1;
}

// A value of rank 2 or 3 as matrices: element (row, column) of matrix g is at
// g × next + row × row_step + column × column_step of a sample.
struct Matrices {
  int64_t count = 1, rows, columns;
  int64_t next, row_step, column_step;
  int64_t sample;  // from one sample to the next; 0 where all have the same

  Matrices(const Type& type, Layout layout, bool transposed) {
    const Shape& s = type.shape;
    const int last = s.rank() - 1;
    if (s.rank() == 3) count = s[0];
    rows = s[last - 1], columns = s[last];
    column_step = layout == Layout::hwc ? count : 1;
    row_step = columns * column_step;
    next = layout == Layout::hwc ? 1 : rows * columns;
    sample = type.batched ? count * rows * columns : 0;
    if (transposed) *this = flipped();
  }
  Matrices flipped() const {
    Matrices other = *this;
    std::swap(other.rows, other.columns);
    std::swap(other.row_step, other.column_step);
    return other;
  }
};

Type infer(const Node& node, std::span<const Type> in) {
  check(node, in, {"a, b", 2, 2, {"transpose_a", "transpose_b"}});
  const Shape &a = in[0].shape, &b = in[1].shape;
  require((a.rank() == 2 || a.rank() == 3) && a.rank() == b.rank(),
          "{}: wants two of rank 2 or two of rank 3, found {} and {}", place(node), to_string(a),
          to_string(b));
  const Matrices left(in[0], Layout::plain, flag(node, "transpose_a"));
  const Matrices right(in[1], Layout::plain, flag(node, "transpose_b"));
  require(left.count == right.count && left.columns == right.rows,
          "{}: {}{} and {}{} do not fit: {} columns, {} rows", place(node), to_string(a),
          flag(node, "transpose_a") ? " transposed" : "", to_string(b),
          flag(node, "transpose_b") ? " transposed" : "", left.columns, right.rows);
  const bool batched = in[0].batched || in[1].batched;
  if (a.rank() == 2) return {{left.rows, right.columns}, DType::f32, batched};
  return {{left.count, left.rows, right.columns}, DType::f32, batched};
}

int64_t macs(const Node& node, std::span<const Type> in) {
  const Matrices a(in[0], Layout::plain, flag(node, "transpose_a"));
  return a.count * a.rows * a.columns * node.type.shape[node.type.shape.rank() - 1];
}

class Matmul final : public Kernel {
 public:
  Matmul(const Node& node, const MakeContext& context)
      : a_(context.in[0]->type, context.in_placement[0].layout, flag(node, "transpose_a")),
        b_(context.in[1]->type, context.in_placement[1].layout, flag(node, "transpose_b")),
        y_(node.type, context.placement.layout, false),
        right_(size_t(std::max({b_.rows * b_.columns, y_.rows * y_.columns}))),
        result_(
            size_t(std::max({y_.rows * y_.columns, a_.rows * a_.columns, b_.rows * b_.columns}))) {}

  void forward(const Io& io) override {
    const int64_t n = y_.sample > 0 ? io.n : 1;
    for (int64_t s = 0; s < n; ++s)
      multiply(a_, io.in[0].f32(), b_, io.in[1].f32(), y_, io.out.f32(), s, false);
  }

  // dA = dY Bᵀ, dB = Aᵀ dY
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t n = y_.sample > 0 ? io.n : 1;
    for (int64_t s = 0; s < n; ++s) {
      if (din[0])
        multiply(y_, dy.f32(), b_.flipped(), io.in[1].f32(), a_, din[0].f32(), s,
                 a_.sample == 0 && s > 0);
      if (din[1])
        multiply(a_.flipped(), io.in[0].f32(), y_, dy.f32(), b_, din[1].f32(), s,
                 b_.sample == 0 && s > 0);
    }
  }

 private:
  // y = a b for all matrices of sample s, or y += a b.
  void multiply(const Matrices& a, const float* left, const Matrices& b, const float* right,
                const Matrices& y, float* result, int64_t s, bool accumulate) {
    left += s * a.sample, right += s * b.sample, result += s * y.sample;
    for (int64_t g = 0; g < y.count; ++g, left += a.next, right += b.next, result += y.next) {
      const bool direct = y.column_step == 1;
      gemm({.m = y.rows,
            .n = y.columns,
            .k = a.columns,
            .a = {left, a.row_step, a.column_step},
            .b = b.column_step == 1 ? right : packed(b, right),
            .b_row = b.column_step == 1 ? b.row_step : b.columns,
            .c = direct ? result : result_.data(),
            .c_row = direct ? y.row_step : y.columns,
            .accumulate = direct && accumulate});
      if (direct) continue;
      for (int64_t r = 0; r < y.rows; ++r)
        for (int64_t c = 0; c < y.columns; ++c) {
          float& to = result[r * y.row_step + c * y.column_step];
          to = (accumulate ? to : 0) + result_[size_t(r * y.columns + c)];
        }
    }
  }

  const float* packed(const Matrices& b, const float* from) {
    float* to = right_.data();
    for (int64_t r = 0; r < b.rows; ++r)
      for (int64_t c = 0; c < b.columns; ++c) *to++ = from[r * b.row_step + c * b.column_step];
    return right_.data();
  }

  const Matrices a_, b_, y_;
  std::vector<float> right_, result_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Matmul>(node, context);
}

}  // namespace

const OpDef matmul_op{
    .name = "matmul",
    .infer = infer,
    .macs = macs,
    .make = make,
    .samples = {
        {"rows", {{{4, 5}}, {{5, 6}}}},
        {"transposed", {{{4, 5}}, {{6, 5}}}, {{"transpose_b", 1.0}}},
        {"transposed_left", {{{5, 3}}, {{5, 17}}}, {{"transpose_a", 1.0}}},
        {"both", {{{5, 3}}, {{7, 5}}}, {{"transpose_a", 1.0}, {"transpose_b", 1.0}}},
        {"heads", {{{2, 6, 4}}, {{2, 4, 5}}}},
        {"heads_transposed", {{{3, 6, 4}}, {{3, 5, 4}}}, {{"transpose_b", 1.0}}},
        {"heads_both", {{{3, 4, 6}}, {{3, 5, 4}}}, {{"transpose_a", 1.0}, {"transpose_b", 1.0}}},
        {"weight", {{{4, 5}}, {{5, 20}, "param"}}},
        {"weight_left", {{{3, 4}, "param"}, {{4, 5}}}},
        {"weight_heads", {{{2, 3, 4}}, {{2, 4, 5}, "param"}}},
        {"weights", {{{3, 4}, "param"}, {{4, 2}, "param"}}},
    }};

}  // namespace sparlet
