#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "search/asha.h"
#include "tensor/error.h"
#include "tensor/rng.h"

using namespace sparlet;
using namespace sparlet::search;

TEST_CASE("asha: rungs") {
  CHECK(rungs_of(1, 16, 4) == std::vector<int>{1, 4, 16});
  CHECK(rungs_of(1, 9, 3) == std::vector<int>{1, 3, 9});
  CHECK(rungs_of(2, 20, 3) == std::vector<int>{2, 6, 20});
  CHECK(rungs_of(1, 10, 3) == std::vector<int>{1, 3, 10});  // not 9 and 10
  CHECK(rungs_of(5, 5, 2) == std::vector<int>{5});
  CHECK(rungs_of(1, 3, 1.5) == std::vector<int>{1, 2, 3});
  CHECK_THROWS_AS(rungs_of(4, 3, 2), Error);
  CHECK_THROWS_AS(rungs_of(1, 3, 1), Error);
}

TEST_CASE("asha: promotion by rank, then by what a row adds to the hypervolume") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // Rank 0: 1 and 3 and 4; 4 is close to 1 and adds little. Rank 1: 0, 2.
  const std::vector<Values> rows = {{5, 5}, {1, 4}, {6, 6}, {4, 1}, {1.1, 3.9}, {nan, 0}};
  const std::vector<size_t> order = promotion_order(rows);
  REQUIRE(order.size() == 6);
  CHECK((order[0] == 1 || order[0] == 3 || order[0] == 4));
  CHECK(order[1] == 3);
  CHECK(order[3] == 0);
  CHECK(order[4] == 2);
  CHECK(order[5] == 5);
  CHECK(promotion_order({}).empty());
  // One objective: plain order.
  CHECK(promotion_order({{3}, {1}, {2}}) == std::vector<size_t>{1, 2, 0});
  Rng rng(3);
  std::vector<Values> cloud;
  for (int i = 0; i < 30; ++i) cloud.push_back({rng.uniform(), rng.uniform(), rng.uniform()});
  const std::vector<size_t> all = promotion_order(cloud), front = pareto_front(cloud);
  std::vector<size_t> first(all.begin(), all.begin() + long(front.size()));
  std::sort(first.begin(), first.end());
  CHECK(first == front);
  CHECK(promotion_order(cloud, 7) == std::vector<size_t>(all.begin(), all.begin() + 7));
  // Within the rank, against brute force: none of those left would have added more.
  Values corner(3);
  for (size_t k = 0; k < 3; ++k) {
    double low = 1, high = 0;
    for (const Values& row : cloud) low = std::min(low, row[k]), high = std::max(high, row[k]);
    corner[k] = high + 0.1 * (high - low);
  }
  std::vector<Values> chosen;
  for (size_t i = 0; i < front.size(); ++i) {
    const auto with = [&](size_t row) {
      std::vector<Values> more = chosen;
      more.push_back(cloud[row]);
      return hypervolume(more, corner);
    };
    for (size_t j = i + 1; j < front.size(); ++j) CHECK(with(all[i]) >= with(all[j]) - 1e-12);
    chosen.push_back(cloud[all[i]]);
  }
}

TEST_CASE("asha: what is beyond the reference whatever it trains goes on last") {
  Asha asha({1, 2}, 2, {false, true});
  asha.report(0, 0, {0.1, 1.5});  // the best error, too large
  asha.report(1, 0, {3.0, 0.5});
  CHECK(asha.next()->trial == 1);
  asha.report(2, 0, {0.2, 1.2});
  asha.report(3, 0, {0.3, 1.1});
  CHECK(asha.next().has_value());  // where nothing else is left
  Asha plain({1, 2}, 2);
  plain.report(0, 0, {0.1, 0.4});
  plain.report(1, 0, {3.0, 0.5});
  CHECK(plain.next()->trial == 0);
}

TEST_CASE(
    "asha: a third of each rung goes on, each once, and the answer depends on reports alone") {
  for (int repeat = 0; repeat < 2; ++repeat) {
    Asha asha({1, 3, 9}, 3);
    Rng rng(8);
    std::map<int, Values> truth;
    std::vector<int> reached(3, 0);
    std::vector<int> jobs;
    int started = 0, epochs = 0;
    while (started < 90) {
      int trial = 0;
      size_t rung = 0;
      if (const auto go = asha.next()) {
        trial = go->trial, rung = go->rung;
        CHECK(jobs.size() > 2);
      } else {
        trial = started++;
        truth[trial] = {rng.uniform(), rng.uniform()};
      }
      epochs += asha.rungs()[rung] - (rung ? asha.rungs()[rung - 1] : 0);
      ++reached[rung];
      jobs.push_back(trial);
      asha.report(trial, rung, truth[trial]);
    }
    CHECK(reached[0] == 90);
    CHECK((reached[1] >= 28 && reached[1] <= 30));
    CHECK((reached[2] >= 8 && reached[2] <= 10));
    CHECK(epochs < 90 * 9 * 3 / 10);
    static std::vector<int> before;
    if (repeat == 0) before = jobs;
    CHECK(jobs == before);
  }
}

TEST_CASE("asha: what failed never goes on") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Asha asha({1, 2}, 2);
  asha.report(0, 0, {nan, nan});
  asha.report(1, 0, {nan, nan});
  CHECK_FALSE(asha.next());
  asha.report(2, 0, {0.5, 0.5});
  asha.report(3, 0, {0.4, 0.4});
  REQUIRE(asha.next()->trial == 3);
  CHECK(asha.next()->trial == 2);  // two of four
  CHECK_FALSE(asha.next());
}
