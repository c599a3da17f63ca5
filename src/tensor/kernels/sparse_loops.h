// The inner loops of products with a sparse matrix, one table an instruction set, and the packed
// forms they read. The files that implement them see nothing but this header and intrinsics.
//
// A strip is some samples with the sample as the last index: x [columns][width]. One non-zero then
// is one broadcast value times `width` neighbours in memory.
#pragma once
#include <cstdint>

namespace sparlet {

// Strips: CSR in blocks of columns, so that the part of x in use stays in the first cache. Entries
// of row r in block c are begin[c * rows + r] .. begin[c * rows + r + end_step]; their column is
// c * block + index. Entry k's value is values[position ? position[k] : k].
struct StripForm {
  int64_t rows, columns, block, blocks, end_step;
  const int32_t* begin;
  const uint16_t* index;
  const int32_t* position;
};

// Lanes: 16 rows stand in the lanes of a register, 32 columns of x in two registers, and a slot
// takes one weight for each lane times a column looked up in those two. The 32 rows of a unit are
// sorted by their number of non-zeros in the block, so that few of its slots are padding; `order`
// puts the sums back: row i's is at order[i] % 32 of the unit. A word holds kLaneIndices column
// numbers of 5 bits; there is one for each lane and kLaneIndices slots.
constexpr int kLaneRows = 32, kLaneColumns = 32, kLaneIndices = 6;
struct LaneUnit {
  uint32_t group;          // of kLaneRows rows
  uint16_t first, second;  // slots of the 16 fullest rows, of the others
};
struct LaneForm {
  int64_t columns, blocks;
  const int32_t* begin;  // [blocks + 1], units
  const LaneUnit* units;
  const uint16_t* order;  // [kLaneRows] a unit: place | non-zeros << 5
  const uint32_t* words;
  const float* values;
};

// Gather: rows sorted by their number of non-zeros over the whole matrix, 16 a group; x is read by
// gather instructions.
constexpr int kGatherRows = 16;
struct GatherForm {
  int64_t rows;
  const int32_t* slots;  // of each group
  const int32_t* row;    // [kGatherRows] a group
  const uint16_t* index;
  const float* values;
};

struct SparseLoops {
  const char* name;
  // y [rows][width] = bias + S x, x [columns][width], bias [rows] or null. Width: 1, 8, 16, 32, 64.
  // The order of the sums is the same in width 16, 32 and 64.
  void (*strip_product)(const StripForm&, const float* values, const float* bias, int64_t width,
                        const float* x, float* y);
  // dvalues[k] = Σ over the width of x[column of k] dy[row of k], or added to it. The form is in
  // the order of the pattern (end_step == rows).
  void (*strip_dots)(const StripForm&, int64_t width, const float* x, const float* dy, bool add,
                     float* dvalues);
  // to[c * to_row + r] = from[r * from_row + c].
  void (*transpose)(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
                    int64_t to_row);
  // For 1, 2, 4 or 8 samples, y += S x; x_row and y_row floats between samples, y_row a multiple
  // of kLaneRows. A sample's sums do not depend on the others. Null where there is none.
  void (*lanes)(const LaneForm&, int64_t samples, const float* x, int64_t x_row, float* y,
                int64_t y_row);
  // One sample, y = bias + S x. Null where there is none.
  void (*gather)(const GatherForm&, const float* bias, const float* x, float* y);
};

extern const SparseLoops portable_sparse_loops;
extern const SparseLoops avx2_sparse_loops, avx512_sparse_loops;  // where SPARLET_SIMD

// Also for the AVX-512 table: wider gathers are no faster.
void gather_avx2(const GatherForm&, const float* bias, const float* x, float* y);

}  // namespace sparlet
