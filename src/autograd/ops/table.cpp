// The list of ops.
#include <vector>

#include "autograd/ops/ops.h"
#include "autograd/ops/ops_i8.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {

std::span<const OpDef* const> all_ops() {
  static const OpDef* const table[] = {
      &input_op,
      &param_op,
      &constant_op,
      &state_op,
      &part_op,
      &conv2d_op,
      &linear_op,
      &max_pool_op,
      &avg_pool_op,
      &relu_op,
      &relu6_op,
      &add_op,
      &sub_op,
      &mul_op,
      &global_avg_pool_op,
      &concat_op,
      &flatten_op,
      &batch_norm_op,
      &dropout_op,
      &softmax_op,
      &conv2d_i8_op,
      &conv2d_bitmask_i8_op,
      &linear_i8_op,
      &linear_bitmask_i8_op,
      &max_pool_i8_op,
      &avg_pool_i8_op,
      &global_avg_pool_i8_op,
      &requantize_i8_op,
      &add_i8_op,
      &sub_i8_op,
      &mul_i8_op,
      &concat_i8_op,
      &softmax_i8_op,
      &copy_i8_op,
      &part_i8_op,
  };
  return table;
}

const OpDef& find_op(std::string_view name) {
  std::vector<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    if (op->name == name) return *op;
    names.push_back(op->name);
  }
  fail("no op '{}'{}", name, did_you_mean(name, std::span<const std::string_view>(names)));
}

}  // namespace sparlet
