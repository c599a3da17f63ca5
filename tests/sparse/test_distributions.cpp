#include <doctest/doctest.h>

#include <numeric>

#include "sparse/allocate.h"
#include "sparse/distributions.h"
#include "tensor/error.h"
#include "tensor/rng.h"

using namespace sparlet;

namespace {

std::vector<sparse::Weight> layers(const std::vector<Shape>& shapes) {
  std::vector<sparse::Weight> out;
  for (const Shape& shape : shapes)
    out.push_back({.name = "w" + std::to_string(out.size()), .shape = shape});
  return out;
}

void check(const std::vector<double>& found, const std::vector<double>& wanted) {
  REQUIRE(found.size() == wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) CHECK(std::abs(found[i] - wanted[i]) < 1e-6);
}

// Sizes as ours are: out, in, kernel.
const auto kNet = layers({{32, 3, 3, 3}, {128, 32, 3, 3}, {512, 128, 3, 3}, {10, 512}});
const auto kLenet300 = layers({{300, 784}, {100, 300}, {10, 100}});
const auto kLenet5 = layers({{6, 1, 5, 5}, {16, 6, 5, 5}, {120, 256}, {84, 120}, {10, 84}});

int64_t sum(const std::vector<int64_t>& list) {
  return std::accumulate(list.begin(), list.end(), int64_t(0));
}

}  // namespace

// The numbers come from the formulas of Evci et al.'s published code, worked out in double
// precision.
TEST_CASE("Erdős–Rényi densities are those of the papers' code") {
  const auto erk = sparse::erdos_renyi(), er = sparse::erdos_renyi({.kernel = false});
  check(erk(kNet, 0.9), {0, .682320, .922733, 0});
  check(er(kNet, 0.9), {0, .684318, .921080, .176070});
  check(erk(kLenet300, 0.9), {.920432, .769811, 0});
  check(erk(kLenet300, 0.98), {.984606, .955466, .632597});
  check(erk(kLenet5, 0.95), {.653573, .959244, .962587, .938138, .657940});
  check(er(kLenet5, 0.95), {0, .614311, .979401, .965939, .811664});
}

TEST_CASE("power 0 is uniform; first-dense leaves the first") {
  check(sparse::erdos_renyi({.power = 0})(kLenet300, 0.5), {.5, .5, .5});
  check(sparse::uniform()(kLenet300, 0.7), {.7, .7, .7});
  check(sparse::first_dense()(kLenet300, 0.7), {0, .7, .7});
}

TEST_CASE("custom sparsities: the others share their own budget; unknown names are told") {
  const auto map = sparse::custom({{"w2", 0}}, sparse::erdos_renyi());
  const auto alone = sparse::erdos_renyi()(std::span(kLenet300).first(2), 0.9);
  check(map(kLenet300, 0.9), {alone[0], alone[1], 0});
  CHECK_THROWS_WITH_AS(sparse::custom({{"w22", 0.5}})(kLenet300, 0.9), doctest::Contains("'w2'"),
                       Error);
  CHECK_THROWS_AS(sparse::custom({{"w2", 1.5}})(kLenet300, 0.9), Error);
  CHECK_THROWS_WITH_AS(sparse::distribution_from("erc"), doctest::Contains("'er"), Error);
  const sparse::Distribution mine = [](std::span<const sparse::Weight> w, double) {
    return std::vector<double>(w.size(), 0.25);
  };
  CHECK(sparse::connection_counts(kLenet300, 0.9, mine) ==
        std::vector<int64_t>{176400, 22500, 750});
  const sparse::Distribution wrong = [](auto, double) { return std::vector<double>{1}; };
  CHECK_THROWS_AS(sparse::connection_counts(kLenet300, 0.9, wrong), Error);
}

TEST_CASE("counts keep the budget to the last weight") {
  for (const auto& net : {kNet, kLenet300, kLenet5}) {
    int64_t size = 0;
    for (const sparse::Weight& w : net) size += w.size();
    for (double s : {0.0, 0.1, 0.5, 0.777, 0.9, 0.99, 0.9999, 1.0}) {
      for (const char* word : {"uniform", "er", "erk"}) {
        CAPTURE(word);
        CAPTURE(s);
        const auto counts = sparse::connection_counts(net, s, sparse::distribution_from(word));
        CHECK(sum(counts) == size - std::llround(s * double(size)));
        for (size_t i = 0; i < net.size(); ++i) CHECK(counts[i] <= net[i].size());
      }
    }
  }
}

TEST_CASE("allocate: exact sums, caps kept, near to the shares") {
  Rng rng(3);
  for (int round = 0; round < 500; ++round) {
    const size_t n = size_t(1 + rng.below(8));
    std::vector<double> shares;
    std::vector<int64_t> caps;
    for (size_t i = 0; i < n; ++i) {
      shares.push_back(rng.below(5) == 0 ? 0 : rng.uniform());
      caps.push_back(rng.below(100));
    }
    const int64_t total = rng.below(400);
    for (const auto excess : {sparse::Excess::by_share, sparse::Excess::equally}) {
      const auto parts = sparse::allocate(total, shares, caps, excess);
      CHECK(sum(parts) == std::min(total, sum(caps)));
      for (size_t i = 0; i < n; ++i) CHECK((parts[i] >= 0 && parts[i] <= caps[i]));
    }
  }
  const std::vector<double> shares{1, 1, 2};
  const std::vector<int64_t> wide{100, 100, 100}, narrow{100, 100, 10};
  CHECK(sparse::allocate(11, shares, wide) == std::vector<int64_t>{3, 3, 5});
  CHECK(sparse::allocate(40, shares, narrow) == std::vector<int64_t>{15, 15, 10});
  const std::vector<double> unequal{1, 3, 4};
  // 5 + 15 + 20, of which 10 do not fit: 5 more to each of the others; by shares 2.5 and 7.5.
  CHECK(sparse::allocate(40, unequal, narrow, sparse::Excess::equally) ==
        std::vector<int64_t>{10, 20, 10});
  CHECK(sparse::allocate(40, unequal, narrow) == std::vector<int64_t>{8, 22, 10});
}
