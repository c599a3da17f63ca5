#include "tensor/kernels/sparse.h"

#include <algorithm>
#include <cassert>
#include <optional>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/sparse_choice.h"
#include "tensor/kernels/sparse_lanes.h"
#include "tensor/kernels/sparse_strips.h"

namespace sparlet {
namespace {

// Floats for samples × size, the sample last in strips and first elsewhere.
using Staging = Lines<float>;

// --- strips: any batch, and training

class StripSparse final : public SparseKernel {
 public:
  StripSparse(const SparseLoops& loops, const SparsePattern& p, const KernelOptions& options)
      : loops_(loops),
        out_(p.out),
        in_(p.in),
        narrowest_(options.batch == 1   ? 1
                   : options.batch < 16 ? 8
                                        : 16),
        forward_(p, options.train ? StripOrder::pattern : StripOrder::blocked,
                 width(options.batch)) {
    if (options.train) transposed_.emplace(p, StripOrder::transposed, width(options.batch));
    if (narrowest_ == 1) return;
    x_.resize(size_t(in_ * (options.train ? all_widths(options.batch) : width(options.batch))));
    y_.resize(size_t(out_ * width(options.batch)));
  }

  void forward(int64_t rows, const float* x, const float* values, const float* bias,
               float* y) override {
    pack(values);
    by_strips(rows, [&](int64_t first, int64_t n, int64_t width) {
      const Part part{n, width};
      const float* xs = strip(part, in_, x + first * in_, x_at(first));
      product(forward_, part, xs, forward_.values(values), bias, y + first * out_, y_.data());
    });
    kept_ = transposed_ ? rows : 0;
  }

  void forward_columns(int64_t samples, const float* x, const float* values, const float* bias,
                       float* y) override {
    kept_ = 0;
    pack(values);
    by_strips(samples, [&](int64_t first, int64_t n, int64_t width) {
      const bool whole = n == samples && n == width;
      const float* from = whole ? x : copy(in_, n, x + first, samples, x_.data(), width);
      float* to = whole ? y : y_.data();
      loops_.strip_product(forward_.form(), forward_.values(values), bias, width, from, to);
      if (!whole) copy(out_, n, y_.data(), width, y + first, samples);
    });
  }

  void backward_data(int64_t rows, const float* values, const float* dy, float* dx) override {
    assert(transposed_);
    kept_ = 0;
    by_strips(rows, [&](int64_t first, int64_t n, int64_t width) {
      const Part part{n, width};
      const float* gs = strip(part, out_, dy + first * out_, y_.data());
      product(*transposed_, part, gs, values, nullptr, dx + first * in_, x_.data());
    });
  }

  void backward_weight(int64_t rows, const float* x, const float* dy, float* dvalues,
                       float* dbias) override {
    if (dvalues)
      by_strips(rows, [&](int64_t first, int64_t n, int64_t width) {
        const Part part{n, width};
        const float* xs = kept_ == rows && narrowest_ > 1
                              ? x_at(first)
                              : strip(part, in_, x + first * in_, x_.data());
        const float* gs = strip(part, out_, dy + first * out_, y_.data());
        loops_.strip_dots(forward_.form(), width, xs, gs, first > 0, dvalues);
      });
    if (dbias) sum_rows(rows, out_, dy, dbias);
  }

  void values_changed() override { packed_ = false; }
  bool holds_values() const override { return packed_ && forward_.copies_values(); }
  int64_t bytes() const override {
    return forward_.bytes() + (transposed_ ? transposed_->bytes() : 0);
  }
  std::string_view description() const override { return "strips"; }

 private:
  struct Part {
    int64_t samples, width;
  };

  // One kernel keeps to widths whose sums have one order: a sample's result does not depend on how
  // many there are.
  int64_t width(int64_t samples) const {
    if (narrowest_ < 16) return narrowest_;
    return samples > 32 ? 64 : samples > 16 ? 32 : 16;
  }
  template <class Visit>
  void by_strips(int64_t samples, Visit visit) const {
    for (int64_t first = 0; first < samples;) {
      const int64_t wide = width(samples - first), n = std::min(wide, samples - first);
      visit(first, n, wide);
      first += n;
    }
  }

  // Of the strips of so many samples together.
  int64_t all_widths(int64_t samples) const {
    int64_t sum = 0;
    by_strips(samples, [&](int64_t, int64_t, int64_t width) { sum += width; });
    return sum;
  }
  // Where forward() puts a strip of x: training keeps all, the strips before it are whole.
  float* x_at(int64_t first) { return x_.data() + (transposed_ ? first * in_ : 0); }

  void pack(const float* values) {
    if (!packed_) forward_.pack(values);
    packed_ = true;
  }

  // x [samples][columns] -> [columns][width], zeros behind the last sample.
  const float* strip(Part part, int64_t columns, const float* x, float* to) const {
    if (part.width == 1) return x;
    if (part.samples < part.width) std::fill_n(to, columns * part.width, 0.f);
    loops_.transpose(part.samples, columns, x, columns, to, part.width);
    return to;
  }

  // xs: a strip. y: samples in rows, by way of `to`.
  void product(const Strips& s, Part part, const float* xs, const float* values, const float* bias,
               float* y, float* to) {
    const StripForm form = s.form();
    if (part.width == 1) return loops_.strip_product(form, values, bias, 1, xs, y);
    loops_.strip_product(form, values, bias, part.width, xs, to);
    loops_.transpose(form.rows, part.samples, to, part.width, y, form.rows);
  }

  static const float* copy(int64_t rows, int64_t n, const float* from, int64_t from_row, float* to,
                           int64_t to_row) {
    for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_row, n, to + r * to_row);
    return to;
  }

  const SparseLoops& loops_;
  const int64_t out_, in_, narrowest_;
  Strips forward_;
  std::optional<Strips> transposed_;
  Staging x_, y_;
  int64_t kept_ = 0;  // the samples whose strips of x are in x_ since forward()
  bool packed_ = false;
};

// --- lanes and gather: few samples, no training

class InferSparse : public SparseKernel {
 public:
  InferSparse(const SparseLoops& loops, const SparsePattern& p, int64_t samples)
      : loops_(loops), out_(p.out), in_(p.in), step_(samples) {
    if (samples > 1) x_.resize(size_t(in_ * samples)), y_.resize(size_t(out_ * samples));
  }

  void forward_columns(int64_t samples, const float* x, const float* values, const float* bias,
                       float* y) override {
    if (samples == 1) return forward(1, x, values, bias, y);
    for (int64_t first = 0; first < samples; first += step_) {
      const int64_t n = std::min(step_, samples - first);
      loops_.transpose(in_, n, x + first, samples, x_.data(), in_);
      forward(n, x_.data(), values, bias, y_.data());
      loops_.transpose(n, out_, y_.data(), out_, y + first, samples);
    }
  }
  void backward_data(int64_t, const float*, const float*, float*) override {
    assert(!"made without training");
  }
  void backward_weight(int64_t, const float*, const float*, float*, float*) override {
    assert(!"made without training");
  }
  void values_changed() override { packed_ = false; }
  bool holds_values() const override { return packed_; }

 protected:
  const SparseLoops& loops_;
  const int64_t out_, in_, step_;
  bool packed_ = false;

 private:
  Staging x_, y_;
};

class LaneSparse final : public InferSparse {
 public:
  LaneSparse(const SparseLoops& loops, const SparsePattern& p, const KernelOptions& options)
      : InferSparse(loops, p, std::min<int64_t>(options.batch, kMost)), lanes_(p) {
    padded_ = (out_ + kLaneRows - 1) / kLaneRows * kLaneRows;
    if (padded_ != out_) rows_.resize(size_t(padded_ * kMost));
  }

  void forward(int64_t rows, const float* x, const float* values, const float* bias,
               float* y) override {
    if (!packed_) lanes_.pack(values);
    packed_ = true;
    for (int64_t first = 0, n = 0; first < rows; first += n) {
      n = kMost;
      while (n > rows - first) n /= 2;
      float* to = rows_.empty() ? y + first * out_ : rows_.data();
      start(n, bias, to);
      loops_.lanes(lanes_.form(), n, x + first * in_, in_, to, padded_);
      for (int64_t r = 0; r < n && !rows_.empty(); ++r)
        std::copy_n(to + r * padded_, out_, y + (first + r) * out_);
    }
  }
  int64_t bytes() const override { return lanes_.bytes(); }
  std::string_view description() const override { return "lanes"; }

 private:
  static constexpr int64_t kMost = 8;

  void start(int64_t rows, const float* bias, float* y) const {
    std::fill_n(y, rows * padded_, 0.f);
    for (int64_t r = 0; r < rows && bias; ++r) std::copy_n(bias, out_, y + r * padded_);
  }

  LanePacking lanes_;
  int64_t padded_;
  Staging rows_;  // where the rows end inside a unit
};

class GatherSparse final : public InferSparse {
 public:
  GatherSparse(const SparseLoops& loops, const SparsePattern& p, const KernelOptions& options)
      : InferSparse(loops, p, std::min<int64_t>(options.batch, 8)), gather_(p) {}

  void forward(int64_t rows, const float* x, const float* values, const float* bias,
               float* y) override {
    if (!packed_) gather_.pack(values);
    packed_ = true;
    for (int64_t r = 0; r < rows; ++r)
      loops_.gather(gather_.form(), bias, x + r * in_, y + r * out_);
  }
  int64_t bytes() const override { return gather_.bytes(); }
  std::string_view description() const override { return "gather"; }

 private:
  GatherPacking gather_;
};

std::unique_ptr<SparseKernel> make(const SparseLoops& loops, const SparsePattern& p,
                                   const KernelOptions& options) {
  const auto form = options.train
                        ? SparseForm::strips
                        : choose_sparse_form(loops, p.out, p.in, p.nonzeros(), options.batch);
  switch (form) {
    case SparseForm::lanes:
      return std::make_unique<LaneSparse>(loops, p, options);
    case SparseForm::gather:
      return std::make_unique<GatherSparse>(loops, p, options);
    case SparseForm::strips:
      break;
  }
  return std::make_unique<StripSparse>(loops, p, options);
}

}  // namespace

std::unique_ptr<SparseKernel> portable_sparse(const SparsePattern& p, const KernelOptions& o) {
  return make(portable_sparse_loops, p, o);
}
#if SPARLET_SIMD
std::unique_ptr<SparseKernel> avx2_sparse(const SparsePattern& p, const KernelOptions& o) {
  return make(avx2_sparse_loops, p, o);
}
std::unique_ptr<SparseKernel> avx512_sparse(const SparsePattern& p, const KernelOptions& o) {
  return make(avx512_sparse_loops, p, o);
}
#endif

}  // namespace sparlet
