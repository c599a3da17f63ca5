#include "autograd/plan.h"

#include <algorithm>
#include <numeric>

#include "autograd/op.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

// A value or a scratch area: alive while nodes first..last run.
struct Block {
  Id id = -1;
  bool is_scratch = false;
  int64_t bytes = 0;
  Id first = 0, last = 0;
  int partner = -1;  // the block of the input it may stand on, at the same offset
};

struct Blocks {
  std::vector<Block> list;
  int64_t align = 4;

  bool together(int a, int b) const {
    return list[size_t(a)].first <= list[size_t(b)].last &&
           list[size_t(b)].first <= list[size_t(a)].last;
  }
  bool may_share(int a, int b, int64_t at_a, int64_t at_b) const {
    return at_a == at_b && (list[size_t(a)].partner == b || list[size_t(b)].partner == a);
  }
};

// Has no memory of its own.
bool inside(const PlanOptions& options, Id id) {
  return !options.run_with.empty() && options.run_with[size_t(id)] >= 0;
}

std::vector<Id> last_reader(const Graph& graph, const PlanOptions& options) {
  const Id n = Id(graph.nodes.size());
  std::vector<Id> last(size_t(n), -1);
  for (Id id = 0; id < n; ++id) {
    const bool kept = options.keep_all && (options.passing.empty() || !options.passing[size_t(id)]);
    last[size_t(id)] = kept ? n : id;
    const Id when = inside(options, id) ? options.run_with[size_t(id)] : id;
    for (Id in : graph[id].in) last[size_t(in)] = std::max(last[size_t(in)], when);
  }
  last[size_t(graph.output())] = n;
  return last;
}

// The value whose memory this one's may be, through those that run with it; or -1.
Id stands_on(const Graph& graph, const PlanOptions& options, Id id) {
  do {
    const Node& node = graph[id];
    const int which = node.op->in_place ? node.op->in_place(node, graph.types_of(node.in)) : -1;
    if (which < 0) return -1;
    id = node.in[size_t(which)];
    if (std::ranges::count(node.in, id) > 1) return -1;
  } while (inside(options, id));
  return id;
}

Blocks collect(const Graph& graph, const PlanOptions& options) {
  Blocks blocks{{}, options.align};
  const std::vector<Id> last = last_reader(graph, options);
  std::vector<int> block_of(graph.nodes.size(), -1);
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    if (!node.type.batched || inside(options, id)) continue;
    Block block{id,
                false,
                options.batch * count(node.type.shape) * bytes_of(node.type.dtype),
                id,
                last[size_t(id)],
                -1};
    if (node.op == &input_op) block.first = 0;
    if (const Id in = stands_on(graph, options, id); in >= 0) {
      const int partner = block_of[size_t(in)];
      if (partner >= 0 && last[size_t(in)] == id &&
          blocks.list[size_t(partner)].bytes >= block.bytes)
        block.partner = partner;
    }
    block_of[size_t(id)] = int(blocks.list.size());
    blocks.list.push_back(block);
  }
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    int64_t bytes = 0;
    if (!options.scratch.empty())
      bytes = options.scratch[size_t(id)];
    else if (node.op->scratch)
      bytes = options.batch * node.op->scratch(node, graph.types_of(node.in));
    if (bytes > 0) blocks.list.push_back({id, true, bytes, id, id, -1});
  }
  return blocks;
}

struct Placing {
  std::vector<int64_t> offset;
  int64_t size = 0;
};

int64_t align_up(int64_t value, int64_t align) { return (value + align - 1) / align * align; }

// First fit: each block in turn at the lowest offset where it meets nothing alive with it.
Placing place(const Blocks& blocks, const std::vector<int>& order) {
  Placing placing{std::vector<int64_t>(blocks.list.size(), -1), 0};
  std::vector<int64_t> candidates;
  for (int a : order) {
    const int64_t bytes = blocks.list[size_t(a)].bytes;
    candidates.assign(1, 0);
    for (int b = 0; b < int(blocks.list.size()); ++b) {
      const int64_t at = placing.offset[size_t(b)];
      if (at < 0 || !blocks.together(a, b)) continue;
      candidates.push_back(align_up(at + blocks.list[size_t(b)].bytes, blocks.align));
      if (blocks.may_share(a, b, at, at)) candidates.push_back(at);
    }
    std::ranges::sort(candidates);
    for (int64_t at : candidates) {
      bool fits = true;
      for (int b = 0; fits && b < int(blocks.list.size()); ++b) {
        const int64_t other = placing.offset[size_t(b)];
        if (other < 0 || !blocks.together(a, b) || blocks.may_share(a, b, at, other)) continue;
        fits = at + bytes <= other || other + blocks.list[size_t(b)].bytes <= at;
      }
      if (!fits) continue;
      placing.offset[size_t(a)] = at;
      placing.size = std::max(placing.size, at + bytes);
      break;
    }
  }
  return placing;
}

int64_t live_at(const Blocks& blocks, Id node) {
  int64_t live = 0;
  for (const Block& block : blocks.list) {
    if (block.first > node || block.last < node) continue;
    const bool stands_on_input = block.partner >= 0 && block.first == node;
    if (!stands_on_input) live += block.bytes;
  }
  return live;
}

int64_t least_size(const Blocks& blocks) {
  int64_t most = 0;
  for (const Block& block : blocks.list) most = std::max(most, live_at(blocks, block.first));
  return most;
}

// Swaps pairs of the placing order for as long as that helps.
void improve(const Blocks& blocks, std::vector<int> order, int64_t goal, Placing& best) {
  for (bool better = true; better && best.size > goal;) {
    better = false;
    for (size_t i = 0; i < order.size() && best.size > goal; ++i)
      for (size_t j = i + 1; j < order.size() && best.size > goal; ++j) {
        std::swap(order[i], order[j]);
        Placing trial = place(blocks, order);
        if (trial.size < best.size)
          best = std::move(trial), better = true;
        else
          std::swap(order[i], order[j]);
      }
  }
}

Placing best_placing(const Blocks& blocks) {
  const auto& list = blocks.list;
  const int64_t goal = least_size(blocks);
  std::vector<int> order(list.size()), best_order;
  std::iota(order.begin(), order.end(), 0);
  Placing best;
  auto attempt = [&](auto greater) {
    std::ranges::stable_sort(
        order, [&](int a, int b) { return greater(list[size_t(a)], list[size_t(b)]); });
    Placing trial = place(blocks, order);
    if (best.offset.empty() || trial.size < best.size) best = std::move(trial), best_order = order;
  };
  attempt([](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  if (best.size > goal) attempt([](const Block& a, const Block& b) { return a.first < b.first; });
  if (best.size > goal)
    attempt([](const Block& a, const Block& b) { return a.last - a.first > b.last - b.first; });
  if (best.size > goal && list.size() <= 24) improve(blocks, best_order, goal, best);
  return best;
}

}  // namespace

Plan plan_memory(const Graph& graph, const PlanOptions& options) {
  require(options.batch >= 1 && options.align >= 1,
          "plan: batch {} and align {}, wanted at least 1", options.batch, options.align);
  const size_t n = graph.nodes.size();
  Plan plan{std::vector<int64_t>(n, -1), std::vector<int64_t>(n, -1), std::vector<int64_t>(n, 0),
            0};
  const Blocks blocks = collect(graph, options);
  if (options.keep_all) {  // only scratch, and what stands on its input, can share: no search
    int64_t end = 0, most = 0;
    for (const Block& block : blocks.list) {
      if (block.is_scratch) {
        most = std::max(most, block.bytes);
        continue;
      }
      if (block.partner >= 0) {
        plan.offset[size_t(block.id)] = plan.offset[size_t(blocks.list[size_t(block.partner)].id)];
        plan.bytes[size_t(block.id)] = block.bytes;
        continue;
      }
      plan.offset[size_t(block.id)] = end;
      plan.bytes[size_t(block.id)] = block.bytes;
      plan.size = end + block.bytes;
      end = align_up(plan.size, options.align);
    }
    for (const Block& block : blocks.list)
      if (block.is_scratch) plan.scratch[size_t(block.id)] = end;
    if (most > 0) plan.size = end + most;
    return plan;
  }
  const Placing best = best_placing(blocks);
  for (size_t i = 0; i < blocks.list.size(); ++i) {
    const Block& block = blocks.list[i];
    (block.is_scratch ? plan.scratch : plan.offset)[size_t(block.id)] = best.offset[i];
    if (!block.is_scratch) plan.bytes[size_t(block.id)] = block.bytes;
  }
  plan.size = best.size;
  return plan;
}

std::vector<int64_t> live_bytes(const Graph& graph, const PlanOptions& options) {
  const Blocks blocks = collect(graph, options);
  std::vector<int64_t> live(graph.nodes.size());
  for (Id id = 0; id < Id(live.size()); ++id) live[size_t(id)] = live_at(blocks, id);
  return live;
}

}  // namespace sparlet
