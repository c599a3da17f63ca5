// Networks for sequences and vectors: 1-D convolutions (over maps of one row, so that they have an
// int8 form), and dense layers alone. Every point can be built: maps are padded, windows clipped.
//
// row_cnn, parameters of the Point, l, d from 1, defaults in brackets:
//   layers                   at most 64 [1]
//   layer_L_type             conv | separable [conv]
//   layer_L_filters [8], layer_L_kernel [3], layer_L_stride [1]
//   layer_L_pool             max-pool behind it by so much; 1: none [1]
//   dropout                  before the head [0]
//   head                     global_average | flatten [global_average]
//   dense_layers [0], dense_D_units [32], dense_dropout after each [0]
//   max_len                  read before: the steps of a sequence
// Samples: (channels, 1, steps). Layers are followed by batch-norm and relu. Nodes: l2.conv, l2.dw,
// l2.pw, l2.bn, fc1, out.
//
// mlp: dense_layers [1], dense_D_units [32], dense_dropout after each [0]. Samples of any shape.
#pragma once
#include "nn/builder.h"
#include "search/point.h"

namespace sparlet::search {

Var grow_row_cnn(NetBuilder&, const Point&, const DataSpec&);
Var grow_mlp(NetBuilder&, const Point&, const DataSpec&);
std::vector<std::string> row_cnn_names();
std::vector<std::string> mlp_names();

}  // namespace sparlet::search
