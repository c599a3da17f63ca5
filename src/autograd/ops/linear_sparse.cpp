// linear_csr(x, values, columns, rows[, b]) and linear_coo(x, values, row, column[, b]; out):
// y = x wᵀ + b for a sparse weight w (out, in), see tensor/sparse.h.
//   x (in) -> (out), or x (rows, in) -> (rows, out); b (out)
#include "autograd/ops/ops.h"
#include "autograd/ops/sparse_weight.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace {

int64_t in_of(const Shape& x) { return x[x.rank() - 1]; }
int64_t rows_of(const Shape& x) { return x.rank() == 2 ? x[0] : 1; }

std::vector<SparseOperand> csr(const Node& node, std::span<const Type> in) {
  require(in[3].shape.rank() == 1 && in[3].shape[0] >= 2, "{}: wants rows [out + 1], found {}",
          place(node), to_string(in[3].shape));
  return {{SparseFormat::csr, 1, {in[3].shape[0] - 1, in_of(in[0].shape)}}};
}
std::vector<SparseOperand> coo(const Node& node, std::span<const Type> in) {
  const int64_t out = node.integer("out", 0);
  require(out >= 1, "{}: out is {}, wanted 1 or more", place(node), out);
  return {{SparseFormat::coo, 1, {out, in_of(in[0].shape)}}};
}

Type infer(const Node& node, std::span<const Type> in) {
  if (node.op == &linear_csr_op)
    check_call(node, in, {"x, values, columns, rows[, b]", 4, 5});
  else
    check_call(node, in, {"x, values, row, column[, b]", 4, 5, {"out"}});
  const Shape& x = in[0].shape;
  require(x.rank() == 1 || x.rank() == 2, "{}: wants x (in) or (rows,in), found {}{}", place(node),
          to_string(x), x.rank() == 3 ? "; flatten it first" : "");
  const std::vector<SparseOperand> sparse = node.op->sparse(node, in);
  check_sparse(node, in, sparse);
  const int64_t out = sparse[0].dense[0];
  if (in.size() == 5)
    require(in[4].shape == Shape{out} && !in[4].batched, "{}: wants a bias [{}], found {}",
            place(node), out, to_string(in[4].shape));
  return {x.rank() == 2 ? Shape{x[0], out} : Shape{out}, DType::f32, in[0].batched};
}

// Of the dense layer: as everywhere, those of the entries are the effective ones (cost/).
int64_t macs(const Node& node, std::span<const Type> in) {
  return rows_of(in[0].shape) * count(node.op->sparse(node, in)[0].dense);
}

class LinearSparse final : public Kernel {
 public:
  LinearSparse(const Shape& dense, SparseProduct product)
      : in_(dense[1]), out_(dense[0]), product_(std::move(product)) {}

  void operands_changed() override { product_.changed(); }
  bool packed(size_t operand) const override { return product_.packed(operand); }
  void forward(const Io& io) override {
    const float* bias = io.in.size() > 4 ? io.in[4].f32() : nullptr;
    product_.forward(io, io.in[0].size() / in_, io.in[0].f32(), bias, io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    const int64_t rows = dy.size() / out_;
    float* dbias = din.size() > 4 ? din[4].f32() : nullptr;
    if (din[1] || dbias)
      product_.backward_weight(rows, io.in[0].f32(), dy.f32(), din[1].f32(), dbias);
    if (din[0]) product_.backward_data(io, rows, dy.f32(), din[0].f32());
  }
  void dense_weight_grad(const Io& io, const View& dy, const SparseOperand&, int64_t begin,
                         int64_t end, float* to) override {
    product_.dense_weight_grad(dy.size() / out_, io.in[0].f32(), dy.f32(), begin, end, to);
  }

 private:
  const int64_t in_, out_;
  SparseProduct product_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  std::vector<Type> in;
  for (const Node* from : context.in) in.push_back(from->type);
  const SparseOperand operand = node.op->sparse(node, in)[0];
  const int64_t batch = (in[0].batched ? context.batch : 1) * rows_of(in[0].shape);
  SparseProduct product(node, operand, {.batch = batch, .train = context.mode == Mode::train},
                        *context.kernels, memory_order(context.in_placement[0], in[0].shape));
  return std::make_unique<LinearSparse>(operand.dense, std::move(product));
}

using Input = Sample::Input;
Input index(int64_t n, DType type, std::vector<int32_t> values) {
  return {{n}, "constant", type, Fill::integer, {}, std::move(values)};
}

// A pattern (out, in) in which place k is taken where k % step % 3 == 0: rows of all lengths.
struct Taken {
  std::vector<int32_t> row, column, row_begin{0};
};
Taken taken(int out, int in, int step) {
  Taken t;
  for (int o = 0; o < out; ++o) {
    for (int i = 0; i < in; ++i)
      if ((o * in + i) % step % 3 == 0) t.row.push_back(o), t.column.push_back(i);
    t.row_begin.push_back(int32_t(t.column.size()));
  }
  return t;
}

Sample csr_sample(std::string_view name, const Shape& x, int out, int step, bool bias = true) {
  const Taken t = taken(out, int(in_of(x)), step);
  const int64_t n = int64_t(t.column.size());
  Sample sample{name,
                {{x},
                 {{n}, "param"},
                 index(n, DType::u8, t.column),
                 index(out + 1, index_type(n), t.row_begin)}};
  if (bias) sample.in.push_back({{out}, "param"});
  return sample;
}
Sample coo_sample(std::string_view name, const Shape& x, int out, int step, bool bias = true) {
  const Taken t = taken(out, int(in_of(x)), step);
  const int64_t n = int64_t(t.column.size());
  Sample sample{name,
                {{x}, {{n}, "param"}, index(n, DType::u8, t.row), index(n, DType::u16, t.column)},
                {{"out", double(out)}}};
  if (bias) sample.in.push_back({{out}, "param"});
  return sample;
}

}  // namespace

const OpDef linear_csr_op{
    .name = "linear_csr",
    .infer = infer,
    .macs = macs,
    .make = make,
    .samples =
        {csr_sample("small", {7}, 5, 5),
         csr_sample("no_bias", {12}, 4, 7, false),
         csr_sample("full", {9}, 17, 1),
         csr_sample("wide", {64}, 48, 29),
         csr_sample("odd", {33}, 17, 13),
         csr_sample("rows", {3, 6}, 4, 5),
         {"single",
          {{{6}}, {{1}, "param"}, index(1, DType::i32, {4}), index(4, DType::i32, {0, 0, 1, 1})}},
         {"none",
          {{{6}},
           {{1}, "param"},
           index(1, DType::u8, {0}),
           index(4, DType::u8, {0, 0, 0, 0}),
           {{3}, "param"}}}},
    .sparse = csr};

const OpDef linear_coo_op{.name = "linear_coo",
                          .infer = infer,
                          .macs = macs,
                          .make = make,
                          .samples = {coo_sample("small", {7}, 5, 5),
                                      coo_sample("no_bias", {12}, 4, 7, false),
                                      coo_sample("full", {9}, 17, 1),
                                      coo_sample("wide", {64}, 48, 29),
                                      coo_sample("rows", {3, 6}, 4, 5),
                                      {"none",
                                       {{{6}},
                                        {{1}, "param"},
                                        index(1, DType::u8, {3}),
                                        index(1, DType::u8, {0}),
                                        {{3}, "param"}},
                                       {{"out", 3.0}}}},
                          .sparse = coo};

}  // namespace sparlet
