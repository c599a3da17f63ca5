#include "tensor/kernels/simd_pack.h"
#include "tensor/kernels/simd_product.h"

namespace sparlet {

extern const SimdLoops simd_avx512{.name = "avx512",
                                   .lanes = kWidth,
                                   .product = product,
                                   .dots = dots,
                                   .pack_transposed = pack_transposed,
                                   .sum_rows = sum_rows,
                                   .copy_rows = copy_rows,
                                   .add_rows = add_rows};

}  // namespace sparlet
