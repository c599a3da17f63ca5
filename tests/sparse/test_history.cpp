#include <doctest/doctest.h>

#include <algorithm>

#include "nets.h"
#include "nn/models.h"
#include "sparse/convert.h"
#include "sparse/history.h"
#include "sparse/masks.h"
#include "tensor/error.h"

using namespace sparlet;
using sparse::MaskHistory;

namespace {

sparse::UpdateReport report(int64_t step, std::string name, std::vector<int32_t> at) {
  const int64_t n = int64_t(at.size());
  return {.step = step, .weights = {{std::move(name), 6, n, 1, 1, 0, n, std::move(at)}}};
}

}  // namespace

TEST_CASE("history of masks: records, shares and the colours of its picture") {
  Rng rng(1);
  NetBuilder b(rng);
  const Net dense = b.finish(nn::linear(b.input("x", {3}), "f", {.out = 2}));
  Tensor mask(Shape{2, 3});
  mask.write()[0] = mask.write()[1] = 1;
  const Net net = sparse::with_mask(dense, "f.w", mask);
  MaskHistory history(net);
  REQUIRE(history.weights().size() == 1);
  CHECK(history.weights()[0].shape == Shape{2, 3});
  history.add(report(10, "f.w", {0, 2}));
  history.add(report(20, "f.w", {0, 4}));
  history.add({.step = 30});
  CHECK(history.steps() == std::vector<int64_t>{10, 20, 30});
  const MaskHistory::Of& of = history.weights()[0];
  CHECK(of.at == std::vector<std::vector<int32_t>>{{0, 1}, {0, 2}, {0, 4}, {0, 4}});
  CHECK(sparse::presence(of) == std::vector<float>{1, 0.25f, 0.25f, 0, 0.5f, 0});

  const std::string head = "P6\n3 2\n255\n", one = sparse::picture(of);
  REQUIRE(one.size() == head.size() + 18);
  CHECK(one.substr(0, head.size()) == head);
  std::vector<int> pixels;
  for (const char c : one.substr(head.size())) pixels.push_back(uint8_t(c));
  CHECK(pixels == std::vector<int>{255, 255, 255, 111, 0, 0, 0, 0,
                                   111,                            // stays, dropped, came and went
                                   0, 0, 0, 0, 159, 0, 0, 0, 0});  // never, grown, never
  const std::string large = sparse::picture(of, 2);
  const std::string wide = "P6\n6 4\n255\n";
  REQUIRE(large.size() == wide.size() + 72);
  CHECK(large.substr(wide.size() + 18, 18) == large.substr(wide.size(), 18));
  CHECK(large.substr(wide.size(), 3) == large.substr(wide.size() + 3, 3));

  CHECK_THROWS_WITH_AS(history.add(report(40, "g.w", {0})), doctest::Contains("g.w"), Error);
  CHECK(of.at.size() == 4);
  CHECK_THROWS_AS(sparse::picture(of, 0), Error);
  CHECK_THROWS_AS(sparse::picture(of, 100000), Error);
}
