// Splits by group, collation and augmentation.
#include <algorithm>
#include <map>
#include <set>

#include "data/augment.h"
#include "data/collate.h"
#include "data/folds.h"
#include "files.h"

using namespace sparlet;
using namespace data_files;

namespace {

// n sequences of (steps,1): sample i is i*100 + step; labels i mod 2, groups i mod 4.
Dataset sequences(int64_t n, int64_t steps, const std::vector<int32_t>& lengths) {
  Tensor x({n, steps, 1}), y({n}, DType::i32), l({n}, DType::i32), g({n}, DType::i32);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t s = 0; s < steps; ++s)
      x.write()[size_t(i * steps + s)] = s < lengths[size_t(i)] ? float(i * 100 + s) : 0.f;
    y.write<int32_t>()[size_t(i)] = int32_t(i % 2);
    l.write<int32_t>()[size_t(i)] = lengths[size_t(i)];
    g.write<int32_t>()[size_t(i)] = int32_t(i % 4);
  }
  return Dataset::all(x, y).with_lengths(l).with_groups(g);
}

std::set<int32_t> samples(const Dataset& data) { return {data.index.begin(), data.index.end()}; }
std::set<int32_t> groups(const Dataset& data) {
  std::set<int32_t> seen;
  for (int64_t i = 0; i < data.size(); ++i) seen.insert(data.group_of(i));
  return seen;
}
template <class T>
bool disjoint(const std::set<T>& a, const std::set<T>& b) {
  return std::ranges::none_of(a, [&](const T& v) { return b.contains(v); });
}

View view(Tensor& tensor) { return {tensor.shape(), tensor.dtype(), tensor.raw_write()}; }
Tensor steps_of(const std::vector<float>& values) {
  return Tensor({1, int64_t(values.size()), 1}, values);
}

}  // namespace

TEST_CASE("k folds: every sample tests once, classes in proportion, parts disjoint") {
  const Dataset all = sequences(23, 2, std::vector<int32_t>(23, 2));
  Rng rng(3);
  std::map<int32_t, int> tested;
  for (const Fold& fold : k_folds(all, 5, 0.25, rng)) {
    CHECK(fold.test.size() >= 4);
    CHECK(fold.test.size() <= 5);
    CHECK(fold.validation.size() >= 4);
    CHECK(fold.train.size() + fold.validation.size() + fold.test.size() == 23);
    CHECK(disjoint(samples(fold.train), samples(fold.test)));
    CHECK(disjoint(samples(fold.train), samples(fold.validation)));
    CHECK(disjoint(samples(fold.validation), samples(fold.test)));
    int ones = 0;
    for (int64_t i = 0; i < fold.test.size(); ++i) ones += fold.test.label(i);
    CHECK(std::abs(2 * ones - int(fold.test.size())) <= 2);
    for (const int32_t i : fold.test.index) ++tested[i];
  }
  CHECK(tested.size() == 23);
  for (const auto& [sample, times] : tested) CHECK(times == 1);
  CHECK_THROWS_AS(k_folds(all, 1, 0.2, rng), Error);
  CHECK_THROWS_AS(k_folds(all, 24, 0.2, rng), Error);
}

TEST_CASE("by group: no group on both sides; each is left out once, validation is not the test") {
  const Dataset all = sequences(20, 2, std::vector<int32_t>(20, 2));
  Rng rng(5);
  const auto [train, held] = group_split(all, 0.4, rng);
  CHECK(groups(train).size() == 2);
  CHECK(groups(held).size() == 2);
  CHECK(disjoint(groups(train), groups(held)));
  CHECK(train.size() + held.size() == 20);

  const std::vector<Fold> folds = leave_one_group_out(all, 0.3, rng);
  REQUIRE(folds.size() == 4);
  for (int32_t g = 0; g < 4; ++g) {
    const Fold& fold = folds[size_t(g)];
    CHECK(fold.group == g);
    CHECK(groups(fold.test) == std::set<int32_t>{g});
    CHECK(groups(fold.validation).size() == 1);
    CHECK(groups(fold.train).size() == 2);
    CHECK(disjoint(groups(fold.validation), groups(fold.test)));
    CHECK(disjoint(groups(fold.train), groups(fold.test)));
    CHECK(disjoint(groups(fold.train), groups(fold.validation)));
    CHECK(fold.train.size() + fold.validation.size() + fold.test.size() == 20);
  }
  Dataset without = all;
  without.group = {};
  CHECK_THROWS_AS(group_split(without, 0.5, rng), Error);
  CHECK_THROWS_AS(leave_one_group_out(folds[0].train, 0.3, rng), Error);
}

TEST_CASE("collation: lengths, labels and counts of every piece") {
  const Dataset all = sequences(4, 10, {10, 3, 4, 9});
  const auto values = [](const Dataset& data, int64_t i) {
    const auto first = data.x.read().begin() + i * data.x.shape()[1];
    return std::vector<float>(first, first + data.x.shape()[1]);
  };
  const Dataset pad = collated(all, Fit::pad, 4);
  REQUIRE(pad.size() == 4);
  CHECK(values(pad, 0) == std::vector<float>{0, 1, 2, 3});
  CHECK(values(pad, 1) == std::vector<float>{100, 101, 102, 0});
  CHECK(pad.length(0) == 4);
  CHECK(pad.length(1) == 3);

  const Dataset chop = collated(all, Fit::chop, 4);  // 2 + 1 + 1 + 2
  REQUIRE(chop.size() == 6);
  CHECK(values(chop, 1) == std::vector<float>{4, 5, 6, 7});
  CHECK(values(chop, 2) == std::vector<float>{100, 101, 102, 0});
  CHECK(values(chop, 5) == std::vector<float>{304, 305, 306, 307});
  CHECK(chop.length(2) == 3);
  CHECK(chop.label(5) == 1);
  CHECK(chop.group_of(5) == 3);

  const Dataset sub = collated(all, Fit::subsample, 4);
  CHECK(values(sub, 0) == std::vector<float>{0, 2, 4, 6});
  CHECK(values(sub, 1) == std::vector<float>{100, 101, 102, 0});
  CHECK(values(sub, 3) == std::vector<float>{300, 302, 304, 306});

  const Dataset some = collated(all.subset({3, 1}), Fit::chop, 4);
  CHECK(some.size() == 3);
  CHECK(values(some, 0) == std::vector<float>{300, 301, 302, 303});
  CHECK(collated(all, Fit::pad, 12).x.shape() == Shape{4, 12, 1});
  CHECK(collated(all, Fit::pad, 12).length(0) == 10);
  CHECK_THROWS_AS(collated(all, Fit::pad, 0), Error);
}

TEST_CASE("normalisation leaves padding out") {
  Data data{.name = "s"};
  data.train = sequences(2, 4, {2, 1});  // 0 1 . . and 100 . . .
  fit_normalization(data);
  CHECK(data.spec.mean == doctest::Approx(101.0 / 3));
}

TEST_CASE("lengths and groups that do not fit are errors") {
  const Dataset all = sequences(3, 4, {4, 1, 2});
  Tensor zero({3}, DType::i32), two({2}, DType::i32);
  CHECK_THROWS_WITH(all.with_lengths(zero), "dataset: length 0 of sample 0, wanted 1 to 4");
  CHECK_THROWS_AS(all.with_lengths(two), Error);
  CHECK_THROWS_AS(all.with_groups(two), Error);
}

TEST_CASE("flip: whole samples, at the given rate") {
  Tensor x({1, 1, 2, 3}, {1, 2, 3, 4, 5, 6});
  Rng rng(1);
  flip(1)(view(x), {}, rng);
  CHECK(x == Tensor({1, 1, 2, 3}, {3, 2, 1, 6, 5, 4}));
  flip(0)(view(x), {}, rng);
  CHECK(x.read()[0] == 3);
  Tensor many({400, 1, 2});
  for (size_t i = 0; i < 400; ++i) many.write()[2 * i] = 1;
  flip(0.25)(view(many), {}, rng);
  int turned = 0;
  for (size_t i = 0; i < 400; ++i) turned += many.read()[2 * i] == 0;
  CHECK(turned > 60);
  CHECK(turned < 140);
}

TEST_CASE("shift: all channels alike, zeros move in, nothing is lost but what leaves") {
  Rng rng(2);
  std::set<std::pair<int64_t, int64_t>> seen;
  for (int trial = 0; trial < 200; ++trial) {
    Tensor x({1, 2, 5, 6}, DType::u8);
    for (int64_t i = 0; i < 60; ++i) x.write<uint8_t>()[size_t(i)] = uint8_t(1 + i);
    const Tensor old = x;
    shift(2)(view(x), {}, rng);
    // The middle is always there: it tells how far it went.
    const std::span<const uint8_t> now = x.read<uint8_t>();
    const auto at = std::find(now.begin(), now.begin() + 30, uint8_t(1 + 2 * 6 + 3)) - now.begin();
    REQUIRE(at < 30);
    const int64_t down = at / 6 - 2, right = at % 6 - 3;
    seen.insert({down, right});
    for (int64_t c = 0; c < 2; ++c)
      for (int64_t h = 0; h < 5; ++h)
        for (int64_t w = 0; w < 6; ++w) {
          const int64_t fh = h - down, fw = w - right;
          const bool inside = fh >= 0 && fh < 5 && fw >= 0 && fw < 6;
          CHECK(now[size_t((c * 5 + h) * 6 + w)] ==
                (inside ? old.read<uint8_t>()[size_t((c * 5 + fh) * 6 + fw)] : 0));
        }
  }
  CHECK(seen.size() == 25);
}

TEST_CASE("time shift: the edge is repeated, padding stays") {
  Rng rng(3);
  std::set<std::vector<float>> seen;
  for (int trial = 0; trial < 100; ++trial) {
    Tensor x = steps_of({1, 2, 3, 0, 0});
    const std::vector<int32_t> lengths{3};
    time_shift(1)(view(x), lengths, rng);
    seen.insert({x.read().begin(), x.read().end()});
  }
  CHECK(seen == std::set<std::vector<float>>{{1, 2, 3, 0, 0}, {1, 1, 2, 0, 0}, {2, 3, 3, 0, 0}});
  seen.clear();
  for (int trial = 0; trial < 100; ++trial) {
    Tensor x({1, 2, 3}, {1, 2, 3, 4, 5, 6});
    time_shift(7, 1)(view(x), {}, rng);
    seen.insert({x.read().begin(), x.read().end()});
  }
  CHECK(seen.size() == 5);
  CHECK(seen.contains({1, 1, 1, 4, 4, 4}));
  CHECK(seen.contains({2, 3, 3, 5, 6, 6}));
}

TEST_CASE("noise: of the given size, bytes saturate, padding stays") {
  Rng rng(4);
  Tensor x({1, 4000, 1});
  const std::vector<int32_t> lengths{3000};
  noise(0.5f)(view(x), lengths, rng);
  double squares = 0;
  for (size_t i = 0; i < 3000; ++i) squares += double(x.read()[i]) * x.read()[i];
  CHECK(std::sqrt(squares / 3000) == doctest::Approx(0.5).epsilon(0.05));
  for (size_t i = 3000; i < 4000; ++i) CHECK(x.read()[i] == 0);
  Tensor bytes({1, 1000}, DType::u8);
  all_of({noise(3), noise(3)})(view(bytes), {}, rng);
  CHECK(*std::ranges::max_element(bytes.read<uint8_t>()) > 5);
  CHECK(std::ranges::count(bytes.read<uint8_t>(), 0) > 400);
  CHECK_THROWS_AS(noise(-1), Error);
}
