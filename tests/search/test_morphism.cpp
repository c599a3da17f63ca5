#include <doctest/doctest.h>

#include <set>

#include "search/chain_cnn.h"
#include "search/morphism.h"
#include "spaces.h"
#include "tensor/error.h"

using namespace test;

TEST_CASE(
    "4,000 morphs: in the space, different, parent untouched, buildable or told which node") {
  const Space space = chain_space();
  const auto moves = moves_of(space);
  const DataSpec spec{.shape = {1, 12, 12}, .classes = 4};
  Rng rng(11);
  std::set<std::string> used;
  Point parent = space.sample(rng);
  int built = 0, infeasible = 0;
  for (int i = 0; i < 4000; ++i) {
    if (i % 50 == 0) parent = space.sample(rng);
    const Point before = parent;
    const auto made = morph(space, parent, moves, rng);
    REQUIRE(made);
    REQUIRE(parent == before);
    REQUIRE(made->point != parent);
    REQUIRE(space.contains(made->point));
    REQUIRE((made->moves.size() >= 1 && made->moves.size() <= 3));
    used.insert(made->moves.begin(), made->moves.end());
    try {
      const Net net = build_chain_cnn(made->point, spec, rng);
      REQUIRE(net.graph[net.graph.output()].type.shape == Shape{4});
      ++built;
    } catch (const Error& error) {
      // "[max_pool] b2.max_pool: ..." or the like: the block's prefix stands in the message.
      CAPTURE(error.what());
      REQUIRE(std::string(error.what()).find("b") != std::string::npos);
      REQUIRE(std::string(error.what()).find(".") != std::string::npos);
      ++infeasible;
    }
    parent = made->point;
  }
  CHECK(built > 2000);
  CHECK(infeasible > 0);  // 12×12 maps do not survive every pooling
  CHECK(used.size() == moves.size());
}

TEST_CASE("moves: one step, bounds respected, names tell") {
  const Space space({{.name = "n", .kind = Kind::integer, .low = 1, .high = 3},
                     {.name = "w", .kind = Kind::log_integer, .low = 4, .high = 64, .step = 4},
                     {.name = "t", .kind = Kind::choice, .values = {"a", "b"}},
                     {.name = "f", .kind = Kind::flag},
                     {.name = "x", .kind = Kind::log_real, .low = 1e-3, .high = 1}});
  const auto moves = moves_of(space);
  const auto apply = [&](const std::string& name, const std::string& point) -> std::string {
    Rng rng(1);
    for (const Move& move : moves) {
      if (move.name != name) continue;
      const auto child = move.apply(space, point_from(point), rng);
      return child ? to_text(*child) : "none";
    }
    return "unknown";
  };
  CHECK(apply("n.up", "n=2") == "n=3");
  CHECK(apply("n.up", "n=3") == "none");
  CHECK(apply("n.down", "n=1") == "none");
  CHECK(apply("n.down", "w=4") == "none");  // inactive
  CHECK(apply("w.up", "w=8") == "w=12");    // the grid's step
  CHECK(apply("w.up", "w=48") == "w=60");   // a quarter
  CHECK(apply("t.switch", "t=a") == "t=b");
  CHECK(apply("f.toggle", "f=1") == "f=0");
  CHECK(apply("x.jitter", "x=0.1") != "x=0.1");
  CHECK(moves.size() == 7);
}

TEST_CASE("moves: a switch ends, also where all values are the same") {
  const Parameter same{.name = "t", .kind = Kind::choice, .values = {"2", "2.0"}};
  CHECK_THROWS_AS(Space({same}), Error);
  const Space space({{.name = "t", .kind = Kind::choice, .values = {"2", "3"}}});
  Rng rng(1);
  std::set<std::string> reached;
  for (const char* from : {"t=2", "t=3", "t=4"})
    for (int i = 0; i < 20; ++i) {
      const auto child = moves_of(space)[0].apply(space, point_from(from), rng);
      REQUIRE(child);
      CHECK(to_text(*child) != from);
      reached.insert(to_text(*child));
    }
  CHECK(reached == std::set<std::string>{"t=2", "t=3"});
}

TEST_CASE("morph: own moves, seeds, and no way out") {
  const Space space({{.name = "a"}, {.name = "b"}}, {{.expression = "a + b <= 1"}});
  const Point parent = point_from("a=0.25 b=0.5");
  const std::vector<Move> mine = {{"swap", [](const Space&, const Point& p, Rng&) {
                                     Point child = p;
                                     child.set("a", p.number("b"));
                                     child.set("b", p.number("a"));
                                     return std::optional(child);
                                   }}};
  Rng rng(1);
  const auto made = morph(space, parent, mine, rng, {.max_changes = 1});
  REQUIRE(made);
  CHECK(to_text(made->point) == "a=0.5 b=0.25");
  CHECK(made->moves == std::vector<std::string>{"swap"});
  CHECK_FALSE(morph(space, point_from("a=0.5 b=0.5"), mine, rng));  // always the parent again
  CHECK_FALSE(morph(space, parent, {}, rng));
  Rng one(5), two(5);
  const auto moves = moves_of(space);
  CHECK(morph(space, parent, moves, one)->point == morph(space, parent, moves, two)->point);
  CHECK_THROWS_AS(morph(space, parent, moves, rng, {.min_changes = 0}), Error);
}
