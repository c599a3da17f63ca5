#include "tensor/kernels/sparse_strips.h"

#include <algorithm>

namespace sparlet {
namespace {

// Half of a first cache for the block's part of x, but enough entries in a row's part of a block
// to be worth reading and writing its sums; a 16-bit index inside a block. Measured:
// performance.md.
int64_t block_columns(int64_t columns, int64_t width, double density) {
  constexpr double cache_floats = 8192, entries = 13;
  const double fitting = std::max(cache_floats / double(width), entries / std::max(density, 1e-6));
  return std::min(columns, int64_t(std::min(fitting, 65536.)));
}

}  // namespace

Strips::Strips(const SparsePattern& p, StripOrder order, int64_t width)
    : order_(order),
      rows_(order == StripOrder::transposed ? p.in : p.out),
      columns_(order == StripOrder::transposed ? p.out : p.in),
      block_(block_columns(columns_, width,
                           double(p.nonzeros()) / (double(rows_) * double(columns_)))),
      blocks_((columns_ + block_ - 1) / block_) {
  const auto entries = size_t(p.nonzeros());
  index_.resize(entries);
  if (order == StripOrder::blocked && blocks_ == 1) order_ = StripOrder::pattern;  // the same
  if (order_ == StripOrder::transposed) position_.resize(entries);
  if (order_ == StripOrder::blocked) packed_.resize(entries), next_.resize(size_t(rows_));
  if (order_ == StripOrder::pattern)
    build_in_place(p);
  else
    build_moved(p);
}

void Strips::build_in_place(const SparsePattern& p) {
  begin_.resize(size_t((blocks_ + 1) * rows_));
  for (int64_t r = 0; r < rows_; ++r) {
    int32_t k = p.row_begin[size_t(r)];
    const int32_t last = p.row_begin[size_t(r) + 1];
    for (int64_t c = 0; c <= blocks_; ++c) {
      begin_[size_t(c * rows_ + r)] = k;
      for (; k < last && p.column[size_t(k)] < (c + 1) * block_; ++k)
        index_[size_t(k)] = uint16_t(p.column[size_t(k)] - c * block_);
    }
  }
}

// Counts, sums up, distributes. In the order of the pattern, entries of a row and block come by
// rising column either way.
void Strips::build_moved(const SparsePattern& p) {
  const bool transposed = order_ == StripOrder::transposed;
  const auto each = [&](auto&& visit) {
    for (int64_t o = 0; o < p.out; ++o)
      for (int32_t k = p.row_begin[size_t(o)]; k < p.row_begin[size_t(o) + 1]; ++k) {
        const int64_t i = p.column[size_t(k)];
        const int64_t row = transposed ? i : o, column = transposed ? o : i;
        visit(size_t(column / block_ * rows_ + row), uint16_t(column % block_), k);
      }
  };
  begin_.assign(size_t(blocks_ * rows_ + 1), 0);
  each([&](size_t part, uint16_t, int32_t) { ++begin_[part + 1]; });
  for (size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
  std::vector<int32_t> next(begin_.begin(), begin_.end() - 1);
  each([&](size_t part, uint16_t index, int32_t k) {
    const auto to = size_t(next[part]++);
    index_[to] = index;
    if (transposed) position_[to] = k;
  });
}

StripForm Strips::form() const {
  return {.rows = rows_,
          .columns = columns_,
          .block = block_,
          .blocks = blocks_,
          .end_step = order_ == StripOrder::pattern ? rows_ : 1,
          .begin = begin_.data(),
          .index = index_.data(),
          .position = order_ == StripOrder::transposed ? position_.data() : nullptr};
}

// A row's entries lie in its parts of the blocks, in the order of the pattern.
void Strips::pack(const float* values) {
  if (order_ != StripOrder::blocked) return;
  int32_t first = 0;
  for (int64_t r = 0; r < rows_; ++r) {
    next_[size_t(r)] = first;
    for (int64_t c = 0; c < blocks_; ++c)
      first += begin_[size_t(c * rows_ + r) + 1] - begin_[size_t(c * rows_ + r)];
  }
  float* to = packed_.data();
  for (int64_t c = 0; c < blocks_; ++c)
    for (int64_t r = 0; r < rows_; ++r) {
      const int32_t n = begin_[size_t(c * rows_ + r) + 1] - begin_[size_t(c * rows_ + r)];
      to = std::copy_n(values + next_[size_t(r)], n, to);
      next_[size_t(r)] += n;
    }
}

int64_t Strips::bytes() const {
  return int64_t((begin_.size() + position_.size() + next_.size() + packed_.size()) * 4 +
                 index_.size() * 2);
}

}  // namespace sparlet
