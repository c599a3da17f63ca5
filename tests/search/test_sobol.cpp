#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "search/sobol.h"

using namespace sparlet::search;

TEST_CASE("Sobol: the first points of Joe & Kuo's program") {
  const std::vector<std::vector<double>> expected = {{0, 0, 0},
                                                     {0.5, 0.5, 0.5},
                                                     {0.75, 0.25, 0.25},
                                                     {0.25, 0.75, 0.75},
                                                     {0.375, 0.375, 0.625},
                                                     {0.875, 0.875, 0.125},
                                                     {0.625, 0.125, 0.875},
                                                     {0.125, 0.625, 0.375},
                                                     {0.1875, 0.3125, 0.9375},
                                                     {0.6875, 0.8125, 0.4375}};
  const Sobol sobol(3);
  for (size_t i = 0; i < expected.size(); ++i) CHECK(sobol.at(uint32_t(i)) == expected[i]);
}

// From PyTorch 1.13's SobolEngine, which reads Joe & Kuo's file.
TEST_CASE("Sobol: points of far dimensions of Joe & Kuo's table") {
  const std::vector<size_t> dimensions = {0, 1, 52, 53, 99, 500, 1023, 1110};
  const std::vector<std::pair<uint32_t, std::vector<double>>> expected = {
      {3, {0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.25}},
      {77,
       {0.8359375, 0.8359375, 0.3359375, 0.0390625, 0.8671875, 0.8203125, 0.7421875, 0.2265625}},
      {500,
       {0.439453125, 0.064453125, 0.544921875, 0.873046875, 0.861328125, 0.884765625, 0.826171875,
        0.369140625}},
      {999,
       {0.1572265625, 0.9091796875, 0.5654296875, 0.1259765625, 0.4990234375, 0.6630859375,
        0.0263671875, 0.6826171875}}};
  const Sobol sobol(Sobol::table_size());
  for (const auto& [index, values] : expected) {
    const auto point = sobol.at(index);
    for (size_t i = 0; i < dimensions.size(); ++i) CHECK(point[dimensions[i]] == values[i]);
  }
}

TEST_CASE("Sobol: every dimension visits every cell once, plain and scrambled") {
  const int dimension = Sobol::table_size();
  CHECK(dimension >= 1024);
  for (const Sobol& sobol : {Sobol(dimension), Sobol(dimension, 7)}) {
    std::vector<std::set<int>> cells(size_t(dimension), std::set<int>{});
    for (uint32_t i = 0; i < 64; ++i) {
      const auto point = sobol.at(i);
      for (size_t d = 0; d < point.size(); ++d) cells[d].insert(int(point[d] * 64));
    }
    size_t worst = 64;
    for (const auto& seen : cells) worst = std::min(worst, seen.size());
    CHECK(worst == 64);
  }
}

TEST_CASE("Sobol: low-dimensional projections fill boxes better than chance") {
  // Neighbouring dimensions of the published table: a (t, 10, 2)-net with small t.
  const Sobol sobol(10, 3);
  for (size_t d = 0; d + 1 < 10; ++d) {
    std::set<int> boxes;
    for (uint32_t i = 0; i < 1024; ++i) {
      const auto p = sobol.at(i);
      boxes.insert(int(p[d] * 16) * 16 + int(p[d + 1] * 16));
    }
    CHECK(boxes.size() == 256);
  }
}

TEST_CASE("Sobol: the seed decides, other seeds differ, integrals converge fast") {
  CHECK(Sobol(5, 1).at(9) == Sobol(5, 1).at(9));
  CHECK(Sobol(5, 1).at(9) != Sobol(5, 2).at(9));
  const Sobol sobol(5, 11);
  double sum = 0;
  for (uint32_t i = 0; i < 4096; ++i) {
    double product = 1;
    for (double x : sobol.at(i)) {
      REQUIRE((x >= 0 && x < 1));
      product *= 1 + (x - 0.5);
    }
    sum += product / 4096;
  }
  CHECK(std::abs(sum - 1) < 1e-3);  // plain Monte Carlo: about 1e-2
}

TEST_CASE("Sobol: pseudo-random beyond the table, but still by seed") {
  const int n = Sobol::table_size() + 2;
  const auto a = Sobol(n, 1).at(5), b = Sobol(n, 1).at(5), c = Sobol(n, 2).at(5);
  CHECK(a == b);
  CHECK(a.back() != c.back());
  CHECK(a[size_t(n) - 1] != a[size_t(n) - 2]);
}
