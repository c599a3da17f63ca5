// SpArSeMod's networks by their parameters' names: convolution blocks, convolution blocks before a
// recurrent net, and a recurrent net. Every point can be built: maps are padded, windows clipped,
// and no layer has fewer than one channel.
//
// Parameters of the Point, b, l, d from 1. Any may be absent or fixed; defaults in brackets.
//   num_conv_blocks              at most 64 [1]
//   downsample_input_depth_B     max-pools before block B [0]
//   input_downsampling_rate_B    by so much [2]
//   conv_B_num_layers            at most 64 [1]
//   conv_B_layer_L_type          0 conv | 1 bottleneck | 2 separable [0]
//   conv_B_layer_L_filters       [6]
//   conv_B_layer_L_kernel        [3]
//   conv_B_layer_L_downsample    bottleneck: share of the input's channels that is dropped [0]
//   drop_B                       after block B [0]
//   num_fc_layers                at most 64 [0]; fc_layers and neurons_fc_layer_D of sparse_rnn
//   fc_weights_layer_D           [32]
//   drop_fc_D                    after it [0]
//   rnn_layers [1], neurons_layers [32], rnn_dropout between layers [0]
//   cell_type                    0 gru | 1 lstm [0]
// Read before: max_len, the steps of a sequence; the channels of sparse_cnn on touch data.
//
// Layers: conv: k×k, batch-norm, relu. bottleneck: 1×1 to max(1, round(in (1 - downsample)))
// channels, k×k, batch-norm, relu. separable: depthwise k×k with k filters a channel, 1×1,
// batch-norm, relu. Then the mean over the map, dense layers with relu and dropout, the output.
#pragma once
#include "nn/builder.h"
#include "search/point.h"

namespace sparlet::search {

// (c,h,w). Nodes: b1.l2.conv, b1.l2.down, b1.l2.dw, b1.l2.pw, b1.l2.bn, fc1, out.
Var grow_sparse_cnn(NetBuilder&, const Point&, const DataSpec&);
// (c,h,w): the blocks, then the mean over w; channels are the steps of a sequence of h features.
// Nodes also: rnn.l0 ...
Var grow_sparse_cnn_rnn(NetBuilder&, const Point&, const DataSpec&);
// (steps, features), and a second input `lengths`: the last state of a sequence is that of its last
// real step. A dense layer has no activation.
Var grow_sparse_rnn(NetBuilder&, const Point&, const DataSpec&);

std::vector<std::string> sparse_cnn_names();
std::vector<std::string> sparse_cnn_rnn_names();
std::vector<std::string> sparse_rnn_names();

}  // namespace sparlet::search
