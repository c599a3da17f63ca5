#include "autograd/executor.h"

#include <cmath>

#include "autograd/executor_impl.h"

namespace sparlet {
namespace {

// n samples into memory order; the order is empty where it is plain.
template <class From, class To, class Convert>
void copy_samples(const std::vector<int32_t>& order, int64_t n, int64_t size, const From* from,
                  To* to, const Convert& convert) {
  if (order.empty()) {
    for (int64_t i = 0; i < n * size; ++i) to[i] = convert(from[i]);
    return;
  }
  const int32_t* place = order.data();
  for (int64_t i = 0; i < n; ++i, from += size, to += size)
    for (int64_t k = 0; k < size; ++k) to[k] = convert(from[place[k]]);
}

}  // namespace

bool Kernel::packed(size_t) const { return false; }
bool Kernel::puts_off(size_t) const { return false; }
OuterGrad Kernel::put_off(const Io&, const View&, size_t) const { return {}; }
void Kernel::backward(const Io&, const View&, std::span<const View>) {
  fail("executor: an op without a gradient was run backwards");
}
void Kernel::dense_weight_grad(const Io&, const View&, const SparseOperand&, int64_t, int64_t,
                               float*) {
  fail("executor: an op without dense gradients of its sparse weights was asked for them");
}

Executor::Executor(const Net& net, const ExecutorOptions& options)
    : impl_(std::make_unique<Impl>(net, options)) {}
Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;

void Executor::set_input(Id input, View samples) {
  Impl& s = *impl_;
  const Node& node = s.node(input);
  require(node.op == &input_op, "{}: is no input", node.name);
  require(samples.shape.rank() == node.type.shape.rank() + 1, "{}: wants [n, …{}], found {}",
          node.name, to_string(node.type.shape), to_string(samples.shape));
  for (int i = 0; i < node.type.shape.rank(); ++i)
    require(samples.shape[i + 1] == node.type.shape[i], "{}: wants [n, …{}], found {}", node.name,
            to_string(node.type.shape), to_string(samples.shape));
  const int64_t n = samples.shape[0];
  require(n <= s.options.batch, "{}: {} samples, made for at most {}", node.name, n,
          s.options.batch);
  const std::vector<int32_t>& order = s.nodes[size_t(input)].order;
  const View to = s.value[size_t(input)];
  const int64_t size = count(node.type.shape);
  const bool to_float = node.type.dtype == DType::f32, to_int8 = node.type.dtype == DType::i8;
  if (samples.dtype == DType::f32 && to_float)
    return copy_samples(order, n, size, samples.f32(), to.f32(), [](float v) { return v; });
  if (samples.dtype == DType::u8 && to_float)
    return copy_samples(order, n, size, samples.as<uint8_t>(), to.f32(),
                        [](uint8_t v) { return float(v); });
  if (samples.dtype == DType::u8 && to_int8)
    return copy_samples(order, n, size, samples.as<uint8_t>(), to.as<int8_t>(),
                        [](uint8_t v) { return int8_t(int(v) - 128); });
  if (samples.dtype == DType::f32 && to_int8) {
    const float scale = float(node.number("scale")), zero = float(node.number("zero"));
    return copy_samples(order, n, size, samples.f32(), to.as<int8_t>(), [=](float v) {
      const float q = std::round(v / scale) + zero;  // a NaN becomes -128
      return int8_t(q > 127 ? 127 : q > -128 ? q : -128);
    });
  }
  require(samples.dtype == node.type.dtype, "{}: wants {}, found {}", node.name,
          name_of(node.type.dtype), name_of(samples.dtype));
  to_memory(s.placement[size_t(input)], node.type, n, samples.data, to.data);
}

View Executor::forward(int64_t n) {
  Impl& s = *impl_;
  require(n >= 1 && n <= s.options.batch, "executor: {} samples, made for 1 to {}", n,
          s.options.batch);
  s.set_n(n);
  for (auto& slot : s.nodes) slot.outer = {};
  for (Id id = 0; id < Id(s.nodes.size()); ++id)
    if (s.nodes[size_t(id)].each_run) s.run(id);
  if (s.options.release && !s.training() && !s.released) s.release();
  return s.value.back();
}

View Executor::value(Id id) const { return impl_->value[size_t(id)]; }
Tensor Executor::output() const {
  return impl_->plain(impl_->net.graph.output(), impl_->value.back());
}

View Executor::output_grad() {
  require(impl_->training(), "executor: no gradients in infer mode");
  require(impl_->nodes.back().needs_grad, "executor: no param stands below the output");
  return impl_->grad.back();
}

void Executor::backward() {
  Impl& s = *impl_;
  require(s.training(), "executor: no gradients in infer mode");
  for (auto& slot : s.nodes) {
    slot.written = false;
    slot.outer = {};
  }
  s.nodes.back().written = true;
  for (Id id = Id(s.nodes.size()) - 1; id >= 0; --id) {
    const auto& slot = s.nodes[size_t(id)];
    if (slot.kernel && slot.needs_grad && slot.written) s.backward(id);
  }
}

View Executor::grad(Id id) const {
  impl_->write_grad(id);
  return impl_->nodes[size_t(id)].keeps_grad ? impl_->grad[size_t(id)] : View{};
}

void Executor::step(const UpdateRule& rule, float rate, int64_t step) {
  Impl& s = *impl_;
  require(s.training() && s.options.slots >= rule.slots(),
          "executor: made with {} optimiser slots, wanted {}", s.options.slots, rule.slots());
  for (Id id = 0; id < Id(s.nodes.size()); ++id) {
    auto& slot = s.nodes[size_t(id)];
    if (s.node(id).op != &param_op || !slot.written) continue;
    UpdateArgs args{s.value[size_t(id)].f32(),
                    s.grad[size_t(id)].f32(),
                    {nullptr, nullptr},
                    s.value[size_t(id)].size(),
                    rate,
                    step};
    for (int k = 0; k < rule.slots(); ++k) args.slot[k] = slot.slots[size_t(k)].f32();
    if (slot.outer.rows > 0 && s.options.kernels->update_outer(rule, args, slot.outer)) continue;
    s.write_grad(id);
    s.options.kernels->update(rule, args);
  }
}

Net Executor::trained() const {
  const Impl& s = *impl_;
  Net net = s.net;
  if (!s.training()) return net;
  for (Id id = 0; id < Id(s.nodes.size()); ++id)
    if (s.node(id).op == &param_op || s.node(id).op == &state_op)
      net.params[size_t(id)] = s.plain(id, s.value[size_t(id)]);
  return net;
}

void Executor::load(const Net& net) {
  Impl& s = *impl_;
  require(net.graph.nodes.size() == s.nodes.size(), "executor: loads another graph");
  for (Id id = 0; id < Id(s.nodes.size()); ++id) {
    const Node& here = s.node(id);
    require(net.graph[id].op == here.op && net.graph[id].type == here.type,
            "{} ({}): another node stands here in the net to load", here.name, here.op->name);
  }
  s.net = net;
  s.load_leaves();
  s.refresh();
  for (auto& slot : s.nodes)
    if (slot.kernel) slot.kernel->operands_changed();
  s.fold();
}

Tensor Executor::slot(Id param, int index) const {
  const auto& slots = impl_->nodes[size_t(param)].slots;
  require(index >= 0 && index < int(slots.size()), "{}: has {} optimiser slots",
          impl_->node(param).name, slots.size());
  return impl_->plain(param, slots[size_t(index)]);
}

void Executor::set_slot(Id param, int index, const Tensor& tensor) {
  Impl& s = *impl_;
  const auto& slots = s.nodes[size_t(param)].slots;
  const Node& node = s.node(param);
  require(index >= 0 && index < int(slots.size()), "{}: has {} optimiser slots", node.name,
          slots.size());
  require(tensor && tensor.shape() == node.type.shape, "{}: an optimiser slot of another shape",
          node.name);
  to_memory(s.placement[size_t(param)], node.type, 1, tensor.read().data(),
            slots[size_t(index)].data);
}

Tensor Executor::dense_weight_grad(Id id, int64_t begin, int64_t end, int operand) const {
  Impl& s = *impl_;
  const Node& node = s.node(id);
  const auto at = size_t(operand);
  require(operand >= 0 && at < node.in.size() && s.nodes[size_t(node.in[at])].grad_offset >= 0,
          "{} ({}): keeps no gradient of a weight at input {}", node.name, node.op->name, operand);
  const Id weight = node.in[at];
  s.write_grad(weight);
  const std::vector<SparseOperand> all = sparse_operands(s.net.graph, node);
  const auto sparse = std::ranges::find(all, operand, &SparseOperand::values);
  const bool is_sparse = sparse != all.end();
  const Shape shape = is_sparse ? sparse->dense : s.node(weight).type.shape;
  require(0 <= begin && begin < end && end <= shape[0], "{}: rows {} to {} of {}", node.name, begin,
          end, shape[0]);
  const int64_t row = count(shape) / shape[0];
  Shape part{end - begin};
  for (int i = 1; i < shape.rank(); ++i) part.push_back(shape[i]);
  Tensor rows(part);
  if (is_sparse) {
    auto& slot = s.nodes[size_t(id)];
    slot.kernel->dense_weight_grad(s.io(id, slot), s.grad[size_t(id)], *sparse, begin, end,
                                   rows.write().data());
    return rows;
  }
  const Type type{part, DType::f32, false};
  to_plain(s.placement[size_t(weight)], type, 1, s.grad[size_t(weight)].f32() + begin * row,
           rows.raw_write());
  return rows;
}

int64_t Executor::arena_bytes() const { return impl_->arena.bytes(); }
std::span<const std::byte> Executor::arena() const {
  return {impl_->arena.at(0), size_t(impl_->arena.bytes())};
}
const Plan& Executor::plan() const { return impl_->plan; }
const Net& Executor::net() const { return impl_->net; }
const ExecutorOptions& Executor::options() const { return impl_->options; }
Rng& Executor::rng() { return impl_->rng; }

}  // namespace sparlet
