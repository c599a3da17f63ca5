// The strip form (sparse_loops.h) of a pattern or of its transpose.
#pragma once
#include <vector>

#include "tensor/kernels/sparse.h"
#include "tensor/kernels/sparse_loops.h"

namespace sparlet {

enum class StripOrder {
  pattern,     // entries stay where they are: values are the caller's
  blocked,     // entries of a block follow each other: pack() copies the values
  transposed,  // of the transpose, with the positions of its values
};

class Strips {
 public:
  // width: of the widest strip; it decides how many columns fit into the first cache.
  Strips(const SparsePattern&, StripOrder, int64_t width);

  StripForm form() const;
  void pack(const float* values);
  // Blocked: the packed copy. Else the caller's.
  bool copies_values() const { return !packed_.empty(); }
  const float* values(const float* given) const { return packed_.empty() ? given : packed_.data(); }
  int64_t bytes() const;

 private:
  void build_in_place(const SparsePattern&);
  void build_moved(const SparsePattern&);

  StripOrder order_;
  int64_t rows_, columns_, block_, blocks_;
  std::vector<int32_t> begin_;     // see StripForm
  std::vector<int32_t> position_;  // transposed only
  std::vector<int32_t> next_;      // blocked only: of each row, while packing
  std::vector<uint16_t> index_;
  std::vector<float> packed_;
};

}  // namespace sparlet
