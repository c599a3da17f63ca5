#include <doctest/doctest.h>

#include "naive.h"

using namespace sparlet::rt;

static std::vector<int32_t> boundaries(Dice& dice) {
  std::vector<int32_t> v = {0, INT32_MAX, INT32_MIN, INT32_MIN + 1};
  for (int bit = 0; bit < 31; ++bit)
    for (int near = -2; near <= 2; ++near)
      for (int sign : {-1, 1}) v.push_back(int32_t(sign * ((int64_t(1) << bit) + near)));
  for (int i = 0; i < 2000; ++i) v.push_back(int32_t(dice.engine()));
  return v;
}

TEST_CASE("rescale rounds twice as the reference, at every shift and boundary") {
  Dice dice(1);
  const auto values = boundaries(dice);
  int wrong = 0;
  for (int shift = -31; shift <= 30; ++shift) {
    for (int32_t q31 : {1 << 30, (1 << 30) + 1, INT32_MAX, INT32_MAX - 1, 1717986918}) {
      const Multiplier m{.q31 = q31, .shift = shift};
      for (int32_t v : values) wrong += rescale(v, m) != naive::rescale(v, m);
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("known roundings") {
  CHECK(divide_by_power(5, 1) == 3);
  CHECK(divide_by_power(-5, 1) == -3);
  CHECK(divide_by_power(-6, 2) == -2);
  CHECK(high_mul(INT32_MIN, INT32_MIN) == INT32_MAX);
  CHECK(high_mul(1 << 30, 1) == 1);
  CHECK(high_mul(-(1 << 30), 1) == 0);
}

TEST_CASE("a float's bits give its multiplier exactly") {
  Dice dice(2);
  for (int i = 0; i < 10000; ++i) {
    const float v = dice.real(1e-9f, 1e8f);
    const Multiplier m = multiplier_of(naive::bits(v)), expected = naive::quantize(v);
    REQUIRE(m.q31 == expected.q31);
    REQUIRE(m.shift == expected.shift);
    REQUIRE(std::ldexp(double(m.q31), m.shift - 31) == double(v));
  }
}

TEST_CASE("ratios agree with TFLite's double arithmetic") {
  Dice dice(3);
  auto same = [](Multiplier m, double factor) {
    const Multiplier e = naive::quantize(factor);
    return m.q31 == e.q31 && m.shift == e.shift;
  };
  for (int i = 0; i < 10000; ++i) {
    const float a = dice.real(1e-4f, 10), b = dice.real(1e-4f, 10), c = dice.real(1e-4f, 10);
    const auto n = uint32_t(dice(1, 65536));
    using naive::bits;
    REQUIRE(same(ratio(bits(a), bits(b)), double(a) / double(b)));
    REQUIRE(same(ratio(bits(a), bits(b), n), double(a) / (double(b) * n)));
    REQUIRE(same(product_ratio(bits(a), bits(b), bits(c)), double(a) * double(b) / double(c)));
  }
  CHECK(same(ratio(naive::bits(1), naive::bits(1)), 1.0));
}

TEST_CASE("only normal positive floats are scales") {
  for (float good : {1.0f, 1e-30f, 1.17549435e-38f}) CHECK(is_scale(naive::bits(good)));
  for (float bad : {0.0f, -1.0f, 1e-40f, INFINITY, -INFINITY, NAN})
    CHECK(!is_scale(naive::bits(bad)));
}
