#include "tensor/kernels/simd.h"

namespace sparlet {
extern const SimdLoops simd_avx512{.lanes = 16};
}
