#include "search/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>

#include "search/evolve.h"
#include "search/formula.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

// Two objectives against one another, one point in a fifth of the space infeasible.
Space two_space() {
  return Space({{.name = "a"},
                {.name = "b"},
                {.name = "n", .kind = Kind::integer, .low = 1, .high = 6},
                {.name = "kind", .kind = Kind::choice, .values = {"plain", "bent"}},
                {.name = "bend", .when = "kind == bent"}});
}

std::vector<double> values_of(const Point& p) {
  const double a = p.number("a"), b = p.number("b"), n = double(p.integer("n"));
  const double bend = p.word("kind") == "bent" ? std::pow(p.number("bend") - 0.3, 2) : 0.2;
  const double g = std::pow(b - 0.6, 2) + 0.02 * std::pow(n - 4, 2) + bend;
  return {a * a + g, (1 - a) * (1 - a) + g};
}

Problem two_problem() {
  return {two_space(),
          {{.name = "f", .reference = 1.2, .ideal = NAN},
           {.name = "g", .reference = 1.2, .ideal = NAN}}};
}

struct Trace {
  std::vector<std::string> points;
  double hypervolume = 0;
};

Trace run(Method method, uint64_t seed, int trials, int batch = 1) {
  Optimizer optimizer(two_problem(), {.method = method, .seed = seed});
  Trace trace;
  std::vector<Optimizer::Asked> waiting;
  for (int t = 0; t < trials; ++t) {
    const auto asked = optimizer.ask();
    REQUIRE(asked);
    CHECK(asked->trial == t);
    CHECK(optimizer.problem().space.contains(asked->point));
    for (const std::string& other : trace.points) CHECK(other != to_text(asked->point));
    trace.points.push_back(to_text(asked->point));
    waiting.push_back(*asked);
    if (int(waiting.size()) < batch && t + 1 < trials) continue;
    // The last first: answers come in any order.
    while (!waiting.empty()) {
      optimizer.tell(waiting.back().trial, values_of(waiting.back().point));
      waiting.pop_back();
    }
  }
  trace.hypervolume = optimizer.hypervolume();
  return trace;
}

std::string message(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("optimizer: every method gives good, new points, the same ones for the same seed") {
  for (const Method m : {Method::ehvi, Method::chebyshev, Method::thompson, Method::random,
                         Method::sobol, Method::nsga2, Method::aging, Method::local}) {
    CAPTURE(name_of(m));
    const Trace one = run(m, 1, 18), again = run(m, 1, 18);
    CHECK(one.points == again.points);
    CHECK(run(m, 2, 14).points != one.points);
    CHECK(method_from(name_of(m)) == m);
  }
  CHECK(message([] { method_from("evhi"); }).find("did you mean 'ehvi'") != std::string::npos);
}

TEST_CASE("optimizer: models beat random and evolution; batches lose little") {
  const auto mean = [](Method m, int batch) {
    return (run(m, 1, 32, batch).hypervolume + run(m, 2, 32, batch).hypervolume) / 2;
  };
  const double ehvi = mean(Method::ehvi, 1), random = mean(Method::random, 1);
  CHECK(ehvi > 1.1 * random);
  CHECK(mean(Method::ehvi, 4) > 0.95 * ehvi);
  for (const Method m :
       {Method::chebyshev, Method::thompson, Method::nsga2, Method::aging, Method::local}) {
    CAPTURE(name_of(m));
    const double found = mean(m, 1);
    const bool evolution = m == Method::nsga2 || m == Method::aging;
    if (!evolution) CHECK(found > random);  // 32 trials are one or two generations
    CHECK(found < ehvi);
  }
}

TEST_CASE("optimizer: a restored run goes on as if nothing had happened") {
  const OptimizerOptions options{.seed = 5};
  Optimizer whole(two_problem(), options);
  std::vector<Point> points;
  std::optional<Optimizer::State> state;
  for (int t = 0; t < 30; ++t) {
    const auto asked = *whole.ask();
    if (t == 25) state = whole.state();
    points.push_back(asked.point);
    whole.tell(t, values_of(asked.point));
  }
  Optimizer resumed(two_problem(), options);
  for (int t = 0; t < 26; ++t) {
    resumed.restore(t, points[size_t(t)]);
    if (t == 25) break;  // asked, but not answered
    resumed.tell(t, values_of(points[size_t(t)]));
  }
  resumed.restore(*state);
  resumed.tell(25, values_of(points[25]));
  for (int t = 26; t < 30; ++t) {
    const auto asked = *resumed.ask();
    CHECK(to_text(asked.point) == to_text(points[size_t(t)]));
    resumed.tell(t, values_of(asked.point));
  }
}

TEST_CASE("optimizer: wrong answers change nothing and say what is wrong") {
  Optimizer optimizer(two_problem(), {});
  CHECK(message([&] {
          optimizer.tell(0, std::vector<double>{1, 2});
        }) == "trial 0: unknown, none was asked");
  const auto asked = *optimizer.ask();
  CHECK(message([&] {
          optimizer.tell(7, std::vector<double>{1, 2});
        }) == "trial 7: unknown, asked were 0 .. 0");
  CHECK(message([&] { optimizer.tell(0, std::vector<double>{1}); }) ==
        "trial 0: 1 value, expected 2 (f, g)");
  CHECK(message([&] {
          optimizer.tell(0, std::vector<double>{1, NAN});
        }).find("'g' is nan") != std::string::npos);
  CHECK(optimizer.answered() == 0);
  CHECK(optimizer.pending().at(0) == asked.point);
  optimizer.tell(0, std::vector<double>{1, 2});
  CHECK(message([&] {
          optimizer.tell(0, std::vector<double>{1, 2});
        }) == "trial 0: has been answered");
  CHECK(message([&] { optimizer.tell_infeasible(0); }) == "trial 0: has been answered");
  CHECK(message([&] { optimizer.tell_infeasible(4); }) == "trial 4: unknown, asked were 0 .. 0");
  CHECK(message([&] { optimizer.tell_infeasible(-1); }) == "trial -1: unknown, asked were 0 .. 0");
}

TEST_CASE("optimizer: infeasible trials cost only themselves") {
  int refused = 0, front = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Optimizer optimizer(two_problem(), {.seed = seed});
    for (int t = 0; t < 30; ++t) {
      const auto asked = *optimizer.ask();
      // The better half of f, where a model without that knowledge would always go.
      if (asked.point.number("a") < 0.6) {
        ++refused;
        optimizer.tell_infeasible(t);
      } else {
        optimizer.tell(t, values_of(asked.point));
      }
    }
    for (const auto& r : optimizer.front()) CHECK(r.point.number("a") >= 0.6);
    front += int(optimizer.front().size());
  }
  CHECK(refused > 20);
  CHECK(front >= 6);
}

TEST_CASE("optimizer: infeasible regions are learnt") {
  int refused[2] = {0, 0}, trials[2] = {0, 0};
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    Optimizer optimizer(two_problem(), {.seed = seed});
    for (int t = 0; t < 45; ++t) {
      const auto asked = *optimizer.ask();
      const bool late = t >= 25;
      ++trials[late];
      if (asked.point.number("a") < 0.6) {
        ++refused[late];
        optimizer.tell_infeasible(t);
      } else {
        optimizer.tell(t, values_of(asked.point));
      }
    }
  }
  CHECK(refused[1] < 0.4 * trials[1]);
}

TEST_CASE("optimizer: known objectives are exact, may be left out, may not be contradicted") {
  Problem problem = two_problem();
  problem.learned = {true, false};
  problem.known = [](const Point& p) {
    return std::optional(std::vector<double>{NAN, values_of(p)[1]});
  };
  Optimizer optimizer(problem, {.seed = 3});
  for (int t = 0; t < 22; ++t) {
    const auto asked = *optimizer.ask();
    const auto f = values_of(asked.point);
    if (t == 4) {
      CHECK(message([&] {
              optimizer.tell(t, std::vector<double>{f[0], f[1] + 1});
            }).find("its formula gives") != std::string::npos);
      CHECK(message([&] {
              optimizer.tell(t, std::vector<double>{1, 2, 3});
            }).find("3 values") != std::string::npos);
    }
    if (t % 2)
      optimizer.tell(t, f);
    else
      optimizer.tell(t, std::vector<double>{f[0]});
  }
  for (const auto& r : optimizer.front()) CHECK(r.values == values_of(r.point));
  CHECK(optimizer.state().hyper.size() == 1);
}

TEST_CASE("optimizer: first points lie within the references of what is known") {
  const auto problem = [](double reference) {
    Problem p = two_problem();
    p.objectives[1].reference = reference;
    p.learned = {true, false};
    p.known = [](const Point& at) {
      return std::optional(std::vector<double>{NAN, values_of(at)[1]});
    };
    return p;
  };
  Optimizer optimizer(problem(0.5), {.initial = 12, .seed = 3});
  std::vector<Optimizer::Asked> asked;
  for (int t = 0; t < 12; ++t) {
    asked.push_back(*optimizer.ask());
    CHECK(values_of(asked.back().point)[1] < 0.5);
  }
  for (size_t known = 1; known < asked.size(); ++known) {  // one that goes on asks the same
    Optimizer resumed(problem(0.5), {.initial = 12, .seed = 3});
    for (size_t t = 0; t < known; ++t) resumed.restore(int(t), asked[t].point);
    CHECK(to_text(resumed.ask()->point) == to_text(asked[known].point));
  }
  // Where nothing is, they are as good as any.
  Optimizer hopeless(problem(-1), {.initial = 12, .seed = 3});
  for (int t = 0; t < 12; ++t) CHECK(hopeless.ask());
  // A baseline takes them as they come.
  Optimizer sobol(problem(0.5), {.method = Method::sobol, .seed = 3});
  int beyond = 0;
  for (int t = 0; t < 12; ++t) beyond += values_of(sobol.ask()->point)[1] >= 0.5;
  CHECK(beyond > 0);
}

TEST_CASE("optimizer: one objective needs no reference; maximising mirrors minimising") {
  double found = 0;
  for (const bool minimize : {true, false}) {
    Problem problem{Space({{.name = "x"}, {.name = "y"}}),
                    {{.name = "f", .minimize = minimize, .reference = NAN, .ideal = NAN}}};
    Optimizer optimizer(problem, {.seed = 2});
    double best = 1e9;
    for (int t = 0; t < 25; ++t) {
      const Point p = optimizer.ask()->point;
      const double f = std::pow(p.number("x") - 0.7, 2) + std::abs(p.number("y") - 0.2) - 3;
      best = std::min(best, f);
      optimizer.tell(t, std::vector<double>{minimize ? f : -f});
    }
    CHECK(best < -2.99);
    CHECK(std::isnan(optimizer.hypervolume()));
    CHECK(optimizer.front().size() == 1);
    if (minimize)
      found = best;
    else
      CHECK(best == doctest::Approx(found).epsilon(1e-3));
  }
}

TEST_CASE("optimizer: a finite space ends; constraints hold; growth that has stopped is told") {
  Problem small{Space({{.name = "n", .kind = Kind::integer, .low = 1, .high = 3},
                       {.name = "m", .kind = Kind::integer, .low = 1, .high = 3}},
                      {{.expression = "n <= m"}}),
                {{.name = "f", .reference = 10, .ideal = NAN}}};
  for (const Method m : {Method::ehvi, Method::random, Method::nsga2}) {
    Optimizer optimizer(small, {.method = m, .initial = 2});
    for (int t = 0; t < 6; ++t) {
      const auto asked = optimizer.ask();
      REQUIRE(asked);
      CHECK(asked->point.integer("n") <= asked->point.integer("m"));
      optimizer.tell(t, std::vector<double>{asked->point.number("n")});
    }
    CHECK_FALSE(optimizer.ask());
  }
  Optimizer still(two_problem(), {.tolerance = 0.01, .patience = 5});
  int trials = 0;
  for (; trials < 60 && !still.converged(); ++trials)
    still.tell(trials, std::vector<double>{0.5, 0.5 + 0 * still.ask()->point.number("a")});
  CHECK(trials >= 12 + 5);
  CHECK(trials < 20);
}

TEST_CASE("optimizer: climbing continuous parameters finds a narrow front") {
  // DTLZ2 with 3 parameters: half of random's gap to the greatest hypervolume at least.
  Problem problem{Space({{.name = "x"}, {.name = "y"}, {.name = "z"}}),
                  {{.name = "f", .reference = 1.1, .ideal = NAN},
                   {.name = "g", .reference = 1.1, .ideal = NAN}}};
  Optimizer optimizer(problem, {.seed = 4});
  for (int t = 0; t < 40; ++t) {
    const Point p = optimizer.ask()->point;
    const double s = 1 + std::pow(p.number("y") - 0.5, 2) + std::pow(p.number("z") - 0.5, 2);
    const double angle = M_PI / 2 * p.number("x");
    optimizer.tell(t, std::vector<double>{s * std::cos(angle), s * std::sin(angle)});
  }
  CHECK(optimizer.hypervolume() > 0.40);  // 0.4246 at best
}

TEST_CASE("evolution: ranks of fronts; the fitness prefers what dominates, and the young") {
  CHECK(ranks_of({{1, 4}, {2, 2}, {3, 3}, {4, 4}, {}}) == std::vector<int>{0, 0, 1, 2, 3});
  Rng rng(1);
  const std::vector<Values> rows = {{0.1, 0.1}, {0.9, 0.9}, {}, {0.2, 0.2}};
  for (int i = 0; i < 20; ++i) {
    CHECK(aging_parent(rows, 4, 40, rng) == 0);
    CHECK(aging_parent(rows, 3, 40, rng) == 3);  // the best has grown too old
  }
}

TEST_CASE("formula: values, precedence, and what is wrong with one") {
  const std::vector<std::string> names = {"x1", "x2", "max"};
  const Point p = point_from("x1=2 x2=3");
  const auto value = [&](const char* text) { return Formula(text, names)(p); };
  CHECK(value("0.1 * x1") == doctest::Approx(0.2));
  CHECK(value("x1 + x2 * 2 - 1") == 7);
  CHECK(value("-x1^2") == -4);
  CHECK(value("2^-1 + 2^3^2") == 512.5);
  CHECK(value("(x1 + x2) / 2 - -1") == 3.5);
  CHECK(value("min(x1, x2) + sqrt(abs(-4)) + log2(8) + max") == 7);  // a parameter; not active: 0
  CHECK(value("cos(pi) + exp(0) + round(2.6) - floor(2.6) + ceil(0.2) - sin(0)") == 2);
  for (const char* bad :
       {"", "1 +", "x3", "min(1)", "(1", "1)", "x1 x2", "2 ** 3", "sin 1", "1..2"})
    CHECK_THROWS_AS(Formula(bad, names), Error);
  CHECK(message([&] { Formula("0.1 * y1", names); }) ==
        "'0.1 * y1': unknown name 'y1'; did you mean 'x1'? at 7");
  CHECK_THROWS_AS(Formula(std::string(100000, '('), names), Error);
  CHECK_THROWS_AS(Formula(std::string(100000, '-'), names), Error);
}
