#include "tensor/kernels/simd.h"

namespace sparlet {
extern const SimdLoops simd_avx2{.lanes = 8};
}
