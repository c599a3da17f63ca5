// The chain-CNN builder: blocks of convolution layers, then dense layers. All by parameter name.
#pragma once
#include "search/builder.h"

namespace sparlet::search {

// Parameters of the Point, b, l, d from 1. Any may be absent or fixed; defaults in brackets.
//   blocks                       at most 64 [1]
//   block_B_layers               at most 64 [1]
//   block_B_layer_L_type         conv | separable | bottleneck [conv]
//   block_B_layer_L_filters      [6]
//   block_B_layer_L_kernel       [3]
//   block_B_layer_L_stride       [1]
//   block_B_layer_L_ratio        bottleneck: inner channels / filters [0.5]
//   block_B_pool                 none | max | avg [none]
//   block_B_pool_size            [2]
//   block_B_dropout              after the block [0]
//   head                         global_average | flatten [global_average]
//   dense_layers                 at most 64 [0]
//   dense_D_units                [32]
//   dense_dropout                after each dense layer [0]
// Read by the trainer, not here: learning_rate, schedule, learning_gamma, learning_step,
// batch_size, prune_threshold.
//
// Layers: conv: k×k, batch-norm, relu. separable: depthwise k×k, 1×1, batch-norm, relu. bottleneck:
// 1×1 to filters × ratio channels, k×k, batch-norm, relu. Padding k/2, no biases before batch-norm.
// Nodes: b1.l2.conv, b1.l2.dw, b1.l2.pw, b1.l2.down, b1.l2.bn, fc1, out.
// Throws Error naming the node or parameter.
Var grow_chain_cnn(NetBuilder&, const Point&, const DataSpec&);
Net build_chain_cnn(const Point&, const DataSpec&, Rng&);

// Names that it reads, '#' for a number from 1.
std::vector<std::string> chain_cnn_names();

}  // namespace sparlet::search
