// lstm, gru, rnn(x, w_ih, w_hh[, b_ih, b_hh], [the same four of the reverse direction][, lengths]):
// one recurrent layer of one or two directions (bidirectional=1), as PyTorch defines it; formulas
// and the packed result in tensor/kernels/recurrent.h.
//   x (steps, in), w_ih (gates·hidden, in), w_hh (gates·hidden, hidden), biases (gates·hidden),
//   lengths i32 (1), differing from sample to sample: valid steps, 1 to `steps`
//   -> (rows · directions·hidden): y of every step, the final h and, of lstm, the final c, each
//      forwards then reverse; `part` picks them
//   rnn has the attribute activation=tanh or relu.
#include "tensor/kernels/recurrent.h"

#include "autograd/ops/check.h"
#include "autograd/ops/ops.h"

namespace sparlet {
namespace {

int64_t directions(const Node& node) { return node.integer("bidirectional", 0) == 1 ? 2 : 1; }

// Which inputs a node has; their numbers are worked out from how many there are.
struct Inputs {
  int64_t directions;
  bool bias, lengths;
  size_t weights() const { return bias ? 4 : 2; }  // of a direction
  size_t first(int64_t direction) const { return 1 + size_t(direction) * weights(); }
  size_t lengths_at() const { return first(directions); }
};

Inputs inputs_of(const Node& node) {
  const int64_t count = int64_t(node.in.size()), d = directions(node);
  return {d, count >= 1 + 4 * d, count % 2 == 0};
}

RecurrentShape shape_of(const Node& node, const Shape& x, const Shape& w_hh) {
  const bool relu = node.op == &rnn_op && node.word("activation", "tanh") == "relu";
  return {.cell = node.op == &lstm_op  ? Cell::lstm
                  : node.op == &gru_op ? Cell::gru
                  : relu               ? Cell::rnn_relu
                                       : Cell::rnn_tanh,
          .steps = x[0],
          .in = x[1],
          .hidden = w_hh[1],
          .lengths = inputs_of(node).lengths,
          .out_row = w_hh[1] * directions(node)};
}

void check_count(const Node& node, std::span<const Type> in) {
  const size_t d = size_t(directions(node)), biased = 1 + 4 * d, plain = 1 + 2 * d;
  const size_t without = in.size() - (in.size() % 2 == 0 && !in.empty());  // without lengths
  require(without == biased || without == plain,
          "{}: wants inputs (x, w_ih, w_hh[, b_ih, b_hh]{}[, lengths]), found {} of them",
          place(node), d == 2 ? ", the same of the reverse direction" : "", in.size());
}

Type infer(const Node& node, std::span<const Type> in) {
  const int64_t two = node.integer("bidirectional", 0);
  require(two == 0 || two == 1, "{}: bidirectional {}, wanted 0 or 1", place(node), two);
  check_count(node, in);
  const Inputs inputs = inputs_of(node);
  const std::span<const Type> floats = inputs.lengths ? in.first(in.size() - 1) : in;
  if (node.op == &rnn_op)
    check(node, floats, {"x, weights", 1, SIZE_MAX, {"bidirectional", "activation"}});
  else
    check(node, floats, {"x, weights", 1, SIZE_MAX, {"bidirectional"}});
  const std::string activation = node.word("activation", "tanh");
  require(activation == "tanh" || activation == "relu", "{}: activation {}, wanted tanh or relu",
          place(node), activation);
  const Shape &x = in[0].shape, &w_hh = in[2].shape;
  require(x.rank() == 2 && in[0].batched, "{}: wants x (steps,features) of each sample, found {}{}",
          place(node), to_string(x), in[0].batched ? "" : " that is the same for all");
  require(w_hh.rank() == 2, "{}: wants w_hh (gates*hidden,hidden), found {}", place(node),
          to_string(w_hh));
  const RecurrentShape shape = shape_of(node, x, w_hh);
  const int64_t gates = shape.gates();
  for (int64_t d = 0; d < inputs.directions; ++d) {
    const Shape wanted[] = {{gates, x[1]}, {gates, shape.hidden}, {gates}, {gates}};
    constexpr std::string_view names[] = {"w_ih", "w_hh", "b_ih", "b_hh"};
    for (size_t i = 0; i < inputs.weights(); ++i) {
      const Type& found = in[inputs.first(d) + i];
      require(found.shape == wanted[i] && !found.batched,
              "{}: wants {}{} {} for x {} and {} hidden, found {}", place(node), names[i],
              d == 1 ? " of the reverse direction" : "", to_string(wanted[i]), to_string(x),
              shape.hidden, to_string(found.shape));
    }
  }
  if (inputs.lengths) {
    const Type& lengths = in.back();
    require(lengths.shape == Shape{1} && lengths.dtype == DType::i32 && lengths.batched,
            "{}: wants lengths [1] of i32 of each sample, found {} of {}", place(node),
            to_string(lengths.shape), name_of(lengths.dtype));
  }
  return {Shape{shape.rows() * shape.out_row}, DType::f32, true};
}

int64_t macs(const Node& node, std::span<const Type> in) {
  return directions(node) * shape_of(node, in[0].shape, in[2].shape).macs();
}

// The directions run one after the other and share the scratch.
class Recurrent final : public Kernel {
 public:
  Recurrent(const Node& node, const MakeContext& context)
      : place_(place(node)),
        inputs_(inputs_of(node)),
        shape_(shape_of(node, context.in[0]->type.shape, context.in[2]->type.shape)) {
    const KernelOptions options{.batch = context.batch, .train = context.mode == Mode::train};
    for (int64_t d = 0; d < inputs_.directions; ++d) {
      RecurrentShape one = shape_;
      one.reverse = d == 1;
      kernels_.push_back(context.kernels->recurrent(one, options));
    }
  }

  int64_t scratch_bytes() const override {
    int64_t most = 0;
    for (const auto& kernel : kernels_) most = std::max(most, kernel->scratch());
    return most * int64_t(sizeof(float));
  }
  void operands_changed() override {
    for (const auto& kernel : kernels_) kernel->weights_changed();
  }
  void forward(const Io& io) override {
    for (int64_t d = 0; d < inputs_.directions; ++d)
      kernels_[size_t(d)]->forward(arguments(io, d), io.out.f32() + d * shape_.hidden);
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    for (int64_t d = 0; d < inputs_.directions; ++d) {
      const size_t w = inputs_.first(d);
      kernels_[size_t(d)]->backward(arguments(io, d), dy.f32() + d * shape_.hidden,
                                    {.x = din[0].f32(),
                                     .w_ih = din[w].f32(),
                                     .w_hh = din[w + 1].f32(),
                                     .b_ih = inputs_.bias ? din[w + 2].f32() : nullptr,
                                     .b_hh = inputs_.bias ? din[w + 3].f32() : nullptr,
                                     .add_to_x = d == 1});
    }
  }

 private:
  RecurrentArgs arguments(const Io& io, int64_t direction) const {
    const size_t w = inputs_.first(direction);
    return {
        .n = io.n,
        .x = io.in[0].f32(),
        .lengths = inputs_.lengths ? checked(io.in[inputs_.lengths_at()]) : nullptr,
        .weights = {io.in[w].f32(), io.in[w + 1].f32(), inputs_.bias ? io.in[w + 2].f32() : nullptr,
                    inputs_.bias ? io.in[w + 3].f32() : nullptr},
        .scratch = static_cast<float*>(io.scratch)};
  }
  const int32_t* checked(const View& lengths) const {
    for (int32_t length : lengths.span<int32_t>())
      require(length >= 1 && length <= shape_.steps, "{}: a length of {}, wanted 1 to {}", place_,
              length, shape_.steps);
    return lengths.as<int32_t>();
  }

  const std::string place_;
  const Inputs inputs_;
  const RecurrentShape shape_;
  std::vector<std::unique_ptr<RecurrentKernel>> kernels_;
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  return std::make_unique<Recurrent>(node, context);
}

int64_t scratch(const Node& node, std::span<const Type> in) {
  return shape_of(node, in[0].shape, in[2].shape).workspace() * int64_t(sizeof(float));
}

// --- samples
struct Size {
  int64_t gates, steps, in, hidden, directions = 1;
  bool bias = true, lengths = false;
};

std::vector<Sample::Input> leaves(const Size& s) {
  std::vector<Sample::Input> list{{{s.steps, s.in}}};
  for (int64_t d = 0; d < s.directions; ++d) {
    list.push_back({{s.gates * s.hidden, s.in}, "param"});
    list.push_back({{s.gates * s.hidden, s.hidden}, "param"});
    for (int i = 0; s.bias && i < 2; ++i) list.push_back({{s.gates * s.hidden}, "param"});
  }
  if (s.lengths) list.push_back({{1}, "input", DType::i32, Fill::length});
  return list;
}

std::vector<Sample> samples(int64_t gates) {
  const Attrs two{{"bidirectional", 1.0}};
  return {{"small", leaves({gates, 5, 3, 4})},
          {"one_step", leaves({gates, 1, 4, 9})},
          {"one_of_each", leaves({gates, 3, 1, 1})},
          {"odd", leaves({gates, 4, 5, 7})},
          {"no_bias", leaves({.gates = gates, .steps = 3, .in = 2, .hidden = 3, .bias = false})},
          {"wide", leaves({gates, 3, 9, 32})},
          {"two_directions", leaves({gates, 4, 3, 5, 2}), two},
          {"lengths", leaves({gates, 5, 3, 4, 1, true, true})},
          {"two_directions_lengths", leaves({gates, 3, 2, 5, 2, true, true}), two}};
}

std::vector<Sample> rnn_samples() {
  std::vector<Sample> list = samples(1);
  list.push_back({"relu", leaves({1, 3, 4, 6}), {{"activation", std::string("relu")}}});
  return list;
}

}  // namespace

const OpDef lstm_op{.name = "lstm",
                    .infer = infer,
                    .macs = macs,
                    .make = make,
                    .samples = samples(4),
                    .scratch = scratch};
const OpDef gru_op{.name = "gru",
                   .infer = infer,
                   .macs = macs,
                   .make = make,
                   .samples = samples(3),
                   .scratch = scratch};
const OpDef rnn_op{.name = "rnn",
                   .infer = infer,
                   .macs = macs,
                   .make = make,
                   .samples = rnn_samples(),
                   .scratch = scratch};

}  // namespace sparlet
