// Which op of the graph is which of the file.
#pragma once
#include "autograd/ops/ops_i8.h"
#include "runtime/format.h"

namespace sparlet::deploy {

struct FileOp {
  rt::Op code;
  std::string_view word;  // in names: "op3.linear"
  const OpDef* op;
  const OpDef* bitmask = nullptr;
};

inline std::span<const FileOp> file_ops() {
  static const FileOp table[] = {
      {rt::Op::conv2d, "conv2d", &conv2d_i8_op, &conv2d_bitmask_i8_op},
      {rt::Op::linear, "linear", &linear_i8_op, &linear_bitmask_i8_op},
      {rt::Op::max_pool, "max_pool", &max_pool_i8_op},
      {rt::Op::avg_pool, "avg_pool", &avg_pool_i8_op},
      {rt::Op::global_avg_pool, "global_avg_pool", &global_avg_pool_i8_op},
      {rt::Op::requantize, "requantize", &requantize_i8_op},
      {rt::Op::add, "add", &add_i8_op},
      {rt::Op::sub, "sub", &sub_i8_op},
      {rt::Op::mul, "mul", &mul_i8_op},
      {rt::Op::concat, "concat", &concat_i8_op},
      {rt::Op::softmax, "softmax", &softmax_i8_op},
      {rt::Op::part, "part", &part_i8_op},
      {rt::Op::copy, "copy", &copy_i8_op},
  };
  return table;
}

}  // namespace sparlet::deploy
