// The inside of an Executor: what it holds of each node, and where that lies.
#pragma once
#include <algorithm>

#include "autograd/executor.h"
#include "autograd/executor_memory.h"
#include "autograd/fusion.h"
#include "tensor/error.h"
#include "tensor/kernels/gemm.h"

namespace sparlet {
namespace executor_detail {

inline void add_to(const View& sum, const View& more) {
  float* a = sum.f32();
  const float* b = more.f32();
  for (int64_t i = 0, n = sum.size(); i < n; ++i) a[i] += b[i];
}

}  // namespace executor_detail

struct Executor::Impl {
  using Memory = executor_detail::Memory;
  // What a node is to this executor.
  struct Slot {
    std::unique_ptr<Kernel> kernel;
    bool each_run = false;            // runs in every forward; else a leaf, or folded at the start
    bool needs_grad = false;          // a param stands below it
    bool written = false;             // its gradient, in this backward
    int64_t grad_offset = -1;         // in grads
    bool keeps_grad = false;          // nothing else stands there
    std::vector<Id> from;             // what its kernel reads: operands_of()
    std::vector<View> in, din, temp;  // operands, refreshed when n changes
    std::vector<View> slots;          // of a param
    bool put_off = false;             // of a param: its one reader may leave its gradient unwritten
    OuterGrad outer;                  // what it is then; rows 0: it is written
    Tensor held;                      // infer mode: the leaf's or folded value, in memory order
    std::vector<int32_t> order;       // of an input: memory_order()
  };

  Net net;
  ExecutorOptions options;
  std::vector<Placement> placement;
  Fusion fusion;
  Plan plan;
  std::vector<Slot> nodes;
  std::vector<View> value, grad;
  Memory arena, own, grads, temps;  // planned values; trained leaves; gradients; sums of several
  int64_t n = 0;
  Rng rng;
  bool released = false;

  Impl(const Net& from, const ExecutorOptions& given)
      : net(from), options(given), rng(mix(given.seed, 0xd20)) {
    if (!options.kernels) options.kernels = &default_kernels();
    require(!net.graph.nodes.empty(), "executor: the net has no nodes");
    require(options.batch >= 1, "executor: batch {}, wanted at least 1", options.batch);
    const Graph& graph = net.graph;
    check_sizes();
    placement = choose_layouts(graph);
    fusion = options.fuse ? find_fusion(graph, *options.kernels, options.mode) : no_fusion(graph);
    nodes.resize(graph.nodes.size());
    value.resize(nodes.size());
    grad.resize(nodes.size());
    for (Id id = 0; id < Id(nodes.size()); ++id) prepare(id);
    PlanOptions planning{.batch = options.batch, .align = options.align, .keep_all = training()};
    planning.scratch.resize(nodes.size());
    planning.run_with = fusion.into;
    planning.passing = passing();
    for (size_t i = 0; i < nodes.size(); ++i)
      if (nodes[i].kernel) planning.scratch[i] = nodes[i].kernel->scratch_bytes();
    plan = plan_memory(graph, planning);
    arena = Memory(plan.size);
    place_own();
    find_put_off();
    place_grads();
    load_leaves();
    set_n(options.batch);
    fold();
  }

  // Throws Error, naming the node, where the values alone cannot fit into memory: in train mode all
  // are kept, with their gradients.
  void check_sizes() const {
    double bytes = 0;
    for (const Node& node : net.graph.nodes) {
      const double mine = double(executor_detail::value_bytes(node.type)) *
                          (node.type.batched ? double(options.batch) : 1) * (training() ? 2 : 1);
      bytes = training() ? bytes + mine : mine;
      executor_detail::check_memory(bytes, node, options.batch);
    }
  }
  bool inside(Id id) const { return fusion.into[size_t(id)] >= 0; }
  bool training() const { return options.mode == Mode::train; }
  const Node& node(Id id) const { return net.graph[id]; }

  // Values between the inputs and the first params: neither they nor their readers have gradients.
  // Inputs stay, for one who runs them twice.
  std::vector<bool> passing() const {
    std::vector<bool> list(nodes.size());
    for (Id id = 0; id < Id(nodes.size()); ++id)
      list[size_t(id)] = !nodes[size_t(id)].needs_grad && node(id).op != &input_op;
    for (Id id = 0; id < Id(nodes.size()); ++id)
      for (const Id in : nodes[size_t(id)].from)
        if (nodes[size_t(id)].needs_grad) list[size_t(in)] = false;
    list.back() = false;
    return list;
  }

  void prepare(Id id) {
    const Node& node = net.graph[id];
    Slot& slot = nodes[size_t(id)];
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
    const Id head = fusion.head[size_t(id)] < 0 ? id : fusion.head[size_t(id)];
    const Node& made = net.graph[head];  // a group is the kernel of its head
    slot.from = operands_of(net.graph, fusion, id);
    slot.in.resize(slot.from.size());
    slot.din.resize(slot.from.size());
    slot.temp.resize(slot.from.size());
    MakeContext context{options.batch,
                        options.mode,
                        options.kernels,
                        {},
                        {},
                        placement[size_t(id)],
                        fusion.behind(net.graph, id)};
    for (Id in : slot.from) {
      context.in.push_back(&net.graph[in]);
      context.in_placement.push_back(placement[size_t(in)]);
      context.in_grad.push_back(nodes[size_t(in)].needs_grad);
      slot.needs_grad = slot.needs_grad || nodes[size_t(in)].needs_grad;
    }
    require(!slot.needs_grad || node.op->trainable,
            "{} ({}): has no gradient, so what is below it cannot be trained", node.name,
            node.op->name);
    if (inside(id)) return;
    slot.each_run = node.type.batched || slot.needs_grad;
    slot.kernel = made.op->make(made, context);
  }

  // Unbatched values that this executor writes: trained leaves, what is computed from them, folded.
  void place_own() {
    std::vector<int64_t> offset(nodes.size(), -1);
    int64_t end = 0;
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      if (node(id).type.batched || inside(id) || shared(id)) continue;
      offset[size_t(id)] = end;
      end += executor_detail::round64(executor_detail::value_bytes(node(id).type));
      if (node(id).op != &param_op || !training()) continue;
      end += options.slots * executor_detail::round64(executor_detail::value_bytes(node(id).type));
    }
    own = Memory(end);
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      const Type& type = node(id).type;
      if (inside(id)) continue;
      if (type.batched) {
        value[size_t(id)] = {batched(options.batch, type.shape), type.dtype,
                             arena.at(plan.offset[size_t(id)])};
      } else if (offset[size_t(id)] >= 0) {
        value[size_t(id)] = {type.shape, type.dtype, own.at(offset[size_t(id)])};
        if (node(id).op == &param_op && training())
          for (int k = 0; k < options.slots; ++k)
            nodes[size_t(id)].slots.push_back(
                {type.shape, DType::f32,
                 own.at(offset[size_t(id)] +
                        (k + 1) * executor_detail::round64(executor_detail::value_bytes(type)))});
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

  int64_t grad_bytes(Id id) const {
    const Type& type = node(id).type;
    return executor_detail::round64(executor_detail::value_bytes(type) *
                                    (type.batched ? options.batch : 1));
  }
  // The gradient is wanted after backward(): by the update, by dense_weight_grad(), by what was put
  // off until the update, or it is where backward() begins.
  bool keeps_grad(Id id) const {
    if (!node(id).type.batched || id == net.graph.output()) return true;
    const Id head = fusion.head[size_t(id)] < 0 ? id : fusion.head[size_t(id)];
    const std::vector<Id>& from = nodes[size_t(id)].from;
    return !sparse_operands(net.graph, node(head)).empty() ||
           std::ranges::any_of(from, [&](Id in) { return nodes[size_t(in)].put_off; });
  }

  // Others live from the backward of their last reader to that of their own node, and share memory.
  void place_grads() {
    if (!training()) return;
    int64_t end = 0, most = 0;
    for (Id id = 0; id < Id(nodes.size()); ++id) {
      Slot& slot = nodes[size_t(id)];
      if (!slot.needs_grad || inside(id) || !keeps_grad(id)) continue;
      slot.grad_offset = end;
      slot.keeps_grad = true;
      end += grad_bytes(id);
    }
    executor_detail::Shelf shelf(end);
    const auto readers = users(net.graph);
    for (Id id = Id(nodes.size()) - 1; id >= 0; --id) {
      int64_t sums = 0;
      for (const Id in : nodes[size_t(id)].from) {
        Slot& below = nodes[size_t(in)];
        if (!nodes[size_t(id)].kernel || !below.needs_grad) continue;
        if (below.grad_offset < 0) below.grad_offset = shelf.take(grad_bytes(in));
        if (readers[size_t(in)].size() > 1) sums += grad_bytes(in);
      }
      most = std::max(most, sums);
      const Slot& slot = nodes[size_t(id)];
      if (slot.grad_offset >= 0 && !slot.keeps_grad) shelf.give_back(slot.grad_offset);
    }
    grads = Memory(shelf.size());
    temps = Memory(most);
  }

  // Gradients of few rows, which the update computes in passing.
  void find_put_off() {
    if (!training() || !options.kernels->update_outer) return;
    const auto readers = users(net.graph);
    for (const Slot& slot : nodes)
      for (size_t k = 0; slot.kernel && k < slot.from.size(); ++k) {
        const size_t id = size_t(slot.from[k]);
        nodes[id].put_off = node(slot.from[k]).op == &param_op && readers[id].size() == 1 &&
                            slot.kernel->puts_off(k);
      }
  }
  // Writes a gradient that was put off, as its reader would have.
  void write_grad(Id id) {
    OuterGrad& g = nodes[size_t(id)].outer;
    if (g.rows == 0) return;
    options.kernels->gemm({.m = g.out,
                           .n = g.in,
                           .k = g.rows,
                           .a = {g.dy, 1, g.out},
                           .b = g.x,
                           .b_row = g.in,
                           .c = grad[size_t(id)].f32(),
                           .c_row = g.in});
    g = {};
  }

  void load_leaves() {
    released = false;
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

  // Lets go of leaves that every reader has packed, or has read once and for all (folded values).
  void release() {
    released = true;
    std::vector<bool> wanted(nodes.size(), false);
    for (const Slot& slot : nodes)
      for (size_t k = 0; slot.kernel && slot.each_run && k < slot.from.size(); ++k)
        if (!slot.kernel->packed(k)) wanted[size_t(slot.from[k])] = true;
    for (Id id = 0; id + 1 < Id(nodes.size()); ++id) {
      if (wanted[size_t(id)] || !shared(id)) continue;
      net.params[size_t(id)] = Tensor();
      value[size_t(id)].data = nullptr;
    }
    refresh();
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
      if (inside(id)) continue;
      const Shape shape = type.batched ? batched(n, type.shape) : type.shape;
      value[size_t(id)].shape = shape;
      if (nodes[size_t(id)].grad_offset >= 0)
        grad[size_t(id)] = {shape, DType::f32, grads.at(nodes[size_t(id)].grad_offset)};
    }
    refresh();
  }

  void refresh() {
    for (Id id = 0; id < Id(nodes.size()); ++id)
      for (size_t k = 0; k < nodes[size_t(id)].from.size(); ++k)
        nodes[size_t(id)].in[k] = value[size_t(nodes[size_t(id)].from[k])];
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
    const std::vector<Id>& from = slot.from;
    int64_t end = 0;
    for (size_t k = 0; k < from.size(); ++k) {
      Slot& below = nodes[size_t(from[k])];
      slot.din[k] = slot.temp[k] = View{};
      if (!below.needs_grad) continue;
      if (below.put_off) {
        below.written = true;
        continue;
      }
      slot.din[k] = grad[size_t(from[k])];
      if (below.written) {  // another reader was here: add to what it wrote
        slot.temp[k] = slot.din[k];
        slot.din[k].data = temps.at(end);
        end += executor_detail::round64(slot.din[k].size() * 4);
      }
      below.written = true;
    }
    slot.kernel->backward(io(id, slot), grad[size_t(id)], slot.din);
    for (size_t k = 0; k < from.size(); ++k)
      if (nodes[size_t(from[k])].put_off)
        nodes[size_t(from[k])].outer = slot.kernel->put_off(io(id, slot), grad[size_t(id)], k);
    for (size_t k = 0; k < from.size(); ++k)
      if (slot.temp[k]) executor_detail::add_to(slot.temp[k], slot.din[k]);
  }

  Tensor plain(Id id, const View& view) const {
    Tensor tensor(view.shape, view.dtype);
    const Type& type = node(id).type;
    to_plain(placement[size_t(id)], type, type.batched ? n : 1, view.data, tensor.raw_write());
    return tensor;
  }
};

}  // namespace sparlet
