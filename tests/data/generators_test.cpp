#include <set>

#include "data/exact.h"
#include "data/load.h"
#include "data/touch.h"
#include "files.h"

using namespace sparlet;
using namespace data_files;

TEST_CASE("the exact sine is near the real one") {
  for (int i = 0; i < 1000; ++i)
    CHECK(exact::sine(float(i) / 200) ==
          doctest::Approx(std::sin(2 * 3.14159265358979 * i / 200)).scale(1).epsilon(0.0012));
}

TEST_CASE("built-in sequences: classes in turn, lengths of all kinds, zeros behind the last step") {
  for (const bool touch : {false, true}) {
    const Subjects who{3, 4};
    const Dataset data = touch ? make_touch(560, 7, 0, who) : make_gestures(560, 7, 0, who);
    const int classes = touch ? kTouchClasses : kGestureClasses;
    const int64_t least = touch ? kTouchLeast : kGestureLeast;
    const int64_t steps = data.x.shape()[1], block = count(data.shape()) / steps;
    std::set<int64_t> lengths;
    std::set<int32_t> groups;
    for (int64_t i = 0; i < data.size(); ++i) {
      CHECK(data.label(i) == i % classes);
      lengths.insert(data.length(i));
      groups.insert(data.group_of(i));
      bool padded = true;
      for (int64_t k = data.length(i) * block; k < steps * block; ++k) {
        const size_t at = size_t(i * steps * block + k);
        padded = padded && (touch ? data.x.read<uint8_t>()[at] == 0 : data.x.read()[at] == 0);
      }
      CHECK(padded);
    }
    CHECK(groups == std::set<int32_t>{3, 4, 5, 6});
    CHECK(*lengths.begin() == least);
    CHECK(*lengths.rbegin() == steps);
  }
}

TEST_CASE("built-in sequences: a sample depends on seed and number alone") {
  const Dataset a = make_gestures(20, 3), b = make_gestures(5, 3, 10);
  CHECK(a.subset({10, 11, 12, 13, 14}).gathered() == b.gathered());
  CHECK_FALSE(make_gestures(20, 4).x == a.x);
  const Dataset c = make_touch(30, 3), d = make_touch(5, 3, 20);
  CHECK(c.subset({20, 21, 22, 23, 24}).gathered() == d.gathered());
  CHECK_THROWS_AS(make_touch(0, 1), Error);
  CHECK_THROWS_AS(make_gestures(5, 1, 0, {0, 0}), Error);
}

TEST_CASE("load: gestures and touch, by subject") {
  const Data data = load_data({.source = "gestures", .train = 60, .validation = 12, .test = 12});
  CHECK(data.spec.shape == Shape{96, 3});
  CHECK(data.spec.classes == 6);
  CHECK(data.spec.dtype == DType::f32);
  std::set<int32_t> groups;
  for (int64_t i = 0; i < data.train.size(); ++i) groups.insert(data.train.group_of(i));
  CHECK(*groups.rbegin() < 20);
  for (int64_t i = 0; i < data.test.size(); ++i) CHECK(data.test.group_of(i) >= 25);
  CHECK(data.validation.label(1) == 1);
  const Data touch = load_data({.source = "touch",
                                .train = 28,
                                .validation = 14,
                                .test = 14,
                                .steps = 16,
                                .fit = Fit::subsample});
  CHECK(touch.spec.shape == Shape{16, 8, 8});
  CHECK(touch.spec.classes == 14);
  CHECK(touch.train.length(0) == 16);
  CHECK(touch_name(13) == "tickle");
}
