// Which packed form runs a sparse product, and where a sparse product beats the dense one. Static
// rules from the measurements in docs/performance.md: nothing is timed while the program runs.
#pragma once
#include <cstdint>

namespace sparlet {

struct SparseLoops;

enum class SparseForm { strips, lanes, gather };

// The form with the least estimated time for `batch` samples.
SparseForm choose_sparse_form(const SparseLoops&, int64_t out, int64_t in, int64_t nonzeros,
                              int64_t batch);

// Whether a sparse layer is faster than the dense one on AVX-512, for inference with `batch`
// samples; density: of 1. What Format::automatic goes by.
bool sparse_pays(int64_t out, int64_t in, double density, int64_t batch);

}  // namespace sparlet
