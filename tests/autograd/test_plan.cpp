// Law 5: the plan is what the Executor allocates, exact to the byte.
#include <doctest/doctest.h>

#include "autograd/plan.h"
#include "test_nets.h"

using namespace sparlet;

namespace {

// A random chain with skips over 1-D values, by add and relu of one width or linear to another.
Net random_net(uint64_t seed) {
  testing::Maker m(seed);
  std::vector<Id> values{m.input({m.rng.below(9) + 1})};
  for (int i = 0, n = int(m.rng.below(9)) + 1; i < n; ++i) {
    const Id a = values[size_t(m.rng.below(int64_t(values.size())))];
    const Id b = values[size_t(m.rng.below(int64_t(values.size())))];
    const std::string name = "v" + std::to_string(i);
    const auto shape = [&](Id id) { return m.net.graph[id].type.shape; };
    if (a != b && shape(a) == shape(b))
      values.push_back(m.op(add_op, name, {a, b}));
    else if (m.rng.below(2))
      values.push_back(m.op(relu_op, name, {a}));
    else
      values.push_back(
          m.op(linear_op, name, {a, m.param(name + ".w", {m.rng.below(9) + 1, shape(a)[0]})}));
  }
  return m.net;
}

}  // namespace

TEST_CASE("plan: nothing that is alive together overlaps, unless it may stand on its input") {
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Net net = random_net(seed);
    const Graph& graph = net.graph;
    const Plan plan = plan_memory(graph, {.batch = 1 + int64_t(seed % 3)});
    std::vector<Id> last(graph.nodes.size());
    for (Id id = 0; id < Id(last.size()); ++id) {
      last[size_t(id)] = id;
      for (Id in : graph[id].in) last[size_t(in)] = id;
    }
    last.back() = Id(last.size());
    int64_t top = 0;
    for (Id a = 0; a < Id(last.size()); ++a) {
      if (!graph[a].type.batched) {
        CHECK(plan.offset[size_t(a)] == -1);
        continue;
      }
      REQUIRE(plan.offset[size_t(a)] >= 0);
      CHECK(plan.offset[size_t(a)] % 4 == 0);
      top = std::max(top, plan.offset[size_t(a)] + plan.bytes[size_t(a)]);
      for (Id b = a + 1; b < Id(last.size()); ++b) {
        if (!graph[b].type.batched || last[size_t(a)] < b) continue;
        const bool apart =
            plan.offset[size_t(a)] + plan.bytes[size_t(a)] <= plan.offset[size_t(b)] ||
            plan.offset[size_t(b)] + plan.bytes[size_t(b)] <= plan.offset[size_t(a)];
        const bool stands = last[size_t(a)] == b &&
                            plan.offset[size_t(a)] == plan.offset[size_t(b)] &&
                            graph[b].op->in_place &&
                            graph[b].op->in_place(graph[b], graph.types_of(graph[b].in)) >= 0;
        CHECK((apart || stands));
      }
    }
    CHECK(top == plan.size);
  }
}

TEST_CASE("plan: at least what is alive at once, and mostly just that") {
  int exact = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Net net = random_net(seed);
    int64_t most = 0;
    for (int64_t live : live_bytes(net.graph)) most = std::max(most, live);
    const int64_t size = plan_memory(net.graph).size;
    CHECK(size >= most);
    exact += size == most;
  }
  CHECK(exact > 360);
}

TEST_CASE("plan: a chain needs its largest pair; relu stands on its input") {
  testing::Maker m(1);
  Id y = m.input({10});
  y = m.op(linear_op, "a", {y, m.param("a.w", {100, 10})});
  y = m.op(relu_op, "a.relu", {y});
  y = m.op(linear_op, "b", {y, m.param("b.w", {7, 100})});
  CHECK(plan_memory(m.net.graph).size == 4 * 110);
  CHECK(plan_memory(m.net.graph, {.batch = 3}).size == 3 * 4 * 110);
  CHECK(plan_memory(m.net.graph, {.keep_all = true}).size == 4 * (10 + 100 + 100 + 7));
}
