#include "tensor/rng.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace sparlet;

TEST_CASE("rng: SplitMix64's published values") {
  Rng zero(0), other(1234567);
  CHECK(zero.next() == 0xe220a8397b1dcdafULL);
  CHECK(zero.next() == 0x6e789e6aa1b965f4ULL);
  CHECK(zero.next() == 0x06c45d188009454fULL);
  CHECK(other.next() == 6457827717110365317ULL);
  CHECK(other.next() == 3203168211198807973ULL);
}

TEST_CASE("rng: the same seed, the same numbers; state is all there is") {
  Rng a(5), b(5);
  for (int i = 0; i < 100; ++i) CHECK(a.next() == b.next());
  Rng c(a.state());
  CHECK(c.next() == a.next());
}

TEST_CASE("rng: uniform stays in its range with mean and variance of one") {
  Rng rng(7);
  double sum = 0, squares = 0;
  for (int i = 0; i < 100000; ++i) {
    const double u = rng.uniform();
    CHECK_UNARY(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
  }
  CHECK(sum / 1e5 == doctest::Approx(0.5).epsilon(0.01));
  CHECK(squares / 1e5 == doctest::Approx(1.0 / 3).epsilon(0.01));
  const double v = rng.uniform(-3, -2);
  CHECK_UNARY(v >= -3 && v < -2);
}

TEST_CASE("rng: below has no bias, not even for bounds near the word's size") {
  Rng rng(7);
  int counts[6] = {};
  for (int i = 0; i < 60000; ++i) ++counts[rng.below(6)];
  double chi2 = 0;
  for (const int n : counts) chi2 += (n - 1e4) * (n - 1e4) / 1e4;
  CHECK(chi2 < 20.5);  // 99.9 % of chi-squared with 5 degrees of freedom
  CHECK(rng.below(1) == 0);
  // Of 3 * 2^61 values a plain modulo would hit the first third three times in eight, not in nine.
  const int64_t third = int64_t(1) << 61;
  int low = 0;
  for (int i = 0; i < 30000; ++i) low += rng.below(3 * third) < third;
  CHECK(low / 3e4 == doctest::Approx(1.0 / 3).epsilon(0.03));
}

TEST_CASE("rng: normal has mean 0, variance 1 and the normal tails") {
  Rng rng(11);
  double sum = 0, squares = 0;
  int beyond_two = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    beyond_two += x > 2 || x < -2;
  }
  CHECK_UNARY(sum / 1e5 > -0.01 && sum / 1e5 < 0.01);
  CHECK(squares / 1e5 == doctest::Approx(1).epsilon(0.02));
  CHECK(beyond_two / 1e5 == doctest::Approx(0.0455).epsilon(0.05));
}

TEST_CASE("rng: split makes another sequence and moves on by one") {
  Rng a(3), b(3);
  Rng child = a.split();
  b.next();
  CHECK(a.state() == b.state());
  CHECK(child.next() != a.next());
}

TEST_CASE("rng: mix tells apart both arguments and their order") {
  CHECK(mix(1, 2) != mix(2, 1));
  CHECK(mix(1, 2) != mix(1, 3));
  CHECK(mix(1, 2) == mix(1, 2));
}

TEST_CASE("rng: shuffle is a permutation, each equally likely") {
  Rng rng(13);
  int first_at[4] = {};
  for (int i = 0; i < 40000; ++i) {
    std::vector<int> list = {0, 1, 2, 3};
    rng.shuffle(list);
    ++first_at[std::find(list.begin(), list.end(), 0) - list.begin()];
    if (i) continue;
    std::sort(list.begin(), list.end());
    CHECK(list == std::vector<int>{0, 1, 2, 3});
  }
  for (const int n : first_at) CHECK(n / 4e4 == doctest::Approx(0.25).epsilon(0.03));
}
