#include "data/dataset.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tensor/error.h"

using namespace sparlet;

namespace {

// Sample i holds the bytes 4i .. 4i+3 (mod 256); its label is given.
Dataset numbered(const std::vector<int32_t>& labels) {
  const int64_t n = int64_t(labels.size());
  Tensor x({n, 1, 2, 2}, DType::u8), y({n}, DType::i32);
  for (int64_t i = 0; i < 4 * n; ++i) x.write<uint8_t>()[size_t(i)] = uint8_t(i);
  for (int64_t i = 0; i < n; ++i) y.write<int32_t>()[size_t(i)] = labels[size_t(i)];
  return Dataset::all(x, y);
}

std::vector<int64_t> per_class(const Dataset& data, int classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  for (int64_t i = 0; i < data.size(); ++i) ++counts[size_t(data.label(i))];
  return counts;
}

// Labels 0, 1 and 2 of which there are 50, 20 and 7.
Dataset uneven() {
  std::vector<int32_t> labels;
  for (int i = 0; i < 77; ++i) labels.push_back(i < 50 ? 0 : i < 70 ? 1 : 2);
  return numbered(labels);
}

void check_partition(const Dataset& whole, const Dataset& a, const Dataset& b) {
  std::set<int32_t> seen(a.index.begin(), a.index.end());
  seen.insert(b.index.begin(), b.index.end());
  CHECK(a.size() + b.size() == whole.size());
  CHECK(int64_t(seen.size()) == whole.size());
}

}  // namespace

TEST_CASE("dataset: samples, labels and shape must agree") {
  CHECK_THROWS_WITH_AS(Dataset::all(Tensor({3, 2}, DType::u8), Tensor({2}, DType::i32)),
                       "dataset: 2 labels for 3 samples", Error);
  CHECK_THROWS_AS(Dataset::all(Tensor({3, 2}, DType::i16), Tensor({3}, DType::i32)), Error);
  CHECK_THROWS_AS(Dataset::all(Tensor({3, 2}, DType::u8), Tensor({3}, DType::u8)), Error);
  CHECK_THROWS_AS(Dataset::all(Tensor({3}, DType::u8), Tensor({3}, DType::i32)), Error);
  CHECK_THROWS_AS(Dataset::all({}, {}), Error);
  CHECK(numbered({0, 1}).shape() == Shape{1, 2, 2});
}

TEST_CASE("dataset: take and subset select without copying, also of a selection") {
  const Dataset all = numbered({5, 6, 7, 8, 9});
  const Dataset some = all.subset({4, 2, 0});
  CHECK(some.size() == 3);
  CHECK(some.label(0) == 9);
  CHECK(some.subset({2, 1}).label(0) == 5);
  CHECK(some.take(2).label(1) == 7);
  CHECK(some.take(99).size() == 3);
  CHECK(some.take(0).size() == 0);
  CHECK(some.x.raw() == all.x.raw());
  CHECK_THROWS_AS(some.subset({3}), Error);
  CHECK_THROWS_AS(some.subset({-1}), Error);
  CHECK_THROWS_AS(some.take(-1), Error);
}

TEST_CASE("dataset: spread takes evenly, so of a sorted set every class") {
  const Dataset all = uneven();  // 50 of class 0, then 20 of 1, then 7 of 2
  const Dataset some = all.spread(7);
  CHECK(some.index == std::vector<int32_t>{0, 11, 22, 33, 44, 55, 66});
  CHECK(all.spread(11).label(10) == 2);
  CHECK(all.spread(1).index == std::vector<int32_t>{0});
  CHECK(all.spread(77).index == all.index);
  CHECK(all.spread(1000).size() == 77);
  CHECK(all.spread(0).size() == 0);
  CHECK(all.subset({4, 2, 0}).spread(2).index == std::vector<int32_t>{4, 2});
  CHECK_THROWS_AS(all.spread(-1), Error);
}

TEST_CASE("dataset: gather copies samples and labels in the order asked for") {
  const Dataset some = numbered({5, 6, 7, 8, 9}).subset({4, 2, 0});
  const std::vector<int32_t> positions = {2, 0, 0};
  std::vector<uint8_t> x(12);
  std::vector<int32_t> y(3);
  some.gather(positions, x.data(), y.data());
  CHECK(x == std::vector<uint8_t>{0, 1, 2, 3, 16, 17, 18, 19, 16, 17, 18, 19});
  CHECK(y == std::vector<int32_t>{5, 9, 9});
  const Tensor all = some.gathered();
  CHECK(all.shape() == Shape{3, 1, 2, 2});
  CHECK(all.read<uint8_t>()[4] == 8);
  CHECK_THROWS_AS(some.take(0).gathered(), Error);
}

TEST_CASE("dataset: gather of floats") {
  Tensor x({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  const Tensor back = Dataset::all(x, Tensor({2}, DType::i32)).subset({1}).gathered();
  CHECK(back == Tensor({1, 3}, std::vector<float>{4, 5, 6}));
}

TEST_CASE("split: each class in proportion, every sample in one part") {
  const Dataset all = uneven();
  Rng rng(3);
  const auto [first, second] = stratified_split(all, 0.2, rng);
  CHECK(per_class(second, 3) == std::vector<int64_t>{10, 4, 1});
  check_partition(all, first, second);
}

TEST_CASE("split: at least one where the class has two") {
  Rng rng(3);
  const auto [first, second] = stratified_split(numbered({0, 0, 0, 1, 1, 2}), 0.01, rng);
  CHECK(per_class(second, 3) == std::vector<int64_t>{1, 1, 0});
  CHECK(stratified_split(uneven(), 0, rng).second.size() == 0);
  CHECK(stratified_split(uneven(), 1, rng).first.size() == 0);
  CHECK_THROWS_AS(stratified_split(uneven(), 1.5, rng), Error);
}

TEST_CASE("split: the same generator gives the same split, another one another") {
  const Dataset all = uneven();
  Rng a(3), b(3), c(4);
  const auto first = stratified_split(all, 0.3, a).first.index;
  CHECK(first == stratified_split(all, 0.3, b).first.index);
  CHECK(first != stratified_split(all, 0.3, c).first.index);
}

TEST_CASE("split: a stratified take is exact in number") {
  const Dataset all = uneven();
  for (int64_t n = 0; n <= all.size(); ++n) {
    Rng rng(9);
    const auto [part, rest] = stratified_take(all, n, rng);
    CHECK(part.size() == n);
    check_partition(all, part, rest);
    const std::vector<int64_t> counts = per_class(part, 3);
    for (int c = 0; c < 3; ++c) {
      const double share = double(n) * (c == 0 ? 50 : c == 1 ? 20 : 7) / 77;
      CHECK(std::fabs(double(counts[size_t(c)]) - share) < 1.0);
    }
  }
  Rng rng(9);
  CHECK_THROWS_AS(stratified_take(all, 78, rng), Error);
}

TEST_CASE("normalisation: of bytes, a whole mean and the deviation of the training samples") {
  Data data;
  data.train = numbered({0, 0, 0}).subset({0, 1});  // the bytes 0 .. 7
  fit_normalization(data);
  CHECK(data.spec.mean == 4.0f);  // 3.5 to the nearest, half up
  CHECK(data.spec.deviation == doctest::Approx(std::sqrt(63.0 / 12)));
}

TEST_CASE("normalisation: of floats, and of constant samples") {
  Data data;
  data.train =
      Dataset::all(Tensor({2, 2}, std::vector<float>{1, 2, 3, 5}), Tensor({2}, DType::i32));
  fit_normalization(data);
  CHECK(data.spec.mean == 2.75f);
  CHECK(data.spec.deviation == doctest::Approx(1.479020));
  for (float value : {0.0f, 0.1f, 1e6f}) {
    data.train =
        Dataset::all(Tensor({2, 2}, std::vector<float>(4, value)), Tensor({2}, DType::i32));
    fit_normalization(data);
    CHECK(data.spec.mean == value);
    CHECK(data.spec.deviation == 1.0f);
  }
  data.train = data.train.take(0);
  CHECK_THROWS_AS(fit_normalization(data), Error);
}
