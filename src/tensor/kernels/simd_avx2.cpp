#include "tensor/kernels/simd_blocks.h"
#include "tensor/kernels/simd_dots.h"
#include "tensor/kernels/simd_lane_sums.h"
#include "tensor/kernels/simd_maps.h"
#include "tensor/kernels/simd_pack.h"
#include "tensor/kernels/simd_rows.h"
#include "tensor/kernels/simd_update.h"
#include "tensor/kernels/simd_winograd.h"

namespace sparlet {

extern const SimdLoops simd_avx2{.name = "avx2",
                                 .lanes = kWidth,
                                 .product = product,
                                 .dots = dots,
                                 .pack_transposed = pack_transposed,
                                 .transpose = transpose,
                                 .transpose_rows = transpose_rows,
                                 .sum_rows = sum_rows,
                                 .copy_rows = copy_rows,
                                 .multiply_add_rows = multiply_add_rows,
                                 .add = add,
                                 .depthwise = depthwise,
                                 .depthwise_weight = depthwise_weight,
                                 .max_pool = max_pool,
                                 .max_pool_backward = max_pool_backward,
                                 .lane_sums = lane_sums,
                                 .sum_lanes = sum_lanes,
                                 .adam = adam,
                                 .adam_outer = adam_outer,
                                 .spread_row = spread_row,
                                 .relu_backward = relu_backward,
                                 .tiles_of_input = tiles_of_input,
                                 .tiles_of_grad = tiles_of_grad,
                                 .tiles_to_map = tiles_to_map,
                                 .tile_weight = tile_weight,
                                 .tile_weight_grad = tile_weight_grad};

}  // namespace sparlet
