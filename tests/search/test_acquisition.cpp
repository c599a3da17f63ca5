#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "search/acquisition.h"
#include "search/pareto.h"
#include "search/propose.h"
#include "spaces.h"

using namespace test;

TEST_CASE("weights are uniform on the simplex") {
  Rng rng(1);
  double first = 0, square = 0;
  for (int i = 0; i < 20000; ++i) {
    const auto w = random_weights(3, rng);
    REQUIRE(w[0] + w[1] + w[2] == doctest::Approx(1));
    REQUIRE(std::min({w[0], w[1], w[2]}) >= 0);
    first += w[0] / 20000;
    square += w[0] * w[0] / 20000;
  }
  CHECK(first == doctest::Approx(1.0 / 3).epsilon(0.02));
  CHECK(square == doctest::Approx(1.0 / 6).epsilon(0.03));  // Dirichlet(1,1,1)
}

TEST_CASE("augmented Chebyshev, min form") {
  const std::vector<double> w = {0.5, 0.5}, f = {0.2, 0.6};
  CHECK(chebyshev(w, f, 0.05) == doctest::Approx(0.3 + 0.05 * 0.4));
  CHECK(chebyshev(w, std::vector<double>{0.1, 0.6}) < chebyshev(w, f));  // the sum breaks ties
}

TEST_CASE("expected improvement against numbers known and Monte Carlo") {
  CHECK(expected_improvement(0, 1, 0) == doctest::Approx(0.3989422804));
  CHECK(expected_improvement(1, 0, 3) == 2);
  CHECK(expected_improvement(3, 0, 1) == 0);
  CHECK(expected_improvement(10, 1, 0) > 0);  // the far tail does not vanish
  CHECK(expected_improvement(10, 1, 0) < 1e-20);
}

TEST_CASE("expected improvement of the scalarised objectives equals Monte Carlo") {
  Rng rng(2);
  int positive = 0;
  for (int round = 0; round < 40; ++round) {
    const int m = 1 + int(rng.below(4));
    const auto w = random_weights(m, rng);
    std::vector<double> f;
    for (int k = 0; k < m; ++k) f.push_back(rng.uniform(-0.2, 1.2));
    ChebyshevImprovement x{.weights = w,
                           .f = f,
                           .uncertain = size_t(rng.below(m)),
                           .mean = rng.uniform(0, 1),
                           .sigma = rng.uniform(0.02, 0.6),
                           .best = rng.uniform(0, 0.6),
                           .rho = round % 5 == 0 ? 0.0 : 0.05};
    const int n = 100000;
    double sum = 0, square = 0;
    std::vector<double> drawn = f;
    for (int i = 0; i < n; ++i) {
      drawn[x.uncertain] = x.mean + x.sigma * rng.normal();
      const double gain = std::max(x.best - chebyshev(w, drawn, x.rho), 0.0);
      sum += gain / n;
      square += gain * gain / n;
    }
    const double error = std::sqrt(std::max(square - sum * sum, 0.0) / n);
    CAPTURE(round);
    CHECK(std::abs(expected_improvement(x) - sum) < 5 * error + 1e-9);
    positive += sum > 0;
    x.sigma = 0;
    drawn[x.uncertain] = x.mean;
    CHECK(expected_improvement(x) ==
          doctest::Approx(std::max(x.best - chebyshev(w, drawn, x.rho), 0.0)));
  }
  CHECK(positive > 20);
}

namespace {

// Error falls with width to a floor; size grows with it, and is known.
const std::vector<Objective> kObjectives = {
    {.name = "error"}, {.name = "size", .reference = 1024, .ideal = 1, .logarithmic = true}};

std::vector<double> truth(const Point& p) {
  const double width = p.number("width"), rate = std::log10(p.number("rate")) + 2;
  double error = 0.9 / (1 + width / 8) + 0.5 * rate * rate;
  for (const char* name : {"a", "b", "c"}) error += std::pow(p.number(name) - 0.3, 2);
  return {error, width * (p.integer("depth") == 2 ? 1 + p.number("extra") : 1)};
}

Space toy_space() {
  return Space({{.name = "width", .kind = Kind::log_integer, .low = 1, .high = 512},
                {.name = "rate", .kind = Kind::log_real, .low = 1e-4, .high = 1},
                {.name = "depth", .kind = Kind::integer, .low = 1, .high = 2},
                {.name = "extra", .when = "depth == 2"},
                {.name = "a"},
                {.name = "b"},
                {.name = "c"}},
               {{.expression = "width + depth <= 500"}});
}

std::optional<std::vector<double>> known_size(const Point& p) {
  if (p.integer("width") == 13) return std::nullopt;  // cannot be built
  return std::vector<double>{NAN, truth(p)[1]};
}

struct Run {
  std::vector<std::string> points;
  std::vector<Values> values;
};

Run optimise(uint64_t seed, int trials, bool model) {
  const Space space = toy_space();
  Rng rng(seed);
  Run run;
  std::vector<Observation> seen;
  std::set<std::string> texts;
  Hypers hyper;
  ParetoArchive archive;
  for (int t = 0; t < trials; ++t) {
    Point next = space.sample(rng);
    if (model && t >= 8) {
      std::vector<Point> parents;
      for (const auto& entry : archive.entries()) parents.push_back(seen[size_t(entry.id)].point);
      const Surrogate surrogate(space, kObjectives, {true, false}, seen, {next}, rng, {}, hyper);
      hyper = surrogate.hyper();
      next = propose(space, surrogate, known_size, parents, texts, rng,
                     {.random = 60, .mutants = 60, .survivors = 4, .rounds = 2, .children = 6})
                 .value()
                 .point;
      REQUIRE(known_size(next));
    }
    REQUIRE(space.contains(next));
    if (model && t >= 8) REQUIRE(texts.insert(to_text(next)).second);
    texts.insert(to_text(next));
    seen.push_back({next, truth(next)});
    run.points.push_back(to_text(next));
    run.values.push_back(normalised(kObjectives, seen.back().values));
    archive.add(t, run.values.back());
  }
  return run;
}

}  // namespace

TEST_CASE(
    "proposals: the same seed gives the same; they beat random; nothing twice, nothing "
    "infeasible") {
  const Run a = optimise(1, 24, true), b = optimise(1, 24, true);
  CHECK(a.points == b.points);
  CHECK(optimise(2, 24, true).points != a.points);
  double with = 0, without = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    with += hypervolume(optimise(seed, 24, true).values, {1, 1});
    without += hypervolume(optimise(seed, 24, false).values, {1, 1});
  }
  CHECK(with > 1.25 * without);
}

TEST_CASE("choosing among given candidates: the best score, never a seen one; none is an answer") {
  const Space space = toy_space();
  Rng rng(3);
  std::vector<Observation> seen;
  for (int i = 0; i < 12; ++i) {
    const Point p = space.sample(rng);
    seen.push_back({p, truth(p)});
  }
  const Surrogate surrogate(space, kObjectives, {true, false}, seen, {}, rng);
  std::vector<Point> candidates;
  for (int i = 0; i < 20; ++i) candidates.push_back(space.sample(rng));
  const auto first = choose(space, surrogate, known_size, candidates, {});
  REQUIRE(first);
  for (const Point& p : candidates)
    if (const auto values = known_size(p)) CHECK(surrogate.score(p, *values) <= first->score);
  const auto second = choose(space, surrogate, known_size, candidates, {to_text(first->point)});
  REQUIRE(second);
  CHECK(second->point != first->point);
  CHECK_FALSE(choose(space, surrogate, known_size, {first->point}, {to_text(first->point)}));
  CHECK_FALSE(choose(space, surrogate, known_size, {}, {}));
}

TEST_CASE("several learnt objectives by Monte Carlo, none exactly; both order candidates alike") {
  const Space space = toy_space();
  Rng rng(4);
  std::vector<Observation> seen;
  for (int i = 0; i < 30; ++i) {
    const Point p = space.sample(rng);
    seen.push_back({p, truth(p)});
  }
  Rng first(9), second(9);
  const SurrogateOptions options{.acquisition = Acquisition::chebyshev};
  const Surrogate all(space, kObjectives, {true, true}, seen, {}, first, options);
  const Surrogate exact(space, kObjectives, {false, false}, seen, {}, second, options);
  CHECK(all.weights() == exact.weights());
  CHECK(all.hyper().size() == 2);
  CHECK(exact.hyper().empty());
  int agree = 0, pairs = 0;
  for (int i = 0; i < 60; ++i) {
    const Point p = space.sample(rng);
    const double truly = std::exp(exact.score(p, truth(p)));
    CHECK(truly ==
          doctest::Approx(std::max(
              exact.best() - chebyshev(exact.weights(), normalised(kObjectives, truth(p))), 0.0)));
    if (truly > 0.02) ++pairs, agree += std::exp(all.score(p, truth(p))) > 0.01;
  }
  CHECK(agree >= pairs * 3 / 4);
}

namespace {

// Error that its cost alone decides; the cost is a known product of two parameters.
struct Costly {
  Space space{{{.name = "a"}, {.name = "b"}, {.name = "c"}}};
  std::vector<Objective> objectives = {{.name = "error"}, {.name = "cost", .reference = 4}};
  static double cost(const Point& p) { return (1 + p.number("a")) * (1 + p.number("b")); }
  static double error(const Point& p) { return 0.5 + 0.4 * std::sin(4 * cost(p)); }
  std::vector<Observation> observations(int n) const {
    Rng rng(4);
    std::vector<Observation> seen;
    for (int i = 0; i < n; ++i) {
      const Point p = space.sample(rng);
      seen.push_back({p, {error(p), cost(p)}});
    }
    return seen;
  }
  SurrogateOptions options(bool inputs) const {
    SurrogateOptions options;
    if (inputs)
      options.known = [](const Point& p) {
        return std::optional(std::vector<double>{NAN, cost(p)});
      };
    return options;
  }
};

}  // namespace

TEST_CASE("known objectives are inputs of the models: what follows from them is learnt sooner") {
  const Costly problem;
  const std::vector<Observation> seen = problem.observations(20);
  double squares[2] = {0, 0};
  for (const bool inputs : {false, true}) {
    Rng rng(5), other(6);
    const Surrogate surrogate(problem.space, problem.objectives, {true, false}, seen, {}, rng,
                              problem.options(inputs));
    for (int i = 0; i < 100; ++i) {
      const Point p = problem.space.sample(other);
      const double off = surrogate.predict(0, p).mean - problem.error(p);
      squares[inputs] += off * off / 100;
    }
  }
  CHECK(squares[true] < 0.25 * squares[false]);
}

TEST_CASE("slopes of a score, by way of known objectives too, equal finite differences") {
  const Costly problem;
  const std::vector<Observation> seen = problem.observations(20);
  for (const bool inputs : {false, true}) {
    Rng rng(7), other(8);
    const Surrogate surrogate(problem.space, problem.objectives, {true, false}, seen, {}, rng,
                              problem.options(inputs));
    for (int i = 0; i < 10; ++i) {
      const Point p = problem.space.sample(other);
      const Features f = problem.space.features(p);
      const double a = p.number("a"), b = p.number("b");
      const ScoreSlope slope = surrogate.score_slope(f, std::vector<double>{NAN, problem.cost(p)},
                                                     {{0, 0, 0}, {1 + b, 1 + a, 0}});
      const auto score = [&](size_t c, double by) {
        std::vector<double> x = f.x;
        x[c] += by;
        const Point at = problem.space.moved(p, x);
        return surrogate.score(at, std::vector<double>{NAN, problem.cost(at)});
      };
      CHECK(slope.score == doctest::Approx(score(0, 0)));
      for (size_t c = 0; c < 3; ++c)
        CHECK(slope.by_feature[c] ==
              doctest::Approx((score(c, 1e-5) - score(c, -1e-5)) / 2e-5).epsilon(1e-3).scale(1));
    }
  }
}

TEST_CASE("what a pending point is expected to gain is not to be had again") {
  const Costly problem;
  const std::vector<Observation> seen = problem.observations(12);
  const SurrogateOptions options = problem.options(true);
  Rng rng(9), other(10);
  const Surrogate before(problem.space, problem.objectives, {true, false}, seen, {}, rng, options);
  // The mean alone improves on the front: not variance that is spent makes the difference.
  std::optional<Point> best;
  double most = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < 300; ++i) {
    const Point p = problem.space.sample(other);
    const double score = before.score(p, std::vector<double>{NAN, problem.cost(p)});
    if (score > most) most = score, best = p;
  }
  Rng again(9);
  const Surrogate after(problem.space, problem.objectives, {true, false}, seen, {*best}, again,
                        options);
  CHECK(after.score(*best, std::vector<double>{NAN, problem.cost(*best)}) < most - 2);
}
