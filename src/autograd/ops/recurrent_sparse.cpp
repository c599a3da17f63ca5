// lstm_csr, gru_csr, rnn_csr(x, w_ih values, columns, rows, w_hh values, columns, rows[, b_ih,
// b_hh], [the same of the reverse direction][, lengths]) and lstm_coo, gru_coo, rnn_coo(.. values,
// row, column ..; hidden): lstm, gru and rnn (recurrent.cpp) with sparse weights, see
// tensor/sparse.h.
#include "autograd/ops/ops.h"
#include "autograd/ops/sparse_samples.h"
#include "autograd/ops/sparse_weight.h"
#include "tensor/kernels/sparse_recurrent.h"

namespace sparlet {
namespace {

// Which inputs a node has; their numbers are worked out from how many there are.
struct Inputs {
  int64_t directions;
  bool bias, lengths;

  explicit Inputs(const Node& node)
      : directions(node.integer("bidirectional", 0) == 1 ? 2 : 1),
        bias(int64_t(node.in.size()) >= 1 + 8 * directions),
        lengths(node.in.size() % 2 == 0) {}
  int64_t first(int64_t direction) const { return 1 + direction * (bias ? 8 : 6); }
  int64_t count() const { return first(directions) + (lengths ? 1 : 0); }
};

bool is_csr(const Node& node) {
  return node.op == &lstm_csr_op || node.op == &gru_csr_op || node.op == &rnn_csr_op;
}
bool is_rnn(const Node& node) { return node.op == &rnn_csr_op || node.op == &rnn_coo_op; }

Cell cell_of(const Node& node) {
  if (node.op == &lstm_csr_op || node.op == &lstm_coo_op) return Cell::lstm;
  if (node.op == &gru_csr_op || node.op == &gru_coo_op) return Cell::gru;
  return node.word("activation", "tanh") == "relu" ? Cell::rnn_relu : Cell::rnn_tanh;
}

// REQUIRES: as many inputs as Inputs says, and x (steps,features).
RecurrentShape shape_of(const Node& node, std::span<const Type> in) {
  const Inputs inputs(node);
  RecurrentShape shape{.cell = cell_of(node), .steps = in[0].shape[0], .in = in[0].shape[1]};
  if (is_csr(node)) {
    const int64_t gates = shape.gates();  // of one hidden value
    const Shape& rows = in[size_t(inputs.first(0)) + 5].shape;
    require(rows.rank() == 1 && rows[0] > gates && (rows[0] - 1) % gates == 0,
            "{}: wants rows of w_hh [{}*hidden + 1], found {}", place(node), gates,
            to_string(rows));
    shape.hidden = (rows[0] - 1) / gates;
  } else {
    shape.hidden = node.integer("hidden", 0);
    require(shape.hidden >= 1, "{}: hidden is {}, wanted 1 or more", place(node), shape.hidden);
  }
  shape.lengths = inputs.lengths;
  shape.out_row = shape.hidden * inputs.directions;
  return shape;
}

std::vector<SparseOperand> operands(const Node& node, std::span<const Type> in) {
  const Inputs inputs(node);
  const RecurrentShape shape = shape_of(node, in);
  const SparseFormat format = is_csr(node) ? SparseFormat::csr : SparseFormat::coo;
  std::vector<SparseOperand> list;
  for (int64_t d = 0; d < inputs.directions; ++d) {
    const int first = int(inputs.first(d));
    list.push_back({format, first, {shape.gates(), shape.in}});
    list.push_back({format, first + 3, {shape.gates(), shape.hidden}});
  }
  return list;
}

void check_biases(const Node& node, std::span<const Type> in, int64_t gates) {
  const Inputs inputs(node);
  for (int64_t d = 0; inputs.bias && d < inputs.directions; ++d)
    for (int64_t i = inputs.first(d) + 6; i < inputs.first(d) + 8; ++i)
      require(in[size_t(i)].shape == Shape{gates} && !in[size_t(i)].batched,
              "{}: wants biases [{}], found {}", place(node), gates,
              to_string(in[size_t(i)].shape));
}

Type infer(const Node& node, std::span<const Type> in) {
  const int64_t two = node.integer("bidirectional", 0);
  require(two == 0 || two == 1, "{}: bidirectional {}, wanted 0 or 1", place(node), two);
  constexpr std::string_view called =
      "x, w_ih in three, w_hh in three[, b_ih, b_hh], the same of a reverse direction[, lengths]";
  if (is_csr(node) && is_rnn(node))
    check_call(node, in, {called, 7, 18, {"bidirectional", "activation"}});
  else if (is_csr(node))
    check_call(node, in, {called, 7, 18, {"bidirectional"}});
  else if (is_rnn(node))
    check_call(node, in, {called, 7, 18, {"bidirectional", "hidden", "activation"}});
  else
    check_call(node, in, {called, 7, 18, {"bidirectional", "hidden"}});
  const Inputs inputs(node);
  require(int64_t(in.size()) == inputs.count(), "{}: wants inputs ({}), found {} of them",
          place(node), called, in.size());
  const std::string activation = node.word("activation", "tanh");
  require(activation == "tanh" || activation == "relu", "{}: activation {}, wanted tanh or relu",
          place(node), activation);
  const Shape& x = in[0].shape;
  require(x.rank() == 2 && in[0].batched, "{}: wants x (steps,features) of each sample, found {}{}",
          place(node), to_string(x), in[0].batched ? "" : " that is the same for all");
  const RecurrentShape shape = shape_of(node, in);
  check_sparse(node, inputs.lengths ? in.first(in.size() - 1) : in, operands(node, in));
  check_biases(node, in, shape.gates());
  if (inputs.lengths) {
    const Type& lengths = in.back();
    require(lengths.shape == Shape{1} && lengths.dtype == DType::i32 && lengths.batched,
            "{}: wants lengths [1] of i32 of each sample, found {} of {}", place(node),
            to_string(lengths.shape), name_of(lengths.dtype));
  }
  return {Shape{shape.rows() * shape.out_row}, DType::f32, true};
}

// Of the dense layer: as everywhere, those of the entries are the effective ones (cost/).
int64_t macs(const Node& node, std::span<const Type> in) {
  return Inputs(node).directions * shape_of(node, in).macs();
}

class RecurrentSparse final : public Kernel {
 public:
  RecurrentSparse(const Node& node, std::span<const Type> in, const MakeContext& context)
      : place_(place(node)),
        inputs_(node),
        shape_(shape_of(node, in)),
        operands_(operands(node, in)),
        options_{.batch = context.batch, .train = context.mode == Mode::train},
        from_(*context.kernels) {}

  int64_t scratch_bytes() const override {
    return sparse_recurrent_scratch(shape_, options_) * int64_t(sizeof(float));
  }
  void operands_changed() override { kernels_.clear(); }
  void forward(const Io& io) override {
    if (kernels_.empty()) make_kernels(io);
    for (int64_t d = 0; d < inputs_.directions; ++d)
      kernels_[size_t(d)]->forward(arguments(io, d), io.out.f32() + d * shape_.hidden);
  }
  void backward(const Io& io, const View& dy, std::span<const View> din) override {
    for (int64_t d = 0; d < inputs_.directions; ++d) {
      const auto w = size_t(inputs_.first(d));
      for (size_t values : {w, w + 3})
        if (din[values]) din[values].f32()[0] = 0;  // the unused slot, where there is no entry
      kernels_[size_t(d)]->backward(arguments(io, d), dy.f32() + d * shape_.hidden,
                                    {.x = din[0].f32(),
                                     .w_ih = din[w].f32(),
                                     .w_hh = din[w + 3].f32(),
                                     .b_ih = inputs_.bias ? din[w + 6].f32() : nullptr,
                                     .b_hh = inputs_.bias ? din[w + 7].f32() : nullptr,
                                     .add_to_x = d == 1});
    }
  }
  void dense_weight_grad(const Io& io, const View& dy, const SparseOperand& operand, int64_t begin,
                         int64_t end, float* to) override {
    for (size_t i = 0; i < operands_.size(); ++i)
      if (operands_[i].values == operand.values)
        kernels_[i / 2]->dense_gradient(arguments(io, int64_t(i / 2)),
                                        dy.f32() + int64_t(i / 2) * shape_.hidden, i % 2 == 1,
                                        begin, end, to);
  }

 private:
  void make_kernels(const Io& io) {
    for (int64_t d = 0; d < inputs_.directions; ++d) {
      RecurrentShape one = shape_;
      one.reverse = d == 1;
      const SparsePattern ih = read_sparse(place_, operands_[size_t(2 * d)], io).pattern;
      const SparsePattern hh = read_sparse(place_, operands_[size_t(2 * d) + 1], io).pattern;
      kernels_.push_back(sparse_recurrent(one, {ih, hh}, options_, from_));
    }
  }
  RecurrentArgs arguments(const Io& io, int64_t direction) const {
    const auto w = size_t(inputs_.first(direction));
    return {
        .n = io.n,
        .x = io.in[0].f32(),
        .lengths = inputs_.lengths ? checked(io.in.back()) : nullptr,
        .weights = {io.in[w].f32(), io.in[w + 3].f32(), inputs_.bias ? io.in[w + 6].f32() : nullptr,
                    inputs_.bias ? io.in[w + 7].f32() : nullptr},
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
  const std::vector<SparseOperand> operands_;
  const KernelOptions options_;
  const Kernels& from_;
  std::vector<std::unique_ptr<SparseRecurrentKernel>> kernels_;  // from the first call on
};

std::unique_ptr<Kernel> make(const Node& node, const MakeContext& context) {
  std::vector<Type> in;
  for (const Node* from : context.in) in.push_back(from->type);
  return std::make_unique<RecurrentSparse>(node, in, context);
}

int64_t scratch(const Node& node, std::span<const Type> in) {
  return sparse_recurrent_scratch(shape_of(node, in), {}) * int64_t(sizeof(float));
}

// --- samples
struct Size {
  int64_t gates, steps, in, hidden, step, directions = 1;
  bool bias = true, lengths = false;
};

std::vector<Sample::Input> leaves(const Size& s) {
  std::vector<Sample::Input> list{{{s.steps, s.in}}};
  for (int64_t d = 0; d < s.directions; ++d) {
    for (int64_t columns : {s.in, s.hidden})
      for (Sample::Input& input :
           sparse_inputs(SparseFormat::csr, s.gates * s.hidden, columns, s.step + d))
        list.push_back(std::move(input));
    for (int i = 0; s.bias && i < 2; ++i) list.push_back({{s.gates * s.hidden}, "param"});
  }
  if (s.lengths) list.push_back({{1}, "input", DType::i32, Fill::length});
  return list;
}

std::vector<Sample> samples(int64_t gates) {
  const Attrs two{{"bidirectional", 1.0}};
  return {{"small", leaves({gates, 5, 3, 4, 5})},
          {"one_step", leaves({gates, 1, 4, 9, 7})},
          {"full", leaves({gates, 4, 5, 7, 1})},
          {"no_bias",
           leaves({.gates = gates, .steps = 3, .in = 2, .hidden = 3, .step = 4, .bias = false})},
          {"wide", leaves({gates, 3, 9, 32, 29})},
          {"two_directions", leaves({gates, 4, 3, 5, 4, 2}), two},
          {"lengths", leaves({gates, 5, 3, 4, 4, 1, true, true})},
          {"two_directions_lengths", leaves({gates, 3, 2, 5, 4, 2, true, true}), two}};
}

std::vector<Sample> coo_samples(int64_t gates) {
  std::vector<Sample::Input> in{{{4, 3}}};
  for (int64_t columns : {3, 5})
    for (Sample::Input& input : sparse_inputs(SparseFormat::coo, gates * 5, columns, 4))
      in.push_back(std::move(input));
  for (int i = 0; i < 2; ++i) in.push_back({{gates * 5}, "param"});
  return {{"small", std::move(in), {{"hidden", 5.0}}}};
}

std::vector<Sample> rnn_samples() {
  std::vector<Sample> list = samples(1);
  list.push_back({"relu", leaves({1, 3, 4, 6, 4}), {{"activation", std::string("relu")}}});
  return list;
}

}  // namespace

const OpDef lstm_csr_op{.name = "lstm_csr",
                        .infer = infer,
                        .macs = macs,
                        .make = make,
                        .samples = samples(4),
                        .scratch = scratch,
                        .sparse = operands};
const OpDef lstm_coo_op{.name = "lstm_coo",
                        .infer = infer,
                        .macs = macs,
                        .make = make,
                        .samples = coo_samples(4),
                        .scratch = scratch,
                        .sparse = operands};
const OpDef gru_csr_op{.name = "gru_csr",
                       .infer = infer,
                       .macs = macs,
                       .make = make,
                       .samples = samples(3),
                       .scratch = scratch,
                       .sparse = operands};
const OpDef gru_coo_op{.name = "gru_coo",
                       .infer = infer,
                       .macs = macs,
                       .make = make,
                       .samples = coo_samples(3),
                       .scratch = scratch,
                       .sparse = operands};
const OpDef rnn_csr_op{.name = "rnn_csr",
                       .infer = infer,
                       .macs = macs,
                       .make = make,
                       .samples = rnn_samples(),
                       .scratch = scratch,
                       .sparse = operands};
const OpDef rnn_coo_op{.name = "rnn_coo",
                       .infer = infer,
                       .macs = macs,
                       .make = make,
                       .samples = coo_samples(1),
                       .scratch = scratch,
                       .sparse = operands};

}  // namespace sparlet
