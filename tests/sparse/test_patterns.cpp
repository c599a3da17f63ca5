// Masks of a regular shape.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "nets.h"
#include "sparse/convert.h"
#include "sparse/patterns.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

Net layer(int64_t in, int64_t out, uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  return b.finish(nn::linear(b.input("x", {in}), "f", {.out = out, .bias = false}));
}

}  // namespace

TEST_CASE("n of every m: the greatest of each group, no more and no less") {
  const Net net = layer(11, 6, 1);
  const Net masked = sparse::mask_every(net, {.n = 2, .m = 4});
  const auto w = net.value("f.w").read(), m = masked.value("f.w.mask").read();
  for (size_t row = 0; row < 6; ++row)
    for (size_t c = 0; c < 11; c += 4) {
      const size_t n = std::min<size_t>(4, 11 - c);
      float least_open = 1e9f, most_closed = 0;
      int open = 0;
      for (size_t i = row * 11 + c; i < row * 11 + c + n; ++i) {
        open += m[i] != 0;
        float& bound = m[i] != 0 ? least_open : most_closed;
        bound = m[i] != 0 ? std::min(bound, std::abs(w[i])) : std::max(bound, std::abs(w[i]));
      }
      CHECK(open == 2);  // of the last three: 2/4 of 3, rounded up
      CHECK(least_open > most_closed);
    }
  CHECK(hash(sparse::mask_every(masked, {.n = 2, .m = 4})) == hash(masked));
  // On every kind of weight, and on sparse ones; it lasts while the net trains.
  const Net mixed = sparse::mask_every(mixed_net(2), {.n = 1, .m = 3, .keep = {"f.w"}});
  CHECK_FALSE(mixed.graph.find("f.w.mask"));
  CHECK(connection_counts_of(mixed)[0] == 4 * 3);
  const Net csr = sparse::convert(sparse::mask_every(net, {.n = 3, .m = 4}), sparse::Format::csr);
  CHECK(sparse::convert(sparse::mask_every(csr, {}), sparse::Format::masked).value("f.w.mask") ==
        masked.value("f.w.mask"));
  CHECK(sparse::density(sparse::mask_every(net, {.n = 0, .m = 1})) == 0);
  CHECK_THROWS_AS(sparse::mask_every(net, {.n = 5, .m = 4}), Error);
  CHECK_THROWS_AS(sparse::mask_every(net, {.keep = {"g.w"}}), Error);
}

TEST_CASE("blocks go as a whole, the least root mean squares of the net") {
  const Net net = layer(10, 7, 3);
  const Net masked = sparse::mask_blocks(net, {.sparsity = 0.6, .rows = 2, .columns = 4});
  const auto w = net.value("f.w").read(), m = masked.value("f.w.mask").read();
  double least_open = 1e9, most_closed = 0;
  int closed = 0;
  for (size_t r = 0; r < 7; r += 2)
    for (size_t c = 0; c < 10; c += 4) {
      double square = 0, open = 0, n = 0;
      for (size_t i = r; i < std::min<size_t>(r + 2, 7); ++i)
        for (size_t j = c; j < std::min<size_t>(c + 4, 10); ++j) {
          square += double(w[i * 10 + j]) * w[i * 10 + j];
          open += m[i * 10 + j];
          n += 1;
        }
      CHECK((open == 0 || open == n));
      closed += open == 0;
      if (open == 0)
        most_closed = std::max(most_closed, square / n);
      else
        least_open = std::min(least_open, square / n);
    }
  CHECK(closed == 7);  // round(0.6 · 12)
  CHECK(least_open >= most_closed);
  // Blocks of one are magnitude pruning.
  CHECK(sparse::mask_blocks(net, {.sparsity = 0.3, .columns = 1}).value("f.w.mask") ==
        sparse::mask(net, {.sparsity = 0.3}).value("f.w.mask"));
  CHECK_THROWS_AS(sparse::mask_blocks(net, {.rows = 0}), Error);
  CHECK_THROWS_AS(sparse::mask_blocks(net, {.sparsity = 2}), Error);
}
