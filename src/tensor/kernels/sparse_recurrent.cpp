// Both weights are one sparse matrix S over z = (x of this step, h of the last one): a step is
// gates = S z + bias, one product, then the cell. Rows of S are those of the gate values; a GRU's n
// has two, one that sees only x and one that sees only h.
//
// Rows of samples lie in memory as rows, but for inference of many samples as columns ([feature]
// [sample]): then neither the product nor the cell rearranges anything.
#include "tensor/kernels/sparse_recurrent.h"

#include <algorithm>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/recurrent_cells.h"
#include "tensor/kernels/sparse_planes.h"

namespace sparlet {
namespace {

constexpr int64_t kColumnsFrom = 8;                     // samples
constexpr int64_t kRowsAtATime = 128;                   // of the weight gradient
constexpr int64_t kPlane = kRowsAtATime + kPlaneRound;  // of them, spread over the cache

int64_t rounded(int64_t n) { return (n + kPlaneRound - 1) / kPlaneRound * kPlaneRound; }
bool in_columns(const KernelOptions& o) { return !o.train && o.batch >= kColumnsFrom; }
int64_t state_gates(const RecurrentShape& s) {  // rows that see x and h
  return s.cell == Cell::gru ? 2 * s.hidden : s.gates();
}

// S, and where its entries come from: number k of w_ih, or nonzeros(ih) + k of w_hh.
struct Joined {
  SparsePattern pattern;
  std::vector<int32_t> from;

  Joined(const RecurrentShape& s, const RecurrentPatterns& p) {
    pattern = {.out = s.width(), .in = s.in + s.hidden, .row_begin = {0}, .column = {}};
    const int64_t both = state_gates(s);
    for (int64_t row = 0; row < s.width(); ++row) {
      if (row < s.gates()) add(p.ih, row, 0, 0);
      if (row < both) add(p.hh, row, s.in, p.ih.nonzeros());
      if (row >= s.gates()) add(p.hh, row - s.gates() + both, s.in, p.ih.nonzeros());
      pattern.row_begin.push_back(int32_t(from.size()));
    }
  }
  void add(const SparsePattern& p, int64_t row, int64_t first_column, int64_t first_number) {
    for (int32_t k = p.row_begin[size_t(row)]; k < p.row_begin[size_t(row) + 1]; ++k) {
      pattern.column.push_back(int32_t(p.column[size_t(k)] + first_column));
      from.push_back(int32_t(k + first_number));
    }
  }
};

class SparseRecurrent final : public SparseRecurrentKernel {
 public:
  SparseRecurrent(const RecurrentShape& shape, const RecurrentPatterns& patterns,
                  const KernelOptions& options, const Kernels& kernels)
      : s_(shape),
        joined_(shape, patterns),
        entries_ih_(size_t(patterns.ih.nonzeros())),
        width_(shape.width()),
        z_(shape.in + shape.hidden),
        batch_(in_columns(options) ? rounded(options.batch) : options.batch),
        train_(options.train),
        columns_(in_columns(options)),
        scratch_(sparse_recurrent_scratch(shape, options)),
        loops_(kernels.planes()),
        product_(kernels.sparse(joined_.pattern, {.batch = batch_, .train = train_})),
        values_(joined_.from.size()),
        bias_(size_t(width_)),
        zeros_(size_t(batch_ * shape.hidden)),
        place_(size_t(std::max(rounded(batch_), kRowsAtATime))) {
    if (!train_) return;
    kept_.resize(size_t(batch_ * s_.steps * (z_ + width_ + 3 * s_.hidden)));
    dvalues_.resize(values_.size());
    for (int32_t column : joined_.pattern.column) offset_.push_back(int32_t(column * kPlane));
  }

  int64_t scratch() const override { return scratch_; }
  void weights_changed() override { packed_ = false; }
  std::string_view description() const override { return product_->description(); }

  void forward(const RecurrentArgs& a, float* out) override {
    if (train_ || !packed_) pack(a.weights);
    const int64_t n = columns_ ? rounded(a.n) : a.n;
    const Step first = step_at(a, n, 0);
    if (!train_) {
      std::fill_n(first.h, n * s_.hidden, 0.f);
      std::fill_n(first.c, n * s_.hidden, 0.f);
    }
    for (int64_t step = 0; step < s_.steps; ++step) {
      forward_step(a, n, step);
      write(a, n, step, out);
    }
  }

  void backward(const RecurrentArgs& a, const float* dout, const RecurrentGrads& grads) override {
    const int64_t states = a.n * s_.hidden;
    float* dgates = a.scratch;
    float* dz = dgates + s_.steps * a.n * width_;
    float* dh = dz + a.n * z_;
    float* dc = dh + states;
    std::fill_n(dh, 2 * states, 0.f);
    for (int64_t step = s_.steps - 1; step >= 0; --step) {
      add_gradients(a, dout, step, dh, dc);
      backward_step(a, step, dh, dc, dgates, dz, grads);
    }
    if (grads.w_ih || grads.w_hh) weight_gradients(a, dgates, dc + states, grads);
    bias_gradients(a, dgates, dc + states, grads);
  }

  void dense_gradient(const RecurrentArgs& a, const float* dout, bool hh, int64_t begin,
                      int64_t end, float* to) override {
    backward(a, dout, {});  // leaves the gradients of the gates in front
    const int64_t columns = hh ? s_.hidden : s_.in, both = state_gates(s_);
    for (int64_t row = begin; row < end; ++row, to += columns) {
      const float* d = a.scratch + (hh && row >= both ? row - both + s_.gates() : row);
      const float* z = kept_.data() + (hh ? s_.in : 0);
      std::fill_n(to, columns, 0.f);
      for (int64_t r = 0; r < s_.steps * a.n; ++r, d += width_, z += z_)
        for (int64_t i = 0; i < columns; ++i) to[i] += *d * z[i];
    }
  }

 private:
  // Where the values of one step are. Inference has one place for all steps, and the state in it is
  // overwritten.
  struct Step {
    float *z, *gates, *h, *c, *squashed;
  };
  Step step_at(const RecurrentArgs& a, int64_t n, int64_t t) {
    const int64_t rows = train_ ? s_.steps * n : n, at = train_ ? t * n : 0;
    float* base = train_ ? kept_.data() : a.scratch;
    Step step;
    step.z = base + at * z_;
    step.gates = base + rows * z_ + at * width_;
    float* states = base + rows * (z_ + width_);
    step.h = states + at * s_.hidden;
    step.c = states + (rows + at) * s_.hidden;
    step.squashed = states + (2 * rows + at) * s_.hidden;
    return step;
  }

  void pack(const RecurrentWeights& w) {
    for (size_t k = 0; k < values_.size(); ++k) {
      const auto from = size_t(joined_.from[k]);
      values_[k] = from < entries_ih_ ? w.w_ih[from] : w.w_hh[from - entries_ih_];
    }
    std::ranges::fill(bias_, 0.f);
    if (w.b_ih) {
      const int64_t both = state_gates(s_), gates = s_.gates();
      std::copy_n(w.b_ih, gates, bias_.data());
      for (int64_t i = 0; i < both; ++i) bias_[size_t(i)] += w.b_hh[i];
      std::copy_n(w.b_hh + both, gates - both, bias_.data() + gates);
    }
    product_->values_changed();
    packed_ = true;
  }

  int64_t time(int64_t step) const { return s_.reverse ? s_.steps - 1 - step : step; }
  bool valid(const RecurrentArgs& a, int64_t sample, int64_t t) const {
    return !a.lengths || t < a.lengths[sample];
  }
  // The time of a sample's last step in this direction.
  int64_t last(const RecurrentArgs& a, int64_t sample) const {
    return s_.reverse ? 0 : a.lengths ? a.lengths[sample] - 1 : s_.steps - 1;
  }
  bool before_first(int64_t step) const { return train_ && step == 0; }

  // x and the state before, into z.
  void load(const RecurrentArgs& a, int64_t n, int64_t t, const float* h, float* z) {
    if (columns_) {
      for (int64_t s = 0; s < n; ++s)
        place_[size_t(s)] = s < a.n && valid(a, s, t) ? int32_t((s * s_.steps + t) * s_.in) : -1;
      loops_.gather({.map = a.x,
                     .place = place_.data(),
                     .positions = n,
                     .channels = s_.in,
                     .planes = z,
                     .plane = n});
      std::copy_n(h, n * s_.hidden, z + n * s_.in);
      return;
    }
    for (int64_t s = 0; s < n; ++s, z += z_, h += s_.hidden) {
      if (valid(a, s, t))
        std::copy_n(a.x + (s * s_.steps + t) * s_.in, s_.in, z);
      else
        std::fill_n(z, s_.in, 0.f);
      std::copy_n(h, s_.hidden, z + s_.in);
    }
  }

  void forward_step(const RecurrentArgs& a, int64_t n, int64_t step) {
    const int64_t t = time(step);
    const Step now = step_at(a, n, t);
    const Step before = before_first(step)
                            ? Step{nullptr, nullptr, zeros_.data(), zeros_.data(), nullptr}
                            : step_at(a, n, step == 0 ? t : time(step - 1));
    load(a, n, t, before.h, now.z);
    if (columns_)
      product_->forward_columns(n, now.z, values_.data(), bias_.data(), now.gates);
    else
      product_->forward(n, now.z, values_.data(), bias_.data(), now.gates);
    // In columns a part of the gates is hidden · n values, as if of one sample.
    const int64_t rows = columns_ ? 1 : n, hidden = columns_ ? n * s_.hidden : s_.hidden;
    switch (s_.cell) {
      case Cell::lstm:
        lstm_step(rows, hidden, now.gates, before.c, now.c, now.squashed, now.h);
        break;
      case Cell::gru:
        gru_step(rows, hidden, now.gates, before.h, now.h);
        break;
      case Cell::rnn_tanh:
      case Cell::rnn_relu:
        rnn_step(rows, hidden, s_.cell == Cell::rnn_relu, now.gates, now.h);
    }
    // Beyond a sample's length the state is zero: nothing to give on, and in the reverse direction
    // what the last valid step starts from.
    if (!a.lengths) return;
    for (int64_t s = 0; s < a.n; ++s)
      if (!valid(a, s, t))
        for (int64_t i = 0; i < s_.hidden; ++i) now.h[at(n, s, i)] = now.c[at(n, s, i)] = 0;
  }

  // Number i of a sample's state.
  int64_t at(int64_t n, int64_t sample, int64_t i) const {
    return columns_ ? i * n + sample : sample * s_.hidden + i;
  }

  // This step's rows of the result: y, and where it is a sample's last, h and c.
  void write(const RecurrentArgs& a, int64_t n, int64_t step, float* out) {
    const int64_t t = time(step);
    const Step now = step_at(a, n, t);
    const auto row = [&](int64_t sample, int64_t number) {
      return (sample * s_.rows() + number) * s_.out_row;
    };
    if (columns_) {
      for (int64_t s = 0; s < n; ++s) place_[size_t(s)] = s < a.n ? int32_t(row(s, t)) : -1;
      loops_.scatter({now.h, n, place_.data(), n, s_.hidden, out});
    }
    for (int64_t s = 0; s < a.n; ++s) {
      const auto state = [&](const float* from, int64_t number) {
        float* to = out + row(s, number);
        for (int64_t i = 0; i < s_.hidden; ++i) to[i] = from[at(n, s, i)];
      };
      if (!columns_) state(now.h, t);
      if (t != last(a, s)) continue;
      state(now.h, s_.steps);
      if (s_.cell == Cell::lstm) state(now.c, s_.steps + 1);
    }
  }

  // What the result's readers say of this step's h (and c).
  void add_gradients(const RecurrentArgs& a, const float* dout, int64_t step, float* dh,
                     float* dc) const {
    const int64_t t = time(step);
    for (int64_t s = 0; s < a.n; ++s, dh += s_.hidden, dc += s_.hidden) {
      if (!valid(a, s, t)) continue;
      const float* from = dout + s * s_.rows() * s_.out_row;
      const auto add = [&](int64_t number, float* to) {
        for (int64_t i = 0; i < s_.hidden; ++i) to[i] += from[number * s_.out_row + i];
      };
      add(t, dh);
      if (t != last(a, s)) continue;
      add(s_.steps, dh);
      if (s_.cell == Cell::lstm) add(s_.steps + 1, dc);
    }
  }

  void backward_step(const RecurrentArgs& a, int64_t step, float* dh, float* dc, float* all_dgates,
                     float* dz, const RecurrentGrads& grads) {
    const int64_t t = time(step), n = a.n;
    const Step now = step_at(a, n, t);
    const float *h_before = zeros_.data(), *c_before = zeros_.data();
    if (step > 0) {
      const Step before = step_at(a, n, time(step - 1));
      h_before = before.h;
      c_before = before.c;
    }
    float* dgates = all_dgates + t * n * width_;
    switch (s_.cell) {
      case Cell::lstm:
        lstm_step_back(n, s_.hidden, now.gates, c_before, now.squashed, dh, dc, dgates);
        break;
      case Cell::gru:
        gru_step_back(n, s_.hidden, now.gates, h_before, dh, dgates);
        break;
      case Cell::rnn_tanh:
      case Cell::rnn_relu:
        rnn_step_back(n, s_.hidden, s_.cell == Cell::rnn_relu, now.h, dh, dgates);
    }
    for (int64_t s = 0; a.lengths && s < n; ++s) {
      if (valid(a, s, t)) continue;
      std::fill_n(dgates + s * width_, width_, 0.f);
      std::fill_n(dh + s * s_.hidden, s_.hidden, 0.f);
      std::fill_n(dc + s * s_.hidden, s_.hidden, 0.f);
    }
    if (step == 0 && !grads.x) return;
    product_->backward_data(n, values_.data(), dgates, dz);
    for (int64_t s = 0; s < n; ++s, dz += z_, dh += s_.hidden) {
      if (grads.x) {
        float* dx = grads.x + (s * s_.steps + t) * s_.in;
        for (int64_t i = 0; i < s_.in; ++i) dx[i] = grads.add_to_x ? dx[i] + dz[i] : dz[i];
      }
      for (int64_t i = 0; step > 0 && i < s_.hidden; ++i) dh[i] += dz[s_.in + i];
    }
  }

  // Over all steps, some rows at a time, turned into planes.
  void weight_gradients(const RecurrentArgs& a, const float* dgates, float* planes,
                        const RecurrentGrads& grads) {
    const int64_t rows = s_.steps * a.n;
    float* dplanes = planes + z_ * kPlane + kPlaneRound;
    std::ranges::fill(dvalues_, 0.f);
    for (int64_t first = 0; first < rows; first += kRowsAtATime) {
      const int64_t count = std::min(kRowsAtATime, rows - first);
      turn(kept_.data() + first * z_, count, z_, planes);
      turn(dgates + first * width_, count, width_, dplanes);
      loops_.dots({.planes = planes,
                   .at = {joined_.pattern.row_begin.data(), offset_.data(), width_},
                   .dy = dplanes,
                   .dy_plane = kPlane,
                   .positions = rounded(count),
                   .dvalue = dvalues_.data()});
    }
    for (size_t k = 0; k < dvalues_.size(); ++k) {
      const auto from = size_t(joined_.from[k]);
      if (from < entries_ih_) {
        if (grads.w_ih) grads.w_ih[from] = dvalues_[k];
      } else if (grads.w_hh) {
        grads.w_hh[from - entries_ih_] = dvalues_[k];
      }
    }
  }
  void turn(const float* rows, int64_t count, int64_t width, float* planes) {
    for (int64_t r = 0; r < rounded(count); ++r)
      place_[size_t(r)] = r < count ? int32_t(r * width) : -1;
    loops_.gather({rows, place_.data(), rounded(count), width, planes, kPlane});
  }

  void bias_gradients(const RecurrentArgs& a, const float* dgates, float* sums,
                      const RecurrentGrads& grads) const {
    if (!grads.b_ih && !grads.b_hh) return;
    const int64_t both = state_gates(s_), gates = s_.gates();
    sum_rows(s_.steps * a.n, width_, dgates, sums);
    if (grads.b_ih) std::copy_n(sums, gates, grads.b_ih);
    if (!grads.b_hh) return;
    std::copy_n(sums, both, grads.b_hh);
    std::copy_n(sums + gates, gates - both, grads.b_hh + both);
  }

  const RecurrentShape s_;
  const Joined joined_;
  const size_t entries_ih_;
  const int64_t width_, z_, batch_;
  const bool train_, columns_;
  const int64_t scratch_;
  const PlaneLoops& loops_;
  std::unique_ptr<SparseKernel> product_;
  std::vector<float> values_, bias_, zeros_, dvalues_;
  std::vector<int32_t> place_, offset_;
  Lines<float> kept_;  // of all steps, for backward
  bool packed_ = false;
};

}  // namespace

int64_t sparse_recurrent_scratch(const RecurrentShape& s, const KernelOptions& options) {
  const int64_t z = s.in + s.hidden;
  if (!options.train) {
    const int64_t n = in_columns(options) ? rounded(options.batch) : options.batch;
    return n * (z + s.width() + 3 * s.hidden) + kPlaneRound;
  }
  return options.batch * (s.steps * s.width() + z + 2 * s.hidden) + (z + s.width()) * kPlane +
         2 * kPlaneRound;
}

std::unique_ptr<SparseRecurrentKernel> sparse_recurrent(const RecurrentShape& shape,
                                                        const RecurrentPatterns& patterns,
                                                        const KernelOptions& options,
                                                        const Kernels& kernels) {
  return std::make_unique<SparseRecurrent>(shape, patterns, options, kernels);
}

}  // namespace sparlet
