// Connections that move in blocks, or within every m columns.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "loop.h"
#include "sparse/convert.h"
#include "sparse/patterns.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

std::vector<bool> open_of(const Net& net, const sparse::Weight& w) {
  std::vector<bool> open(static_cast<size_t>(w.size()));
  for (const int32_t at : sparse::connections(net, w).at) open[size_t(at)] = true;
  return open;
}

// f(places of one block of 2 × 3, whole) for all of them, those at the edges too.
template <class F>
void each_block(const sparse::Weight& w, const F& f) {
  const int64_t rows = w.shape[0], columns = w.size() / rows;
  for (int64_t r = 0; r < rows; r += 2)
    for (int64_t c = 0; c < columns; c += 3) {
      std::vector<size_t> places;
      for (int64_t i = r; i < std::min(r + 2, rows); ++i)
        for (int64_t j = c; j < std::min(c + 3, columns); ++j)
          places.push_back(size_t(i * columns + j));
      f(places, places.size() == 6);
    }
}

double mean(const std::vector<size_t>& places, std::span<const float> values) {
  double sum = 0;
  for (const size_t p : places) sum += std::abs(double(values[p]));
  return sum / double(places.size());
}

}  // namespace

TEST_CASE("blocks move as a whole, and those that the edges cut off stay") {
  for (const char* method : {"rigl", "set", "snfs"})
    for (const bool csr : {false, true}) {
      CAPTURE(method);
      Net net = sparse::mask_blocks(mixed_net(3), {.sparsity = 0.6, .rows = 2, .columns = 3});
      if (csr) net = sparse::convert(net, sparse::Format::csr);
      sparse::DynamicOptions o = often(sparse::dynamic_from(method));
      o.block_rows = 2, o.block_columns = 3;
      Loop loop(net, Sgd{.rate = 0.05f, .momentum = 0.9f}, o);
      const auto counts = connection_counts_of(net);
      int64_t moved = 0;
      for (int64_t step = 1; step <= 24; ++step) {
        loop.batch(step);
        const Net before = loop.executor.trained();
        if (!loop.dynamic.step(step, double(step) / 24)) continue;
        const Net after = loop.executor.trained();
        const auto now = connection_counts_of(after);
        CHECK(std::accumulate(now.begin(), now.end(), int64_t(0)) ==
              std::accumulate(counts.begin(), counts.end(), int64_t(0)));
        if (!o.share) CHECK(now == counts);
        const auto old_weights = sparse::weights_of(before.graph);
        const auto weights = sparse::weights_of(after.graph);
        for (size_t k = 0; k < weights.size(); ++k) {
          const auto was = open_of(before, old_weights[k]), is = open_of(after, weights[k]);
          each_block(weights[k], [&](const std::vector<size_t>& places, bool whole) {
            for (const size_t p : places) {
              CHECK(is[p] == is[places[0]]);
              if (!whole) CHECK(is[p] == was[p]);
              moved += is[p] && !was[p];
            }
          });
        }
      }
      CHECK(moved >= 30);
    }
}

TEST_CASE("RigL by blocks: the least mean magnitudes go, the greatest mean gradients come") {
  const Net net = sparse::mask_blocks(mixed_net(4), {.sparsity = 0.5, .rows = 2, .columns = 3});
  sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
  o.block_rows = 2, o.block_columns = 3;
  Loop loop(net, Sgd{.rate = 0.05f}, o);
  loop.batch(1);
  const double fraction = drop_fraction(o.updates, {.step = 1, .training = 0.05});
  std::map<std::string, std::vector<bool>> expected;
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) {
    const Tensor g = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
    const Tensor values = sparse::dense_values(net, w);
    std::vector<bool> open = open_of(net, w);
    std::vector<std::vector<size_t>> kept, closed;
    each_block(w, [&](const std::vector<size_t>& places, bool whole) {
      if (whole) (open[places[0]] ? kept : closed).push_back(places);
    });
    std::ranges::stable_sort(kept, {}, [&](const auto& p) { return mean(p, values.read()); });
    const auto n = size_t(fraction * double(kept.size()) + 1e-9);
    closed.insert(closed.end(), kept.begin(), kept.begin() + int64_t(n));
    for (size_t i = 0; i < n; ++i)
      for (const size_t p : kept[i]) open[p] = false;
    std::ranges::stable_sort(closed, std::greater(),
                             [&](const auto& p) { return mean(p, g.read()); });
    for (size_t i = 0; i < n; ++i)
      for (const size_t p : closed[i]) open[p] = true;
    expected[w.name] = open;
  }
  REQUIRE(loop.dynamic.step(1, 0.05));
  const Net after = loop.executor.trained();
  int64_t moved = 0;
  for (const sparse::Weight& w : sparse::weights_of(after.graph)) {
    CAPTURE(w.name);
    CHECK(open_of(after, w) == expected[w.name]);
    moved += open_of(after, w) != open_of(net, w);
  }
  CHECK(moved >= 3);
}

TEST_CASE("every m columns keep their number of connections") {
  for (const char* method : {"rigl", "set"}) {
    CAPTURE(method);
    const Net net = sparse::mask_every(mixed_net(5), {.n = 1, .m = 4});
    sparse::DynamicOptions o = often(sparse::dynamic_from(method));
    o.every_m = 4;
    Loop loop(net, Sgd{.rate = 0.05f, .momentum = 0.9f}, o);
    int64_t moved = 0;
    for (int64_t step = 1; step <= 24; ++step) {
      loop.batch(step);
      const Net before = loop.executor.trained();
      std::map<std::string, Tensor> gradient;
      for (const sparse::Weight& w : sparse::weights_of(before.graph))
        gradient[w.name] = loop.executor.dense_weight_grad(w.reader, 0, w.shape[0], w.operand);
      if (!loop.dynamic.step(step, double(step) / 24)) continue;
      const Net after = loop.executor.trained();
      for (const sparse::Weight& w : sparse::weights_of(after.graph)) {
        const auto was = open_of(before, w), is = open_of(after, w);
        const auto g = gradient.at(w.name).read();
        const size_t columns = size_t(w.size() / w.shape[0]);
        for (size_t row = 0; row < was.size(); row += columns)
          for (size_t c = 0; c < columns; c += 4) {
            int before_it = 0, after_it = 0;
            double least_new = 1e9, most_passed = -1;
            for (size_t i = row + c; i < row + std::min(c + 4, columns); ++i) {
              before_it += was[i], after_it += is[i];
              moved += is[i] && !was[i];
              const double size = std::abs(double(g[i]));
              if (is[i] && !was[i]) least_new = std::min(least_new, size);
              if (!is[i] && !was[i]) most_passed = std::max(most_passed, size);
            }
            CHECK(after_it == before_it);
            if (method == std::string("rigl")) CHECK(least_new >= most_passed);
          }
      }
    }
    CHECK(moved >= 30);
  }
}

TEST_CASE("moving patterns: what does not fit is refused") {
  sparse::DynamicOptions o = often(sparse::rigl_options(), 1);
  o.block_columns = 4;
  Loop scattered(sparse_net(mixed_net(6), 0.7, 1), Sgd{}, o);
  scattered.batch(1);
  CHECK_THROWS_WITH_AS(scattered.dynamic.step(1, 0.1), doctest::Contains("mask_blocks"), Error);
  o.every_m = 4;
  CHECK_THROWS_WITH_AS(sparse::rigl(o), doctest::Contains("every_m"), Error);
  o.block_columns = 0, o.every_m = 0;
  CHECK_THROWS_WITH_AS(sparse::rigl(o), doctest::Contains("1 × 0"), Error);
  sparse::DynamicOptions shares = sparse::snfs_options();
  shares.every_m = 4;
  CHECK_THROWS_AS(sparse::snfs(shares), Error);
}
