// One direction of an LSTM by oneDNN, whose gates stand in PyTorch's order. Its training passes
// call themselves "ref", but are matrix products with generated code between them. The first state
// is given, as zeros: left out, 2.6 gets the gradient of the recurrent weight wrong.
#include <algorithm>
#include <cstring>

#include "tensor/kernels/onednn.h"
#include "tensor/kernels/onednn_pass.h"

namespace sparlet {
namespace {

using dnnl::memory;
using dnnl::prop_kind;
using Forward = dnnl::lstm_forward;
using Backward = dnnl::lstm_backward;
using Tag = memory::format_tag;

constexpr auto f32 = memory::data_type::f32;

// The layer as oneDNN describes it, for n samples. Weights are (1, 1, in, gates, hidden); PyTorch's
// memory is `ldgoi`.
struct Description {
  memory::dims w_ih, w_hh;
  memory::desc x, y, state, bias;
  dnnl::rnn_direction direction;

  Description(const RecurrentShape& s, int64_t n)
      : w_ih{1, 1, s.in, 4, s.hidden},
        w_hh{1, 1, s.hidden, 4, s.hidden},
        x({s.steps, n, s.in}, f32, Tag::tnc),
        y({s.steps, n, s.hidden}, f32, Tag::tnc),
        state({1, 1, n, s.hidden}, f32, Tag::ldnc),
        bias({1, 1, 4, s.hidden}, f32, Tag::ldgo),
        direction(s.reverse ? dnnl::rnn_direction::unidirectional_right2left
                            : dnnl::rnn_direction::unidirectional_left2right) {}

  Forward::primitive_desc forward(bool train) const {
    const auto kind = train ? prop_kind::forward_training : prop_kind::forward_inference;
    return Forward::primitive_desc({kind,
                                    direction,
                                    x,
                                    state,
                                    state,
                                    {w_ih, f32, Tag::any},
                                    {w_hh, f32, Tag::any},
                                    bias,
                                    y,
                                    state,
                                    state},
                                   dnnl_engine());
  }
  Backward::primitive_desc backward() const {
    const memory::desc layer(w_ih, f32, Tag::any), iter(w_hh, f32, Tag::any);
    return Backward::primitive_desc({prop_kind::backward,
                                     direction,
                                     x,
                                     state,
                                     state,
                                     layer,
                                     iter,
                                     bias,
                                     y,
                                     state,
                                     state,
                                     x,
                                     state,
                                     state,
                                     layer,
                                     iter,
                                     bias,
                                     y,
                                     state,
                                     state},
                                    dnnl_engine(), forward(true));
  }
};

memory own(const memory::desc& desc) {
  memory made(desc, dnnl_engine());
  if (desc.get_size() > 0) std::memset(made.get_data_handle(), 0, desc.get_size());
  return made;
}
float* floats(const memory& m) { return static_cast<float*>(m.get_data_handle()); }
void clear(const memory& m) { std::memset(m.get_data_handle(), 0, m.get_desc().get_size()); }

// Copies between a caller's place (given at each run) and `held`.
DnnPass copying(const memory::desc& from, const memory::desc& to, const memory& held, bool in) {
  DnnPass pass(dnnl::reorder(dnnl::reorder::primitive_desc(dnnl_engine(), from, dnnl_engine(), to)),
               "reorder");
  pass.add(in ? DNNL_ARG_FROM : DNNL_ARG_TO, in ? from : to);
  pass.add(in ? DNNL_ARG_TO : DNNL_ARG_FROM, held);
  return pass;
}

// The primitives for one number of samples, and their memory.
struct Passes {
  const Description d;
  memory x, y, zero, zero_c, h, c, bias, workspace;
  std::optional<DnnPass> forward, pack_ih, pack_hh;
  memory dx, dy, dh, dc, dzero, dzero_c, dbias, dw_ih, dw_hh;
  std::optional<DnnPass> backward, pack_ih_back, pack_hh_back, unpack_ih, unpack_hh;
  bool ready = false;  // the forward weights are packed

  Passes(const RecurrentShape& s, int64_t n, bool train)
      : d(s, n),
        x(own(d.x)),
        y(own(d.y)),
        zero(own(d.state)),
        zero_c(own(d.state)),
        h(own(d.state)),
        c(own(d.state)),
        bias(own(d.bias)) {
    const auto pd = d.forward(train);
    const memory w_ih(pd.weights_layer_desc(), dnnl_engine());
    const memory w_hh(pd.weights_iter_desc(), dnnl_engine());
    pack_ih = copying(plain(d.w_ih), w_ih.get_desc(), w_ih, true);
    pack_hh = copying(plain(d.w_hh), w_hh.get_desc(), w_hh, true);
    if (train) workspace = own(pd.workspace_desc());
    forward.emplace(Forward(pd), pd.impl_info_str());
    add_states(*forward, w_ih, w_hh);
    if (train) make_backward();
  }

  static memory::desc plain(const memory::dims& weight) { return {weight, f32, Tag::ldgoi}; }

  // What both passes read or write alike.
  void add_states(DnnPass& pass, const memory& w_ih, const memory& w_hh) const {
    pass.add(DNNL_ARG_SRC_LAYER, x);
    pass.add(DNNL_ARG_SRC_ITER, zero);
    pass.add(DNNL_ARG_SRC_ITER_C, zero_c);
    pass.add(DNNL_ARG_WEIGHTS_LAYER, w_ih);
    pass.add(DNNL_ARG_WEIGHTS_ITER, w_hh);
    pass.add(DNNL_ARG_BIAS, bias);
    pass.add(DNNL_ARG_DST_LAYER, y);
    pass.add(DNNL_ARG_DST_ITER, h);
    pass.add(DNNL_ARG_DST_ITER_C, c);
    if (workspace) pass.add(DNNL_ARG_WORKSPACE, workspace);
  }

  void make_backward() {
    const auto pd = d.backward();
    const memory w_ih(pd.weights_layer_desc(), dnnl_engine());
    const memory w_hh(pd.weights_iter_desc(), dnnl_engine());
    pack_ih_back = copying(plain(d.w_ih), w_ih.get_desc(), w_ih, true);
    pack_hh_back = copying(plain(d.w_hh), w_hh.get_desc(), w_hh, true);
    dx = own(d.x);
    dy = own(d.y);
    dh = own(d.state);
    dc = own(d.state);
    dzero = own(d.state);
    dzero_c = own(d.state);
    dbias = own(d.bias);
    dw_ih = own(pd.diff_weights_layer_desc());
    dw_hh = own(pd.diff_weights_iter_desc());
    unpack_ih = copying(dw_ih.get_desc(), plain(d.w_ih), dw_ih, false);
    unpack_hh = copying(dw_hh.get_desc(), plain(d.w_hh), dw_hh, false);
    backward.emplace(Backward(pd), pd.impl_info_str());
    add_states(*backward, w_ih, w_hh);
    backward->add(DNNL_ARG_DIFF_DST_LAYER, dy);
    backward->add(DNNL_ARG_DIFF_DST_ITER, dh);
    backward->add(DNNL_ARG_DIFF_DST_ITER_C, dc);
    backward->add(DNNL_ARG_DIFF_SRC_LAYER, dx);
    backward->add(DNNL_ARG_DIFF_SRC_ITER, dzero);
    backward->add(DNNL_ARG_DIFF_SRC_ITER_C, dzero_c);
    backward->add(DNNL_ARG_DIFF_WEIGHTS_LAYER, dw_ih);
    backward->add(DNNL_ARG_DIFF_WEIGHTS_ITER, dw_hh);
    backward->add(DNNL_ARG_DIFF_BIAS, dbias);
  }
};

class DnnLstm final : public RecurrentKernel {
 public:
  DnnLstm(const RecurrentShape& shape, const KernelOptions& options)
      : s_(shape), options_(options) {
    const Passes& full = passes(options.batch);
    description_ = full.forward->implementation();
    if (full.backward) description_.append(" ").append(full.backward->implementation());
  }

  int64_t scratch() const override { return 0; }
  void weights_changed() override {
    for (auto& [n, p] : passes_) p->ready = false;
  }
  std::string_view description() const override { return description_; }

  void forward(const RecurrentArgs& a, float* out) override {
    Passes& p = passes(a.n);
    if (options_.train || !p.ready) {
      p.pack_ih->run({a.weights.w_ih});
      p.pack_hh->run({a.weights.w_hh});
      for (int64_t i = 0; a.weights.b_ih && i < s_.gates(); ++i)
        floats(p.bias)[i] = a.weights.b_ih[i] + a.weights.b_hh[i];
      p.ready = true;
    }
    to_time_major(a.n, s_.steps, s_.in, a.x, nullptr, floats(p.x));
    p.forward->run({});
    each_row(p.y, p.h, p.c, a.n,
             [&](float* held, int64_t at) { std::copy_n(held, s_.hidden, out + at); });
  }

  void backward(const RecurrentArgs& a, const float* dout, const RecurrentGrads& grads) override {
    Passes& p = passes(a.n);
    each_row(p.dy, p.dh, p.dc, a.n,
             [&](float* held, int64_t at) { std::copy_n(dout + at, s_.hidden, held); });
    p.pack_ih_back->run({a.weights.w_ih});
    p.pack_hh_back->run({a.weights.w_hh});
    for (const memory* sum : {&p.dw_ih, &p.dw_hh, &p.dbias}) clear(*sum);  // oneDNN adds to them
    p.backward->run({});
    if (grads.x) from_time_major(a.n, s_.steps, s_.in, floats(p.dx), grads.add_to_x, grads.x);
    if (grads.w_ih) p.unpack_ih->run({grads.w_ih});
    if (grads.w_hh) p.unpack_hh->run({grads.w_hh});
    for (float* bias : {grads.b_ih, grads.b_hh})
      if (bias) std::copy_n(floats(p.dbias), s_.gates(), bias);
  }

 private:
  // Calls visit(row in oneDNN's memory, its offset in the packed result).
  template <class Visit>
  void each_row(const memory& y, const memory& h, const memory& c, int64_t n,
                const Visit& visit) const {
    for (int64_t s = 0; s < n; ++s) {
      const int64_t sample = s * s_.rows() * s_.out_row, final = sample + s_.steps * s_.out_row;
      for (int64_t t = 0; t < s_.steps; ++t)
        visit(floats(y) + (t * n + s) * s_.hidden, sample + t * s_.out_row);
      visit(floats(h) + s * s_.hidden, final);
      visit(floats(c) + s * s_.hidden, final + s_.out_row);
    }
  }

  // Made at the first use of a batch size: the full one, and that of a last partial batch.
  Passes& passes(int64_t n) {
    for (auto& [size, p] : passes_)
      if (size == n) return *p;
    return *passes_.emplace_back(n, std::make_unique<Passes>(s_, n, options_.train)).second;
  }

  const RecurrentShape s_;
  const KernelOptions options_;
  std::vector<std::pair<int64_t, std::unique_ptr<Passes>>> passes_;
  std::string description_;
};

}  // namespace

std::unique_ptr<RecurrentKernel> onednn_recurrent(const RecurrentShape& shape,
                                                  const KernelOptions& options) {
  if (shape.cell == Cell::lstm && !shape.lengths) {
    try {
      return std::make_unique<DnnLstm>(shape, options);
    } catch (const dnnl::error&) {  // no implementation here
    }
  }
  return portable_recurrent(shape, options);
}

}  // namespace sparlet
