// conv2d_csr(x, values, columns, rows[, b]; kernel) and conv2d_coo(x, values, row, column[, b];
// kernel, out): conv2d with a sparse weight (o, c/groups, kh, kw), see tensor/sparse.h.
//   kernel: kh, kw; stride, pad, dilation, groups as of conv2d
#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/ops/sparse_samples.h"
#include "autograd/ops/sparse_weight.h"
#include "autograd/ops/window.h"
#include "tensor/kernels/sparse_conv.h"

namespace sparlet {
namespace {

// REQUIRES: at least four inputs.
std::vector<SparseOperand> operands(const Node& node, std::span<const Type> in) {
  const bool csr = node.op == &conv2d_csr_op;
  if (csr)
    require(in[3].shape.rank() == 1 && in[3].shape[0] >= 2, "{}: wants rows [out + 1], found {}",
            place(node), to_string(in[3].shape));
  const int64_t out = csr ? in[3].shape[0] - 1 : node.integer("out", 0);
  require(out >= 1, "{}: out is {}, wanted 1 or more", place(node), out);
  const auto [kh, kw] = node.pair("kernel", 1);
  require(kh >= 1 && kw >= 1, "{}: kernel {}x{}, wanted at least 1", place(node), kh, kw);
  const int64_t groups = node.integer("groups", 1), channels = in[0].shape[0];
  require(groups >= 1 && channels % groups == 0 && out % groups == 0,
          "{}: {} channels of {} and {} filters do not divide into {} groups", place(node),
          channels, to_string(in[0].shape), out, groups);
  return {{csr ? SparseFormat::csr : SparseFormat::coo, 1, {out, channels / groups, kh, kw}}};
}

ConvShape shape_of(const Node& node, const Shape& x, const Shape& dense, bool bias) {
  return {.window = window_of(node, x, dense[2], dense[3]),
          .o = dense[0],
          .groups = node.integer("groups", 1),
          .bias = bias};
}

Type infer(const Node& node, std::span<const Type> in) {
  if (node.op == &conv2d_csr_op)
    check_call(
        node, in,
        {"x, values, columns, rows[, b]", 4, 5, {"kernel", "stride", "pad", "dilation", "groups"}});
  else
    check_call(node, in,
               {"x, values, row, column[, b]",
                4,
                5,
                {"kernel", "out", "stride", "pad", "dilation", "groups"}});
  check_map(node, in[0]);
  const std::vector<SparseOperand> sparse = operands(node, in);
  check_sparse(node, in, sparse);
  const Shape& dense = sparse[0].dense;
  if (in.size() == 5)
    require(in[4].shape == Shape{dense[0]} && !in[4].batched, "{}: wants a bias [{}], found {}",
            place(node), dense[0], to_string(in[4].shape));
  const Window window = window_of(node, in[0].shape, dense[2], dense[3]);
  return {{dense[0], window.out_h(), window.out_w()}, DType::f32, true};
}

// Of the dense layer: as everywhere, those of the entries are the effective ones (cost/).
int64_t macs(const Node& node, std::span<const Type> in) {
  const ConvShape s = shape_of(node, in[0].shape, operands(node, in)[0].dense, false);
  return s.window.out_h() * s.window.out_w() * s.o * s.patch();
}

class ConvSparse final : public Kernel {
 public:
  ConvSparse(const Node& node, const ConvShape& shape, const SparseOperand& operand,
             const MakeContext& context)
      : where_(place(node)),
        shape_(shape),
        operand_(operand),
        options_{.batch = context.batch, .train = context.mode == Mode::train},
        kernels_(*context.kernels) {}

  void operands_changed() override { kernel_.reset(); }
  void forward(const Io& io) override {
    if (!kernel_)
      kernel_ = plane_conv(shape_, read_sparse(where_, operand_, io).pattern, options_,
                           kernels_.planes());
    kernel_->forward(io.n, io.in[0].f32(), io.in[1].f32(), bias(io), io.out.f32());
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    float* dvalues = din[1].f32();
    if (dvalues) dvalues[0] = 0;  // the unused slot, where there is no entry
    kernel_->backward(io.n, io.in[0].f32(), io.in[1].f32(), dy.f32(),
                      {din[0].f32(), dvalues, din.size() > 4 ? din[4].f32() : nullptr});
  }

  void dense_weight_grad(const Io& io, const View& dy, const SparseOperand&, int64_t begin,
                         int64_t end, float* to) override {
    const Window& w = shape_.window;
    const int64_t taps = w.kh * w.kw, channels = shape_.group_c(), pixels = w.out_h() * w.out_w();
    std::vector<float> sum(size_t(shape_.patch()));  // [kh][kw][i]
    for (int64_t o = begin; o < end; ++o) {
      std::ranges::fill(sum, 0.f);
      for (int64_t s = 0; s < io.n; ++s)
        for (int64_t tap = 0; tap < taps; ++tap)
          add_tap(io.in[0].f32() + s * w.h * w.w * w.c + o / shape_.group_o() * channels,
                  dy.f32() + s * pixels * shape_.o + o, tap, sum.data() + tap * channels);
      for (int64_t i = 0; i < channels; ++i)
        for (int64_t tap = 0; tap < taps; ++tap) *to++ = sum[size_t(tap * channels + i)];
    }
  }

 private:
  static const float* bias(const Io& io) { return io.in.size() > 4 ? io.in[4].f32() : nullptr; }

  // sum[i] += Σ over the places of dy × the pixel under this tap.
  void add_tap(const float* x, const float* dy, int64_t tap, float* sum) const {
    const Window& w = shape_.window;
    for (int64_t oh = 0; oh < w.out_h(); ++oh)
      for (int64_t ow = 0; ow < w.out_w(); ++ow, dy += shape_.o) {
        const int64_t row = w.row(oh, tap / w.kw), column = w.column(ow, tap % w.kw);
        if (row < 0 || row >= w.h || column < 0 || column >= w.w) continue;
        const float* pixel = x + (row * w.w + column) * w.c;
        for (int64_t i = 0; i < shape_.group_c(); ++i) sum[i] += *dy * pixel[i];
      }
  }

  const std::string where_;
  const ConvShape shape_;
  const SparseOperand operand_;
  const KernelOptions options_;
  const Kernels& kernels_;
  std::unique_ptr<SparseConvKernel> kernel_;  // from the first call on: it needs the pattern
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  std::vector<Type> in;
  for (const Node* from : context.in) in.push_back(from->type);
  const SparseOperand operand = operands(node, in)[0];
  return std::make_unique<ConvSparse>(
      node, shape_of(node, in[0].shape, operand.dense, in.size() > 4), operand, context);
}

// --- samples
std::vector<double> list(std::initializer_list<double> values) { return values; }

// A layer with weight (o, i, kh, kw).
Sample sample(SparseFormat format, std::string_view name, const Shape& x, const Shape& w,
              int64_t step, Attrs attrs = {}, bool bias = true) {
  Sample made{name, {{x}}, std::move(attrs)};
  made.attrs["kernel"] = std::vector<double>{double(w[2]), double(w[3])};
  if (format == SparseFormat::coo) made.attrs["out"] = double(w[0]);
  for (Sample::Input& input : sparse_inputs(format, w[0], count(w) / w[0], step))
    made.in.push_back(std::move(input));
  if (bias) made.in.push_back({{w[0]}, "param"});
  return made;
}

std::vector<Sample> samples(SparseFormat format) {
  const auto of = [&](auto&&... arguments) { return sample(format, arguments...); };
  return {
      of("k3", Shape{3, 7, 6}, Shape{8, 3, 3, 3}, 7, Attrs{{"pad", 1.0}}),
      of("k5_no_bias", Shape{6, 9, 9}, Shape{16, 6, 5, 5}, 31, Attrs{}, false),
      of("k1", Shape{5, 4, 4}, Shape{7, 5, 1, 1}, 5),
      of("k1_wide", Shape{16, 6, 6}, Shape{34, 16, 1, 1}, 13),
      of("full", Shape{2, 5, 5}, Shape{3, 2, 3, 3}, 1, Attrs{{"pad", 1.0}}),
      of("stride2", Shape{4, 8, 8}, Shape{6, 4, 3, 3}, 7, Attrs{{"stride", 2.0}, {"pad", 1.0}}),
      of("stride_rest", Shape{2, 8, 9}, Shape{3, 2, 3, 3}, 5, Attrs{{"stride", list({2, 3})}}),
      of("rectangle", Shape{3, 8, 5}, Shape{4, 3, 3, 1}, 5),
      of("pad_uneven", Shape{2, 5, 6}, Shape{4, 2, 3, 3}, 5, Attrs{{"pad", list({0, 1, 2, 0})}}),
      of("dilated", Shape{3, 9, 9}, Shape{5, 3, 3, 3}, 7, Attrs{{"dilation", 2.0}, {"pad", 2.0}}),
      of("groups2", Shape{4, 6, 6}, Shape{6, 2, 3, 3}, 5, Attrs{{"groups", 2.0}, {"pad", 1.0}})};
}

std::vector<Sample> csr_samples() {
  std::vector<Sample> list = samples(SparseFormat::csr);
  list.push_back({"none",
                  {{{2, 3, 3}},
                   {{1}, "param"},
                   index_input(DType::u8, {0}),
                   index_input(DType::u8, {0, 0, 0}),
                   {{2}, "param"}},
                  {{"kernel", 2.0}}});
  return list;
}

}  // namespace

const OpDef conv2d_csr_op{.name = "conv2d_csr",
                          .infer = infer,
                          .macs = macs,
                          .make = make,
                          .samples = csr_samples(),
                          .sparse = operands};
const OpDef conv2d_coo_op{.name = "conv2d_coo",
                          .infer = infer,
                          .macs = macs,
                          .make = make,
                          .samples = samples(SparseFormat::coo),
                          .sparse = operands};

}  // namespace sparlet
