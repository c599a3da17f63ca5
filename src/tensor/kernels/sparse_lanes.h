// Builds the lanes form and the gather form (sparse_loops.h) of a pattern.
#pragma once
#include <vector>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/sparse.h"
#include "tensor/kernels/sparse_loops.h"

namespace sparlet {

class LanePacking {
 public:
  explicit LanePacking(const SparsePattern&);

  void pack(const float* values);  // in the order of the pattern
  LaneForm form() const;
  int64_t units() const { return int64_t(units_.size()); }
  int64_t slots() const { return int64_t(values_.size()) / 16; }  // of 16 weights
  int64_t bytes() const;

 private:
  void add_block(const SparsePattern&, int64_t block, std::vector<int32_t>& next);
  void add_unit(const SparsePattern&, int64_t block, LaneUnit, const std::vector<int32_t>& next,
                const std::vector<uint16_t>& places);

  int64_t rows_, columns_, blocks_;
  std::vector<int32_t> row_begin_, next_, begin_;
  std::vector<LaneUnit> units_;
  Lines<uint16_t> order_;
  Lines<uint32_t> words_;
  Lines<float> values_;
};

// For patterns of at most 65536 columns.
class GatherPacking {
 public:
  explicit GatherPacking(const SparsePattern&);

  void pack(const float* values);
  GatherForm form() const;
  int64_t slots() const { return int64_t(values_.size()) / kGatherRows; }
  int64_t bytes() const;

 private:
  int64_t rows_;
  std::vector<int32_t> row_begin_, slots_, row_;
  Lines<uint16_t> index_;
  Lines<float> values_;
};

}  // namespace sparlet
