// Patterns for the samples of ops with sparse weights.
#pragma once
#include "autograd/op.h"

namespace sparlet {

inline Sample::Input index_input(DType type, std::vector<int32_t> values) {
  const auto n = int64_t(values.size());
  return {{n}, "constant", type, Fill::integer, {}, std::move(values)};
}

// The three operands of a weight (out, in) in which place k is taken where k % step % 3 == 0: rows
// of all lengths.
inline std::vector<Sample::Input> sparse_inputs(SparseFormat format, int64_t out, int64_t in,
                                                int64_t step) {
  std::vector<int32_t> row, column, row_begin{0};
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i)
      if ((o * in + i) % step % 3 == 0) {
        row.push_back(int32_t(o));
        column.push_back(int32_t(i));
      }
    row_begin.push_back(int32_t(column.size()));
  }
  const auto entries = int64_t(column.size());
  const DType of_columns = index_type(in - 1);
  if (format == SparseFormat::coo)
    return {{{entries}, "param"},
            index_input(index_type(out - 1), std::move(row)),
            index_input(of_columns, std::move(column))};
  return {{{entries}, "param"},
          index_input(of_columns, std::move(column)),
          index_input(index_type(entries), std::move(row_begin))};
}

}  // namespace sparlet
