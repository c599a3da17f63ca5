#include "tensor/kernels/simd_maps.h"
#include "tensor/kernels/simd_pack.h"
#include "tensor/kernels/simd_product.h"

namespace sparlet {

extern const SimdLoops simd_avx2{.name = "avx2",
                                 .lanes = kWidth,
                                 .product = product,
                                 .dots = dots,
                                 .pack_transposed = pack_transposed,
                                 .sum_rows = sum_rows,
                                 .copy_rows = copy_rows,
                                 .add_rows = add_rows,
                                 .multiply_add_rows = multiply_add_rows,
                                 .depthwise = depthwise,
                                 .depthwise_weight = depthwise_weight,
                                 .max_pool = max_pool,
                                 .max_pool_backward = max_pool_backward,
                                 .relu_backward = relu_backward};

}  // namespace sparlet
