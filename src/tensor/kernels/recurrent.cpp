// The portable recurrent layer. Inside, everything is time-major ([step][sample][...]): then the
// input's part of all steps is one matrix product, a step's state is contiguous, and the weight
// gradients run over all steps at once.
#include "tensor/kernels/lines.h"
#include "tensor/kernels/recurrent.h"

#include <algorithm>
#include <vector>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/recurrent_cells.h"

namespace sparlet {

void to_time_major(int64_t n, int64_t steps, int64_t width, const float* x, const int32_t* lengths,
                   float* to) {
  for (int64_t s = 0; s < n; ++s)
    for (int64_t t = 0; t < steps; ++t) {
      float* row = to + (t * n + s) * width;
      if (lengths && t >= lengths[s])
        std::fill_n(row, width, 0.f);
      else
        std::copy_n(x + (s * steps + t) * width, width, row);
    }
}

void from_time_major(int64_t n, int64_t steps, int64_t width, const float* from, bool add,
                     float* x) {
  for (int64_t s = 0; s < n; ++s)
    for (int64_t t = 0; t < steps; ++t, x += width) {
      const float* row = from + (t * n + s) * width;
      for (int64_t i = 0; i < width; ++i) x[i] = add ? x[i] + row[i] : row[i];
    }
}

namespace {

class PortableRecurrent final : public RecurrentKernel {
 public:
  PortableRecurrent(const GemmPath& path, const RecurrentShape& shape, const KernelOptions& options)
      : path_(path),
        s_(shape),
        train_(options.train),
        gates_(shape.gates()),
        width_(shape.width()),
        batch_(options.batch),
        w_ih_(size_t(shape.in * gates_)),
        w_hh_(size_t(shape.hidden * gates_)),
        bias_(size_t(width_)),
        zeros_(size_t(batch_ * shape.hidden)) {
    if (train_) own_.resize(size_t(batch_ * s_.workspace()));
  }

  int64_t scratch() const override {
    if (!train_) return batch_ * s_.workspace();
    const int64_t per_sample = s_.steps * (width_ + s_.in) + 2 * s_.hidden;
    return batch_ * per_sample + std::max(s_.in, s_.hidden) * gates_ + width_;
  }

  void weights_changed() override { packed_ = false; }
  std::string_view description() const override { return path_.name; }

  void forward(const RecurrentArgs& a, float* out) override {
    if (train_ || !packed_) pack(a.weights);
    const int64_t rows = s_.steps * a.n;
    const Kept k = kept(a);
    to_time_major(a.n, s_.steps, s_.in, a.x, a.lengths, k.x);
    for (int64_t r = 0; r < rows; ++r) std::copy_n(bias_.data(), width_, k.gates + r * width_);
    path_.gemm({.m = rows,
                .n = gates_,
                .k = s_.in,
                .a = {k.x, s_.in, 1},
                .b = w_ih_.data(),
                .b_row = gates_,
                .c = k.gates,
                .c_row = width_,
                .accumulate = true});
    for (int64_t step = 0; step < s_.steps; ++step) forward_step(a, k, step);
    write(a, k, out);
  }

  void backward(const RecurrentArgs& a, const float* dout, const RecurrentGrads& grads) override {
    const Kept k = kept(a);
    const int64_t rows = s_.steps * a.n, states = a.n * s_.hidden;
    float* dgates = a.scratch;
    float* dx = dgates + rows * width_;
    float* dh = dx + rows * s_.in;
    float* dc = dh + states;
    float* rest = dc + states;
    std::fill_n(dh, 2 * states, 0.f);
    for (int64_t step = s_.steps - 1; step >= 0; --step) {
      add_gradients(a, dout, step, dh, dc);
      backward_step(a, k, step, dh, dc, dgates);
    }
    if (grads.x) {
      path_.gemm({.m = rows,
                  .n = s_.in,
                  .k = gates_,
                  .a = {dgates, width_, 1},
                  .b = a.weights.w_ih,
                  .b_row = s_.in,
                  .c = dx,
                  .c_row = s_.in});
      from_time_major(a.n, s_.steps, s_.in, dx, grads.add_to_x, grads.x);
    }
    weight_gradients(a, k, dgates, rest, grads);
  }

 private:
  // What a pass leaves for the next one, [steps][n][...] each.
  struct Kept {
    float *x, *gates, *h, *c, *squashed;
  };

  Kept kept(const RecurrentArgs& a) {
    const int64_t rows = s_.steps * a.n;
    Kept k;
    k.x = train_ ? own_.data() : a.scratch;
    k.gates = k.x + rows * s_.in;
    k.h = k.gates + rows * width_;
    k.c = k.h + rows * s_.hidden;
    k.squashed = k.c + rows * s_.hidden;
    return k;
  }

  // A GRU's row of gates has four parts: the state's part of n is apart from the input's.
  void pack(const RecurrentWeights& w) {
    path_.transpose(gates_, s_.in, w.w_ih, s_.in, w_ih_.data());
    path_.transpose(gates_, s_.hidden, w.w_hh, s_.hidden, w_hh_.data());
    std::ranges::fill(bias_, 0.f);
    if (w.b_ih) {
      std::copy_n(w.b_ih, gates_, bias_.data());
      const int64_t shared = state_gates();
      for (int64_t i = 0; i < shared; ++i) bias_[size_t(i)] += w.b_hh[i];
      std::copy_n(w.b_hh + shared, gates_ - shared, bias_.data() + gates_);
    }
    packed_ = true;
  }

  // Gates whose sums take the input's and the state's part together: they come first.
  int64_t state_gates() const { return s_.cell == Cell::gru ? 2 * s_.hidden : gates_; }
  int64_t time(int64_t step) const { return s_.reverse ? s_.steps - 1 - step : step; }
  // The state before a step, of an array [steps][n][hidden].
  const float* before(const RecurrentArgs& a, const float* states, int64_t step) const {
    return step == 0 ? zeros_.data() : states + time(step - 1) * a.n * s_.hidden;
  }
  bool valid(const RecurrentArgs& a, int64_t sample, int64_t t) const {
    return !a.lengths || t < a.lengths[sample];
  }

  void forward_step(const RecurrentArgs& a, const Kept& k, int64_t step) const {
    const int64_t t = time(step), states = a.n * s_.hidden, shared = state_gates();
    const float* h_before = before(a, k.h, step);
    float *gates = k.gates + t * a.n * width_, *h = k.h + t * states;
    float *c = k.c + t * states, *squashed = k.squashed + t * states;
    if (step > 0) {
      GemmArgs product{.m = a.n,
                       .n = shared,
                       .k = s_.hidden,
                       .a = {h_before, s_.hidden, 1},
                       .b = w_hh_.data(),
                       .b_row = gates_,
                       .c = gates,
                       .c_row = width_,
                       .accumulate = true};
      path_.gemm(product);
      if (shared < gates_) {
        product.n = gates_ - shared;
        product.b += shared;
        product.c += gates_;
        path_.gemm(product);
      }
    }
    switch (s_.cell) {
      case Cell::lstm:
        lstm_step(a.n, s_.hidden, gates, before(a, k.c, step), c, squashed, h);
        break;
      case Cell::gru:
        gru_step(a.n, s_.hidden, gates, h_before, h);
        break;
      case Cell::rnn_tanh:
      case Cell::rnn_relu:
        rnn_step(a.n, s_.hidden, s_.cell == Cell::rnn_relu, gates, h);
    }
    // Beyond a sample's length the state is zero: nothing to give on, and in the reverse direction
    // what the last valid step starts from.
    for (int64_t s = 0; a.lengths && s < a.n; ++s) {
      if (valid(a, s, t)) continue;
      std::fill_n(h + s * s_.hidden, s_.hidden, 0.f);
      if (s_.cell == Cell::lstm) std::fill_n(c + s * s_.hidden, s_.hidden, 0.f);
    }
  }

  // The time of a sample's last step in this direction.
  int64_t last(const RecurrentArgs& a, int64_t sample) const {
    return s_.reverse ? 0 : a.lengths ? a.lengths[sample] - 1 : s_.steps - 1;
  }

  void write(const RecurrentArgs& a, const Kept& k, float* out) const {
    for (int64_t s = 0; s < a.n; ++s) {
      const auto state = [&](const float* of, int64_t t) {
        std::copy_n(of + (t * a.n + s) * s_.hidden, s_.hidden, out);
        out += s_.out_row;
      };
      for (int64_t t = 0; t < s_.steps; ++t) state(k.h, t);
      state(k.h, last(a, s));
      if (s_.cell == Cell::lstm) state(k.c, last(a, s));
    }
  }

  // What the result's readers say of this step's h (and c).
  void add_gradients(const RecurrentArgs& a, const float* dout, int64_t step, float* dh,
                     float* dc) const {
    const int64_t t = time(step);
    for (int64_t s = 0; s < a.n; ++s, dh += s_.hidden, dc += s_.hidden) {
      if (!valid(a, s, t)) continue;
      const float* from = dout + s * s_.rows() * s_.out_row;
      const float* y = from + t * s_.out_row;
      for (int64_t i = 0; i < s_.hidden; ++i) dh[i] += y[i];
      if (t != last(a, s)) continue;
      const float* final = from + s_.steps * s_.out_row;
      for (int64_t i = 0; i < s_.hidden; ++i) dh[i] += final[i];
      if (s_.cell != Cell::lstm) continue;
      for (int64_t i = 0; i < s_.hidden; ++i) dc[i] += final[s_.out_row + i];
    }
  }

  void backward_step(const RecurrentArgs& a, const Kept& k, int64_t step, float* dh, float* dc,
                     float* all_dgates) const {
    const int64_t t = time(step), states = a.n * s_.hidden, shared = state_gates();
    const float *gates = k.gates + t * a.n * width_, *h_before = before(a, k.h, step);
    float* dgates = all_dgates + t * a.n * width_;
    switch (s_.cell) {
      case Cell::lstm:
        lstm_step_back(a.n, s_.hidden, gates, before(a, k.c, step), k.squashed + t * states, dh, dc,
                       dgates);
        break;
      case Cell::gru:
        gru_step_back(a.n, s_.hidden, gates, h_before, dh, dgates);
        break;
      case Cell::rnn_tanh:
      case Cell::rnn_relu:
        rnn_step_back(a.n, s_.hidden, s_.cell == Cell::rnn_relu, k.h + t * states, dh, dgates);
    }
    for (int64_t s = 0; a.lengths && s < a.n; ++s) {
      if (valid(a, s, t)) continue;
      std::fill_n(dgates + s * width_, width_, 0.f);
      std::fill_n(dh + s * s_.hidden, s_.hidden, 0.f);
      std::fill_n(dc + s * s_.hidden, s_.hidden, 0.f);
    }
    if (step == 0) return;
    GemmArgs product{.m = a.n,
                     .n = s_.hidden,
                     .k = shared,
                     .a = {dgates, width_, 1},
                     .b = a.weights.w_hh,
                     .b_row = s_.hidden,
                     .c = dh,
                     .c_row = s_.hidden,
                     .accumulate = true};
    path_.gemm(product);
    if (shared == gates_) return;
    product.k = gates_ - shared;
    product.a.data += gates_;
    product.b += shared * s_.hidden;
    path_.gemm(product);
  }

  void weight_gradients(const RecurrentArgs& a, const Kept& k, const float* dgates, float* rest,
                        const RecurrentGrads& grads) const {
    const int64_t rows = s_.steps * a.n, shared = state_gates();
    float *turned = rest, *sums = rest + std::max(s_.in, s_.hidden) * gates_;
    if (grads.w_ih) {
      product_of_rows(rows, s_.in, k.x, gates_, dgates, turned);
      path_.transpose(s_.in, gates_, turned, gates_, grads.w_ih);
    }
    if (grads.w_hh) {  // every step but the first one, with the state before it
      const int64_t later = s_.reverse ? 0 : a.n, earlier = a.n - later;
      const float *h = k.h + earlier * s_.hidden, *d = dgates + later * width_;
      product_of_rows(rows - a.n, s_.hidden, h, shared, d, turned);
      if (shared < gates_)
        product_of_rows(rows - a.n, s_.hidden, h, gates_ - shared, d + gates_, turned + shared);
      path_.transpose(s_.hidden, gates_, turned, gates_, grads.w_hh);
    }
    if (!grads.b_ih && !grads.b_hh) return;
    sum_rows(rows, width_, dgates, sums);
    if (grads.b_ih) std::copy_n(sums, gates_, grads.b_ih);
    if (!grads.b_hh) return;
    std::copy_n(sums, shared, grads.b_hh);
    std::copy_n(sums + gates_, gates_ - shared, grads.b_hh + shared);
  }

  // to [width][columns], rows gates() apart = Σ over rows of a[row][width]ᵀ d[row][columns].
  void product_of_rows(int64_t rows, int64_t width, const float* a, int64_t columns, const float* d,
                       float* to) const {
    if (rows == 0)
      for (int64_t w = 0; w < width; ++w) std::fill_n(to + w * gates_, columns, 0.f);
    constexpr int64_t kBlock = 64;  // rows that stay in the cache while all of `to` is gone through
    for (int64_t r = 0; r < rows; r += kBlock)
      path_.gemm({.m = width,
                  .n = columns,
                  .k = std::min(kBlock, rows - r),
                  .a = {a + r * width, 1, width},
                  .b = d + r * width_,
                  .b_row = width_,
                  .c = to,
                  .c_row = gates_,
                  .accumulate = r > 0});
  }

  const GemmPath& path_;
  const RecurrentShape s_;
  const bool train_;
  const int64_t gates_, width_, batch_;  // width_: floats of a row of gates
  Lines<float> w_ih_, w_hh_, bias_, zeros_, own_;
  bool packed_ = false;
};

}  // namespace

std::unique_ptr<RecurrentKernel> portable_recurrent(const RecurrentShape& shape,
                                                    const KernelOptions& options) {
  return recurrent_by(portable_gemm, shape, options);
}

std::unique_ptr<RecurrentKernel> recurrent_by(const GemmPath& path, const RecurrentShape& shape,
                                              const KernelOptions& options) {
  return std::make_unique<PortableRecurrent>(path, shape, options);
}

}  // namespace sparlet
