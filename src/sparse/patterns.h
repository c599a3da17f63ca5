// Masks of a regular shape, which some hardware runs faster than scattered ones.
#pragma once
#include "sparse/weights.h"

namespace sparlet::sparse {

// A weight is a matrix here: a row an output, its columns all else in plain order.

// Of every `m` columns of a row, counted from the first, the `n` greatest magnitudes stay, of equal
// ones the last ("2:4": Mishra et al. 2021); of fewer than m at the end n / m of them, rounded up.
// Masks only lose entries. Throws Error for n outside 0..m and a name in `keep` that is no prunable
// weight.
struct EveryM {
  int64_t n = 2, m = 4;
  std::vector<std::string> keep = {};
};
Net mask_every(const Net&, const EveryM&);

// Blocks of rows × columns (smaller ones at the edges) stay or go as a whole, by their root mean
// square: of all blocks of the net round(sparsity × blocks) go, of equal ones the first. What a
// mask has closed counts 0 and stays closed. Throws Error likewise.
struct Blocks {
  double sparsity = 0.5;
  int64_t rows = 1, columns = 4;
  std::vector<std::string> keep = {};
};
Net mask_blocks(const Net&, const Blocks&);

}  // namespace sparlet::sparse
