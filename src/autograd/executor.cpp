#include "autograd/executor.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "autograd/rewrite.h"
#include "tensor/error.h"

namespace sparlet {

void Kernel::backward(const Io&, const View&, std::span<const View>) {
  fail("executor: an op without a gradient was run backwards");
}

namespace {

// One aligned, zeroed block. Its pages are touched only where it is used.
class Memory {
 public:
  Memory() = default;
  explicit Memory(int64_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    place_.reset(static_cast<std::byte*>(::operator new[](size_t(bytes), std::align_val_t{64})));
    std::memset(place_.get(), 0, size_t(bytes));
  }
  std::byte* at(int64_t offset) const { return place_.get() + offset; }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte[], Free> place_;
  int64_t bytes_ = 0;
};

int64_t round64(int64_t bytes) { return (bytes + 63) / 64 * 64; }
int64_t bytes_of(const Type& type) { return count(type.shape) * bytes_of(type.dtype); }

void add_to(const View& sum, const View& more) {
  float* a = sum.f32();
  const float* b = more.f32();
  for (int64_t i = 0, n = sum.size(); i < n; ++i) a[i] += b[i];
}

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

struct Executor::Impl {
  // What a node is to this executor.
  struct Slot {
    std::unique_ptr<Kernel> kernel;
    bool each_run = false;            // runs in every forward; else a leaf, or folded at the start
    bool needs_grad = false;          // a param stands below it
    bool written = false;             // its gradient, in this backward
    int64_t grad_offset = -1;         // in grads
    std::vector<View> in, din, temp;  // operands, refreshed when n changes
    std::vector<View> slots;          // of a param
    Tensor held;                      // infer mode: the leaf's or folded value, in memory order
    std::vector<int32_t> order;       // of an input: memory_order()
  };

  Net net;
  ExecutorOptions options;
  std::vector<Placement> placement;
  Plan plan;
  std::vector<Slot> nodes;
  std::vector<View> value, grad;
  Memory arena, own, grads, temps;  // planned values; trained leaves; gradients; sums of several
  int64_t n = 0;
  Rng rng;

  Impl(const Net& from, const ExecutorOptions& given)
      : net(from), options(given), rng(mix(given.seed, 0xd20)) {
    if (!options.kernels) options.kernels = &default_kernels();
    require(!net.graph.nodes.empty(), "executor: the net has no nodes");
    require(options.batch >= 1, "executor: batch {}, wanted at least 1", options.batch);
    const Graph& graph = net.graph;
    placement = choose_layouts(graph);
    nodes.resize(graph.nodes.size());
    value.resize(nodes.size());
    grad.resize(nodes.size());
    for (Id id = 0; id < Id(nodes.size()); ++id) prepare(id);
    PlanOptions planning{.batch = options.batch, .align = options.align, .keep_all = training()};
    planning.scratch.resize(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].kernel) planning.scratch[i] = nodes[i].kernel->scratch_bytes();
    plan = plan_memory(graph, planning);
    arena = Memory(plan.size);
    place_own();
    place_grads();
    load_leaves();
    set_n(options.batch);
    fold();
  }

  bool training() const { return options.mode == Mode::train; }
  const Node& node(Id id) const { return net.graph[id]; }

  void prepare(Id id) {
    const Node& node = net.graph[id];
    Slot& slot = nodes[size_t(id)];
    slot.in.resize(node.in.size());
    slot.din.resize(node.in.size());
    slot.temp.resize(node.in.size());
    if (is_leaf(*node.op)) {
      if (node.op != &input_op) {
        const Tensor& held = net.params[size_t(id)];
        require(held && held.shape() == node.type.shape && held.dtype() == node.type.dtype,
                "{} ({}): has no value of its shape {} and type {}", node.name, node.op->name,
                to_string(node.type.shape), name_of(node.type.dtype));
      } else {
        slot.order = memory_order(placement[size_t(id)], node.type.shape);
      }
      slot.needs_grad = training() && node.op == &param_op;
      return;
    }
    MakeContext context{options.batch,        options.mode, options.kernels, {}, {},
                        placement[size_t(id)]};
    for (Id in : node.in) {
      context.in.push_back(&net.graph[in]);
      context.in_placement.push_back(placement[size_t(in)]);
      slot.needs_grad = slot.needs_grad || nodes[size_t(in)].needs_grad;
    }
    require(!slot.needs_grad || node.op->trainable,
            "{} ({}): has no gradient, so what is below it cannot be trained", node.name,
            node.op->name);
    slot.each_run = node.type.batched || slot.needs_grad;
    slot.kernel = node.op->make(node, context);
  }

  // Unbatched values that this executor writes: trained leaves, what is computed from them, folded.
  void place_own() {
    std::vector<int64_t> offset(nodes.size(), -1);
    int64_t end = 0;
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      if (node(id).type.batched || shared(id)) continue;
      offset[size_t(id)] = end;
      end += round64(bytes_of(node(id).type));
      if (node(id).op != &param_op || !training()) continue;
      end += options.slots * round64(bytes_of(node(id).type));
    }
    own = Memory(end);
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      const Type& type = node(id).type;
      if (type.batched) {
        value[size_t(id)] = {batched(options.batch, type.shape), type.dtype,
                             arena.at(plan.offset[size_t(id)])};
      } else if (offset[size_t(id)] >= 0) {
        value[size_t(id)] = {type.shape, type.dtype, own.at(offset[size_t(id)])};
        if (node(id).op == &param_op && training())
          for (int k = 0; k < options.slots; ++k)
            nodes[size_t(id)].slots.push_back(
                {type.shape, DType::f32,
                 own.at(offset[size_t(id)] + (k + 1) * round64(bytes_of(type)))});
      }
    }
  }

  // Leaves that are only read and already lie right stay in the net's own tensors.
  bool shared(Id id) const {
    const OpDef* op = node(id).op;
    if (!is_leaf(*op) || op == &input_op) return false;
    if (training() && op != &constant_op) return false;
    return memory_order(placement[size_t(id)], node(id).type.shape).empty();
  }

  void place_grads() {
    if (!training()) return;
    int64_t end = 0, most = 0;
    const auto readers = users(net.graph);
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      if (!nodes[size_t(id)].needs_grad) continue;
      const Type& type = node(id).type;
      nodes[size_t(id)].grad_offset = end;
      end += round64(bytes_of(type) * (type.batched ? options.batch : 1));
    }
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      int64_t sum = 0;
      for (Id in : node(id).in) {
        if (!nodes[size_t(in)].needs_grad || readers[size_t(in)].size() < 2) continue;
        sum += round64(bytes_of(node(in).type) * (node(in).type.batched ? options.batch : 1));
      }
      most = std::max(most, sum);
    }
    grads = Memory(end);
    temps = Memory(most);
  }

  void load_leaves() {
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      const Node& leaf = node(id);
      if (!is_leaf(*leaf.op) || leaf.op == &input_op) continue;
      const Tensor& held = net.params[size_t(id)];
      if (shared(id))
        value[size_t(id)] = {leaf.type.shape, leaf.type.dtype, const_cast<std::byte*>(held.raw())};
      else
        to_memory(placement[size_t(id)], leaf.type, 1, held.raw(), value[size_t(id)].data);
    }
  }

  // Runs what differs neither between samples nor between steps.
  void fold() {
    for (Id id = 0; id < Id(nodes.size()); ++id)
      if (nodes[size_t(id)].kernel && !nodes[size_t(id)].each_run) run(id);
  }

  void set_n(int64_t count) {
    if (n == count) return;
    n = count;
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      const Type& type = node(id).type;
      const Shape shape = type.batched ? batched(n, type.shape) : type.shape;
      value[size_t(id)].shape = shape;
      if (nodes[size_t(id)].grad_offset >= 0)
        grad[size_t(id)] = {shape, DType::f32, grads.at(nodes[size_t(id)].grad_offset)};
    }
    refresh();
  }

  void refresh() {
    for (Id id = 0; id < Id(nodes.size()); ++id)
      for (size_t k = 0; k < node(id).in.size(); ++k)
        nodes[size_t(id)].in[k] = value[size_t(node(id).in[k])];
  }

  void run(Id id) {
    Slot& slot = nodes[size_t(id)];
    slot.kernel->forward(io(id, slot));
  }

  Io io(Id id, const Slot& slot) {
    const int64_t scratch = plan.scratch[size_t(id)];
    return {n, slot.in, value[size_t(id)], scratch < 0 ? nullptr : arena.at(scratch), &rng};
  }

  void backward(Id id) {
    Slot& slot = nodes[size_t(id)];
    const Node& here = node(id);
    int64_t end = 0;
    for (size_t k = 0; k < here.in.size(); ++k) {
      Slot& below = nodes[size_t(here.in[k])];
      slot.din[k] = slot.temp[k] = View{};
      if (!below.needs_grad) continue;
      slot.din[k] = grad[size_t(here.in[k])];
      if (below.written) {  // another reader was here: add to what it wrote
        slot.temp[k] = slot.din[k];
        slot.din[k].data = temps.at(end);
        end += round64(slot.din[k].size() * 4);
      }
      below.written = true;
    }
    slot.kernel->backward(io(id, slot), grad[size_t(id)], slot.din);
    for (size_t k = 0; k < here.in.size(); ++k)
      if (slot.temp[k]) add_to(slot.temp[k], slot.din[k]);
  }

  Tensor plain(Id id, const View& view) const {
    Tensor tensor(view.shape, view.dtype);
    const Type& type = node(id).type;
    to_plain(placement[size_t(id)], type, type.batched ? n : 1, view.data, tensor.raw_write());
    return tensor;
  }
};

Executor::Executor(const Net& net, const ExecutorOptions& options)
    : impl_(std::make_unique<Impl>(net, options)) {}
Executor::~Executor() = default;
Executor::Executor(Executor&&) noexcept = default;

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
  require(samples.dtype == node.type.dtype, "{}: wants {}, found {}", node.name,
          name_of(node.type.dtype), name_of(samples.dtype));
  to_memory(s.placement[size_t(input)], node.type, n, samples.data, to.data);
}

View Executor::forward(int64_t n) {
  Impl& s = *impl_;
  require(n >= 1 && n <= s.options.batch, "executor: {} samples, made for 1 to {}", n,
          s.options.batch);
  s.set_n(n);
  for (Id id = 0; id < Id(s.nodes.size()); ++id)
    if (s.nodes[size_t(id)].each_run) s.run(id);
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
  for (auto& slot : s.nodes) slot.written = false;
  s.nodes.back().written = true;
  for (Id id = Id(s.nodes.size()) - 1; id >= 0; --id) {
    const auto& slot = s.nodes[size_t(id)];
    if (slot.kernel && slot.needs_grad && slot.written) s.backward(id);
  }
}

View Executor::grad(Id id) const { return impl_->grad[size_t(id)]; }

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
    update(rule, args);
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

Tensor Executor::dense_weight_grad(Id id, int64_t begin, int64_t end) const {
  const Impl& s = *impl_;
  const Node& node = s.node(id);
  require(node.in.size() >= 2 && s.nodes[size_t(node.in[1])].grad_offset >= 0,
          "{} ({}): keeps no weight gradient", node.name, node.op->name);
  const Id weight = node.in[1];
  const Shape& shape = s.node(weight).type.shape;
  require(0 <= begin && begin < end && end <= shape[0], "{}: rows {} to {} of {}", node.name, begin,
          end, shape[0]);
  const int64_t row = count(shape) / shape[0];
  Shape part{end - begin};
  for (int i = 1; i < shape.rank(); ++i) part.push_back(shape[i]);
  Tensor rows(part);
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
Rng& Executor::rng() { return impl_->rng; }

Tensor run(const Net& net, View samples, int64_t batch, const Kernels* kernels) {
  const std::vector<Id> in = inputs(net.graph);
  require(in.size() == 1, "run: the net has {} inputs, wanted one", in.size());
  require(samples.shape.rank() >= 1, "run: wants samples [n, …]");
  const int64_t total = samples.shape[0], step = std::min(batch, total);
  Executor executor(net, {.batch = step, .kernels = kernels});
  const Type& type = net.graph.nodes.back().type;
  Tensor all(batched(total, type.shape), type.dtype);
  const int64_t in_bytes = count(samples.shape) / total * bytes_of(samples.dtype);
  const int64_t out_bytes = bytes_of(type);
  for (int64_t begin = 0; begin < total; begin += step) {
    const int64_t n = std::min(step, total - begin);
    View part{batched(n, net.graph[in[0]].type.shape), samples.dtype,
              samples.as<std::byte>() + begin * in_bytes};
    executor.set_input(in[0], part);
    executor.forward(n);
    std::memcpy(all.raw_write() + begin * out_bytes, executor.output().raw(),
                size_t(n * out_bytes));
  }
  return all;
}

Tensor evaluate_unbatched(const Net& net, Id id) {
  require(!net.graph[id].type.batched, "{}: differs between samples", net.graph[id].name);
  std::vector<Id> now(size_t(id) + 1, -1), stack{id};
  std::vector<bool> needed(size_t(id) + 1, false);
  while (!stack.empty()) {
    const Id at = stack.back();
    stack.pop_back();
    if (needed[size_t(at)]) continue;
    needed[size_t(at)] = true;
    for (Id in : net.graph[at].in) stack.push_back(in);
  }
  Rewriter rewriter(net);
  for (Id at = 0; at <= id; ++at)
    if (needed[size_t(at)]) rewriter.set_now(at, rewriter.copy(at));
  return Executor(rewriter.to(), {}).output();
}

}  // namespace sparlet
