#include "tensor/kernels/sparse_lanes.h"

#include <algorithm>
#include <numeric>

namespace sparlet {
namespace {

constexpr int64_t groups_of(int64_t rows) { return (rows + kLaneRows - 1) / kLaneRows; }
constexpr int words_of(int slots) { return (slots + kLaneIndices - 1) / kLaneIndices; }
constexpr int place(uint16_t order) { return order % kLaneRows; }
constexpr int filled(uint16_t order) { return order / kLaneRows; }

// The places of 32 rows by falling number of entries, each place | entries << 5.
void sort_rows(const uint8_t (&entries)[kLaneRows], uint16_t* order) {
  int row[kLaneRows];
  std::iota(row, row + kLaneRows, 0);
  std::stable_sort(row, row + kLaneRows, [&](int a, int b) { return entries[a] > entries[b]; });
  for (int i = 0; i < kLaneRows; ++i) order[row[i]] = uint16_t(i | entries[row[i]] * kLaneRows);
}

}  // namespace

LanePacking::LanePacking(const SparsePattern& p)
    : rows_(p.out),
      columns_(p.in),
      blocks_((p.in + kLaneColumns - 1) / kLaneColumns),
      row_begin_(p.row_begin),
      next_(p.row_begin.begin(), p.row_begin.end() - 1),
      begin_{0} {
  for (int64_t block = 0; block < blocks_; ++block) {
    add_block(p, block, next_);
    begin_.push_back(int32_t(units_.size()));
  }
  values_.assign(values_.size(), 0.f);
}

// Units with as many slots follow each other: the loops over slots end where they did before.
void LanePacking::add_block(const SparsePattern& p, int64_t block, std::vector<int32_t>& next) {
  std::vector<uint16_t> places(size_t(groups_of(rows_)) * kLaneRows);
  std::vector<LaneUnit> units;
  for (int64_t g = 0; g < groups_of(rows_); ++g) {
    uint8_t entries[kLaneRows] = {};
    for (int64_t i = 0; i < kLaneRows && g * kLaneRows + i < rows_; ++i) {
      const auto row = size_t(g * kLaneRows + i);
      int32_t k = next[row];
      while (k < row_begin_[row + 1] && p.column[size_t(k)] < (block + 1) * kLaneColumns) ++k;
      entries[i] = uint8_t(k - next[row]);
    }
    uint16_t* order = places.data() + g * kLaneRows;
    sort_rows(entries, order);
    LaneUnit unit{.group = uint32_t(g), .first = 0, .second = 0};
    for (int i = 0; i < kLaneRows; ++i) {
      uint16_t& slots = place(order[i]) < 16 ? unit.first : unit.second;
      slots = std::max(slots, uint16_t(filled(order[i])));
    }
    if (unit.first > 0) units.push_back(unit);
  }
  std::stable_sort(units.begin(), units.end(), [](const LaneUnit& a, const LaneUnit& b) {
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  });
  for (const LaneUnit& unit : units) add_unit(p, block, unit, next, places);
  for (int64_t r = 0; r < rows_; ++r) next[size_t(r)] += filled(places[size_t(r)]);
}

void LanePacking::add_unit(const SparsePattern& p, int64_t block, LaneUnit unit,
                           const std::vector<int32_t>& next, const std::vector<uint16_t>& places) {
  const size_t words = words_.size();
  words_.resize(words + 16 * size_t(words_of(unit.first) + words_of(unit.second)));
  values_.resize(values_.size() + 16 * size_t(unit.first + unit.second));
  units_.push_back(unit);
  const int64_t row = int64_t(unit.group) * kLaneRows;
  const uint16_t* order = places.data() + row;
  order_.insert(order_.end(), order, order + kLaneRows);
  for (int i = 0; i < kLaneRows; ++i) {
    const int lane = place(order[i]);
    uint32_t* half = words_.data() + words + (lane < 16 ? 0 : 16 * words_of(unit.first));
    for (int s = 0; s < filled(order[i]); ++s) {
      const int64_t column = p.column[size_t(next[size_t(row + i)] + s)] - block * kLaneColumns;
      half[s / kLaneIndices * 16 + lane % 16] |= uint32_t(column) << (5 * (s % kLaneIndices));
    }
  }
}

// Blocks come by rising columns, so a row's entries come in order.
void LanePacking::pack(const float* values) {
  std::copy(row_begin_.begin(), row_begin_.end() - 1, next_.begin());
  float* to = values_.data();
  for (size_t u = 0; u < units_.size(); ++u) {
    const LaneUnit& unit = units_[u];
    for (int i = 0; i < kLaneRows; ++i) {
      const uint16_t order = order_[u * kLaneRows + size_t(i)];
      const int lane = place(order);
      float* half = to + (lane < 16 ? lane : 16 * unit.first + lane - 16);
      for (int s = 0; s < filled(order); ++s)
        half[16 * s] = values[next_[size_t(unit.group) * kLaneRows + size_t(i)]++];
    }
    to += 16 * (unit.first + unit.second);
  }
}

LaneForm LanePacking::form() const {
  return {.columns = columns_,
          .blocks = blocks_,
          .begin = begin_.data(),
          .units = units_.data(),
          .order = order_.data(),
          .words = words_.data(),
          .values = values_.data()};
}

int64_t LanePacking::bytes() const {
  return int64_t(
      (row_begin_.size() + next_.size() + begin_.size() + words_.size() + values_.size()) * 4 +
      units_.size() * sizeof(LaneUnit) + order_.size() * 2);
}

GatherPacking::GatherPacking(const SparsePattern& p) : rows_(p.out), row_begin_(p.row_begin) {
  const auto entries = [&](int32_t r) { return row_begin_[size_t(r) + 1] - row_begin_[size_t(r)]; };
  row_.resize(size_t(rows_));
  std::iota(row_.begin(), row_.end(), 0);
  std::stable_sort(row_.begin(), row_.end(),
                   [&](int32_t a, int32_t b) { return entries(a) > entries(b); });
  for (int64_t first = 0; first < rows_; first += kGatherRows) {
    const int32_t slots = entries(row_[size_t(first)]);
    const size_t from = index_.size();
    slots_.push_back(slots);
    index_.resize(from + size_t(slots) * kGatherRows);
    for (int64_t i = first; i < std::min(rows_, first + kGatherRows); ++i) {
      const int32_t k = row_begin_[size_t(row_[size_t(i)])];
      for (int32_t s = 0; s < entries(row_[size_t(i)]); ++s)
        index_[from + size_t(s * kGatherRows + i - first)] = uint16_t(p.column[size_t(k + s)]);
    }
  }
  values_.resize(index_.size());
}

void GatherPacking::pack(const float* values) {
  float* to = values_.data();
  for (int64_t i = 0; i < rows_; ++i) {
    const auto row = size_t(row_[size_t(i)]);
    for (int32_t k = row_begin_[row], s = 0; k < row_begin_[row + 1]; ++k, ++s)
      to[s * kGatherRows + i % kGatherRows] = values[k];
    if (i % kGatherRows == kGatherRows - 1) to += slots_[size_t(i / kGatherRows)] * kGatherRows;
  }
}

GatherForm GatherPacking::form() const {
  return {.rows = rows_,
          .slots = slots_.data(),
          .row = row_.data(),
          .index = index_.data(),
          .values = values_.data()};
}

int64_t GatherPacking::bytes() const {
  return int64_t((row_begin_.size() + slots_.size() + row_.size() + values_.size()) * 4 +
                 index_.size() * 2);
}

}  // namespace sparlet
