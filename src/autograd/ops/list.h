// The list of ops: one word each, leaves first. ops.h declares NAME_op for every word, table.cpp
// looks them up; the op itself is in its own file.
#pragma once

// clang-format off
#define SPARLET_OPS(op)                                                                            \
  op(input) op(param) op(constant) op(state)                                                       \
  op(part) op(conv2d) op(linear) op(max_pool) op(avg_pool) op(global_avg_pool)                     \
  op(relu) op(relu6) op(leaky_relu) op(add) op(sub) op(mul) op(concat) op(flatten)                 \
  op(lstm) op(gru) op(rnn) op(batch_norm) op(dropout) op(gaussian) op(softmax)                     \
  op(sigmoid) op(tanh) op(silu) op(gelu) op(hardsigmoid) op(hardswish) op(elu) op(prelu)           \
  op(scale) op(exp) op(log) op(sqrt) op(log_softmax)                                               \
  op(reshape) op(transpose) op(slice) op(pad) op(upsample_nearest2d)                               \
  op(reduce_sum) op(reduce_mean)                                                                   \
  op(conv1d) op(conv3d) op(conv_transpose2d) op(matmul) op(layer_norm)                             \
  op(max_pool1d) op(avg_pool1d) op(max_pool3d) op(avg_pool3d)                                      \
  op(adaptive_avg_pool1d) op(adaptive_avg_pool2d)                                                  \
  op(linear_csr) op(linear_coo) op(conv2d_csr) op(conv2d_coo)                                      \
  op(lstm_csr) op(lstm_coo) op(gru_csr) op(gru_coo) op(rnn_csr) op(rnn_coo)                        \
  op(conv2d_i8) op(conv2d_bitmask_i8) op(linear_i8) op(linear_bitmask_i8)                          \
  op(max_pool_i8) op(avg_pool_i8) op(global_avg_pool_i8) op(requantize_i8)                         \
  op(add_i8) op(sub_i8) op(mul_i8) op(concat_i8) op(softmax_i8) op(copy_i8) op(part_i8)
// clang-format on
