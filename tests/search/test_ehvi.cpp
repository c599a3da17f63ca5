#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "search/ehvi.h"
#include "search/normal.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

std::vector<Values> random_points(int n, size_t m, Rng& rng) {
  std::vector<Values> points;
  for (int i = 0; i < n; ++i) {
    Values p;
    for (size_t k = 0; k < m; ++k)  // a grid now and then, so that values repeat
      p.push_back(i % 3 ? rng.uniform() : double(rng.below(5)) / 4);
    points.push_back(p);
  }
  return points;
}

// Points on a sphere: all non-dominated, the worst case for boxes.
std::vector<Values> sphere(int n, size_t m, Rng& rng) {
  std::vector<Values> points;
  for (int i = 0; i < n; ++i) {
    Values p;
    double norm = 0;
    for (size_t k = 0; k < m; ++k) {
      p.push_back(std::abs(rng.normal()));
      norm += p.back() * p.back();
    }
    for (double& v : p) v /= std::sqrt(norm);
    points.push_back(p);
  }
  return points;
}

// What the point adds, by two exact hypervolumes.
double improvement(const std::vector<Values>& front, const Values& reference, const Values& y) {
  std::vector<Values> more = front;
  more.push_back(y);
  return hypervolume(more, reference) - hypervolume(front, reference);
}

}  // namespace

TEST_CASE("normal: shortfall and log Φ are continuous into the tail and known where they are") {
  CHECK(std::exp(shortfall(0).log) == doctest::Approx(0.3989422804));
  CHECK(std::exp(shortfall(5).log) == doctest::Approx(5.0000000534));
  // h(-10) and log Φ(-10), by 50-digit arithmetic.
  CHECK(shortfall(-10).log == doctest::Approx(-55.5526).epsilon(1e-5));
  CHECK(log_cumulative(-10).log == doctest::Approx(-53.23128515).epsilon(1e-8));
  for (double z : {-3.0, -8.0, -30.0, -300.0, 1.0}) {
    const double step = 1e-5 * std::max(1.0, std::abs(z) / 10);
    CHECK((shortfall(z + step).log - shortfall(z - step).log) / (2 * step) ==
          doctest::Approx(shortfall(z).cumulative).epsilon(1e-5));
    CHECK((log_cumulative(z + step).log - log_cumulative(z - step).log) / (2 * step) ==
          doctest::Approx(log_cumulative(z).slope).epsilon(1e-5));
  }
  CHECK(shortfall(-3 + 1e-12).log == doctest::Approx(shortfall(-3 - 1e-12).log).epsilon(1e-12));
}

TEST_CASE("boxes: disjoint, free of what is dominated, and all that is not") {
  Rng rng(1);
  for (size_t m = 1; m <= 4; ++m)
    for (int round = 0; round < 6; ++round) {
      const auto front = random_points(12, m, rng);
      const Values reference(m, 1.0);
      const Boxes boxes = nondominated_boxes(front, reference);
      for (int i = 0; i < 300; ++i) {
        Values t;
        for (size_t k = 0; k < m; ++k) t.push_back(rng.uniform(-0.3, 1));
        int inside = 0;
        for (size_t b = 0; b < boxes.count(); ++b) {
          bool in = true;
          for (size_t k = 0; k < m; ++k)
            in = in && boxes.levels[k][boxes.low[b * m + k]] < t[k] &&
                 t[k] < boxes.levels[k][boxes.high[b * m + k]];
          inside += in;
        }
        const bool free = std::none_of(front.begin(), front.end(),
                                       [&](const Values& p) { return dominates(p, t); });
        CHECK(inside == int(free));
      }
    }
}

TEST_CASE("boxes: few enough") {
  Rng rng(2);
  CHECK(nondominated_boxes(sphere(80, 2, rng), {1.1, 1.1}).count() == 81);
  CHECK(nondominated_boxes(sphere(80, 3, rng), {1.1, 1.1, 1.1}).count() <= 2 * 80 + 1);
  const size_t four = nondominated_boxes(sphere(80, 4, rng), {1.1, 1.1, 1.1, 1.1}).count();
  MESSAGE("boxes of 80 points, 4 objectives: ", four);
  CHECK(four < 4000);
}

// BoTorch's analytic values, which agree with its Monte Carlo; maximised there, so negated.
TEST_CASE("EHVI: reference values") {
  Rng rng(1);
  const std::vector<Values> two = {{1, 4}, {2, 3}, {4, 1}};
  const std::vector<Values> four = {{1, 2, 3, 4}, {4, 3, 2, 1}, {2, 2, 2, 2.5}};
  const auto value = [&](const std::vector<Values>& front, std::vector<Belief> y) {
    return std::exp(Ehvi(front, Values(y.size(), 5.0), rng).log_value(y));
  };
  CHECK(value(two, {{1.5, 0.5}, {2.5, 1.0}}) == doctest::Approx(2.2647125250893367).epsilon(1e-9));
  CHECK(value(two, {{4.5, 0.9}, {4.5, 0.8}}) ==
        doctest::Approx(0.0016328820313105982).epsilon(1e-9));
  CHECK(value(four, {{1.5, 0.5}, {2, 0.4}, {2.5, 0.3}, {2, 0.8}}) ==
        doctest::Approx(23.30674730987359).epsilon(1e-9));
}

TEST_CASE("EHVI: equals Monte Carlo over exact hypervolumes, some objectives known or not") {
  Rng rng(3);
  for (size_t m = 1; m <= 4; ++m)
    for (int round = 0; round < 4; ++round) {
      const auto front = random_points(5, m, rng);
      const Values reference(m, 1.0);
      std::vector<Belief> y;
      for (size_t k = 0; k < m; ++k)
        y.push_back({rng.uniform(0, 0.9), (round + k) % 3 == 0 ? 0.0 : rng.uniform(0.05, 0.5)});
      const int n = 4000;
      double sum = 0, square = 0;
      for (int i = 0; i < n; ++i) {
        Values drawn;
        for (const Belief& b : y) drawn.push_back(b.mean + b.sigma * rng.normal());
        const double gain = improvement(front, reference, drawn);
        sum += gain / n;
        square += gain * gain / n;
      }
      const double error = std::sqrt(std::max(square - sum * sum, 0.0) / n);
      CAPTURE(m);
      CHECK(std::abs(std::exp(Ehvi(front, reference, rng).log_value(y)) - sum) < 5 * error + 1e-9);
    }
}

TEST_CASE("EHVI: of known objectives it is the exact improvement; 5 objectives by Monte Carlo") {
  Rng rng(4);
  for (size_t m = 1; m <= 5; ++m) {
    const auto front = random_points(10, m, rng);
    const Values reference(m, 1.1);
    const Ehvi ehvi(front, reference, rng, 200000);
    Values at(m, 0.35);
    if (m > 1) at[1] = 0.15;
    std::vector<Belief> y;
    for (double v : at) y.push_back({v, 0});
    const double exact = improvement(front, reference, at);
    if (m == 5) {
      REQUIRE(exact > 0);
      CHECK(std::exp(ehvi.log_value(y)) == doctest::Approx(exact).epsilon(0.05));
    } else {
      CHECK(std::exp(ehvi.log_value(y)) == doctest::Approx(exact).epsilon(1e-12));
    }
  }
}

TEST_CASE("EHVI: slopes equal finite differences, also where the value underflows") {
  Rng rng(5);
  for (size_t m = 2; m <= 5; ++m)
    for (const double far : {0.0, 1.0, 60.0}) {
      if (m == 5 && far > 1) continue;
      const auto front = sphere(8, m, rng);
      const Ehvi ehvi(front, Values(m, 1.1), rng);
      std::vector<Belief> y;
      for (size_t k = 0; k < m; ++k)
        y.push_back({rng.uniform(0.2, 0.9) + far, rng.uniform(0.1, 0.4)});
      const EhviSlope slope = ehvi.log_slope(y);
      CHECK(std::isfinite(slope.log));
      CHECK(slope.log == doctest::Approx(ehvi.log_value(y)));
      for (size_t k = 0; k < m; ++k)
        for (const bool mean : {true, false}) {
          const auto moved = [&](double step) {
            std::vector<Belief> z = y;
            (mean ? z[k].mean : z[k].sigma) += step;
            return ehvi.log_value(z);
          };
          CAPTURE(m);
          CAPTURE(far);
          const double step = far > 1 ? 1e-4 : 1e-5;
          CHECK((mean ? slope.mean[k] : slope.sigma[k]) ==
                doctest::Approx((moved(step) - moved(-step)) / (2 * step)).epsilon(1e-3));
        }
    }
}
