// The ops, one file each (or one file a family of twins). The list is in table.cpp.
#pragma once
#include "autograd/op.h"

namespace sparlet {

extern const OpDef part_op, conv2d_op, linear_op;
extern const OpDef max_pool_op, avg_pool_op, global_avg_pool_op;
extern const OpDef relu_op, relu6_op, add_op, sub_op, mul_op;
extern const OpDef concat_op, flatten_op, batch_norm_op, dropout_op, softmax_op;

}  // namespace sparlet
