// The loops that are written once for SIMD (simd_loops.h) and built for each instruction set, as a
// table of function pointers. Plain pointers and numbers only: see kernels.h.
#pragma once
#include <cstdint>

namespace sparlet {

struct SimdLoops {
  int64_t lanes = 1;  // floats in a vector
};

extern const SimdLoops simd_avx2, simd_avx512;

}  // namespace sparlet
