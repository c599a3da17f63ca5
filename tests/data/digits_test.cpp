#include "data/digits.h"

#include <doctest/doctest.h>

#include "data/load.h"
#include "softmax_regression.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

uint64_t signature(const Dataset& data) {
  uint64_t hash = 0;
  for (const uint8_t byte : data.x.read<uint8_t>()) hash = mix(hash, byte);
  for (const int32_t label : data.y.read<int32_t>()) hash = mix(hash, uint64_t(label));
  return hash;
}

}  // namespace

TEST_CASE("digits: a sample depends on seed and place alone") {
  const Dataset whole = make_digits(40, 7), part = make_digits(10, 7, 25);
  const std::vector<int32_t> same = {25, 26, 27, 28, 29, 30, 31, 32, 33, 34};
  CHECK(whole.subset(same).gathered() == part.x);
  CHECK(part.label(0) == 5);
  CHECK(make_digits(40, 7).x == whole.x);
  CHECK_FALSE(make_digits(40, 8).x == whole.x);
}

TEST_CASE("digits: the same bytes on every machine") {
  CHECK(signature(make_digits(500, 1)) == 0x77b1be552e8a02cULL);
}

TEST_CASE("digits: classes are balanced, shapes as those of MNIST") {
  const Dataset data = make_digits(230, 1);
  CHECK(data.x.shape() == Shape{230, 1, 28, 28});
  CHECK(data.x.dtype() == DType::u8);
  int counts[10] = {};
  for (int64_t i = 0; i < data.size(); ++i) ++counts[data.label(i)];
  for (const int count : counts) CHECK(count == 23);
}

TEST_CASE("digits: every sample has ink, in the middle and not at the rim") {
  const Dataset data = make_digits(1000, 3);
  const std::span<const uint8_t> pixels = data.x.read<uint8_t>();
  for (int64_t i = 0; i < data.size(); ++i) {
    int inked = 0, rim = 0;
    for (int64_t k = 0; k < 784; ++k) {
      const bool ink = pixels[size_t(i * 784 + k)] > 100;
      inked += ink;
      rim += ink && (k < 28 || k >= 756 || k % 28 == 0 || k % 28 == 27);
    }
    CAPTURE(i);
    CHECK(inked > 12);
    CHECK(inked < 300);
    CHECK(rim < 12);
  }
}

TEST_CASE("digits: no number of samples below one") {
  CHECK_THROWS_AS(make_digits(0, 1), Error);
  CHECK_THROWS_AS(make_digits(-5, 1), Error);
}

TEST_CASE("digits: a linear classifier gets 85 to 92 % right") {
  for (const uint64_t seed : {1, 2}) {
    const Data data = load_data({.seed = seed});
    const double accuracy = softmax_regression(data.train, data.test, data.spec, 10);
    MESSAGE("seed " << seed << ": " << accuracy);
    CHECK(accuracy >= 0.85);
    CHECK(accuracy <= 0.92);
  }
}
