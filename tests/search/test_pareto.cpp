#include <doctest/doctest.h>

#include <cmath>

#include "search/objective.h"
#include "search/pareto.h"
#include "tensor/error.h"
#include "tensor/rng.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

std::vector<Values> cloud(int n, int m, Rng& rng, bool grid = false) {
  std::vector<Values> points;
  for (int i = 0; i < n; ++i) {
    points.emplace_back();
    for (int k = 0; k < m; ++k)
      points.back().push_back(grid ? double(rng.below(4)) / 4 : rng.uniform(0, 1.2));
  }
  return points;
}

double inclusion_exclusion(const std::vector<Values>& points, const Values& reference) {
  double total = 0;
  for (uint32_t set = 1; set < 1u << points.size(); ++set) {
    double volume = 1;
    int members = 0;
    for (size_t i = 0; i < points.size(); ++i) members += set >> i & 1;
    for (size_t k = 0; k < reference.size(); ++k) {
      double worst = -INFINITY;
      for (size_t i = 0; i < points.size(); ++i)
        if (set >> i & 1) worst = std::max(worst, points[i][k]);
      volume *= std::max(reference[k] - worst, 0.0);
    }
    total += members % 2 ? volume : -volume;
  }
  return total;
}

}  // namespace

TEST_CASE("hypervolume equals inclusion-exclusion, 1 to 5 objectives") {
  Rng rng(1);
  for (int m = 1; m <= 5; ++m)
    for (int round = 0; round < 40; ++round) {
      const auto points = cloud(1 + int(rng.below(9)), m, rng, round % 2);
      const Values reference(size_t(m), 1.0);
      CAPTURE(m);
      CHECK(hypervolume(points, reference) ==
            doctest::Approx(inclusion_exclusion(points, reference)).epsilon(1e-12));
    }
}

TEST_CASE("hypervolume: known values and edges") {
  CHECK(hypervolume({}, {1, 1}) == 0);
  CHECK(hypervolume({{1, 0}}, {1, 1}) == 0);  // not better everywhere
  CHECK(hypervolume({{1, 4}, {2, 3}, {4, 1}}, {5, 5}) == 9);
  CHECK(hypervolume({{1, 2, 3, 4}, {4, 3, 2, 1}, {2, 2, 2, 2.5}}, {5, 5, 5, 5}) ==
        doctest::Approx(82.5));
}

TEST_CASE("the archive equals brute force, whatever the order; equal values count once") {
  Rng rng(2);
  for (int round = 0; round < 60; ++round) {
    const int m = 2 + int(rng.below(4));
    const auto points = cloud(40, m, rng, round % 2);
    ParetoArchive archive;
    for (size_t i = 0; i < points.size(); ++i) archive.add(int64_t(i), points[i]);
    std::vector<int64_t> expected;
    for (size_t i = 0; i < points.size(); ++i) {
      bool keep = true;
      for (size_t j = 0; j < points.size(); ++j)
        if (dominates(points[j], points[i]) || (j < i && points[j] == points[i])) keep = false;
      if (keep) expected.push_back(int64_t(i));
    }
    std::vector<int64_t> found;
    for (const auto& entry : archive.entries()) found.push_back(entry.id);
    CHECK(found == expected);
    CHECK(pareto_front(points).size() == expected.size());
    for (int64_t id : expected) CHECK(archive.contains(id));
  }
  ParetoArchive archive;
  CHECK(archive.add(1, {1, 2}));
  CHECK_FALSE(archive.add(2, {1, 2}));
  CHECK_FALSE(archive.add(3, {NAN, 0}));
  CHECK(archive.add(4, {1, 1}));
  CHECK(archive.entries().size() == 1);
}

TEST_CASE("objectives: 0 at the ideal, 1 at the reference, logarithms where set") {
  const Objective size{.name = "size", .reference = 4096, .ideal = 4, .logarithmic = true};
  CHECK(normalised(size, 4) == 0);
  CHECK(normalised(size, 4096) == 1);
  CHECK(normalised(size, 128) == doctest::Approx(0.5));
  CHECK(std::isfinite(normalised(size, 0)));
  const Objective gain{.name = "gain", .minimize = false, .reference = 0, .ideal = 10};
  CHECK(normalised(gain, 10) == 0);
  CHECK(normalised(gain, 2) > normalised(gain, 3));
  for (const char* name : {"error", "size", "memory", "macs", "latency", "other"})
    validate(network_objective(name));
  CHECK_THROWS_AS(validate(Objective{.name = "x", .reference = 0}), Error);
  CHECK_THROWS_AS(validate(Objective{.name = "x", .logarithmic = true}), Error);
  CHECK_THROWS_AS(validate(Objective{.name = "x", .minimize = false}), Error);
}
