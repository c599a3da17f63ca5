#include "sparse/patterns.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sparse/magnitude.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

// Closes all but the greatest of a row's columns [begin, end).
void keep_greatest(std::span<const float> values, std::span<float> open, int64_t stay) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {},
                           [&](size_t i) { return open[i] == 0 ? -1 : magnitude(values[i]); });
  for (size_t i = 0; i + size_t(stay) < order.size(); ++i) open[order[i]] = 0;
}

// The places of each block of a matrix.
std::vector<std::vector<size_t>> blocks_of(const Weight& weight, const Blocks& o) {
  const int64_t rows = weight.shape[0], columns = weight.size() / rows;
  std::vector<std::vector<size_t>> blocks;
  for (int64_t r = 0; r < rows; r += o.rows)
    for (int64_t c = 0; c < columns; c += o.columns) {
      std::vector<size_t>& block = blocks.emplace_back();
      for (int64_t i = r; i < std::min(r + o.rows, rows); ++i)
        for (int64_t j = c; j < std::min(c + o.columns, columns); ++j)
          block.push_back(size_t(i * columns + j));
    }
  return blocks;
}

}  // namespace

Net mask_every(const Net& net, const EveryM& o) {
  require(o.m >= 1 && o.n >= 0 && o.n <= o.m, "pattern: {} of every {}, wanted 0 to {}", o.n, o.m,
          o.m);
  const std::vector<Weight> weights = weights_of(net.graph, o.keep);
  std::vector<Tensor> masks;
  for (const Weight& weight : weights) {
    masks.push_back(open_mask(net, weight));
    const Tensor dense = dense_values(net, weight);
    const int64_t columns = weight.size() / weight.shape[0];
    for (int64_t row = 0; row < weight.shape[0]; ++row)
      for (int64_t c = 0; c < columns; c += o.m) {
        const int64_t n = std::min(o.m, columns - c);
        const auto begin = size_t(row * columns + c);
        keep_greatest(dense.read().subspan(begin, size_t(n)),
                      masks.back().write().subspan(begin, size_t(n)), (o.n * n + o.m - 1) / o.m);
      }
  }
  return with_masks(net, weights, std::move(masks));
}

Net mask_blocks(const Net& net, const Blocks& o) {
  require(o.rows >= 1 && o.columns >= 1, "blocks: {} × {}, wanted 1 or more", o.rows, o.columns);
  require(o.sparsity >= 0 && o.sparsity <= 1, "sparsity: {} given, wanted 0 to 1", o.sparsity);
  const std::vector<Weight> weights = weights_of(net.graph, o.keep);
  std::vector<Tensor> masks;
  std::vector<Tensor> open, score;  // by weight and block
  std::vector<std::vector<std::vector<size_t>>> blocks;
  int64_t all = 0;
  for (const Weight& weight : weights) {
    masks.push_back(open_mask(net, weight));
    blocks.push_back(blocks_of(weight, o));
    const Tensor dense = dense_values(net, weight);
    Tensor every(Shape{int64_t(blocks.back().size())}), mean(every.shape());
    for (size_t b = 0; b < blocks.back().size(); ++b) {
      double square = 0;
      for (const size_t i : blocks.back()[b])
        if (masks.back().read()[i] != 0) square += double(dense.read()[i]) * dense.read()[i];
      every.write()[b] = 1;
      mean.write()[b] = float(std::sqrt(square / double(blocks.back()[b].size())));
    }
    open.push_back(std::move(every));
    score.push_back(std::move(mean));
    all += int64_t(blocks.back().size());
  }
  close_smallest(open, score, std::llround(o.sparsity * double(all)));
  for (size_t k = 0; k < weights.size(); ++k)
    for (size_t b = 0; b < blocks[k].size(); ++b)
      if (open[k].read()[b] == 0)
        for (const size_t i : blocks[k][b]) masks[k].write()[i] = 0;
  return with_masks(net, weights, std::move(masks));
}

}  // namespace sparlet::sparse
