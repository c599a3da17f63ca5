// Networks of series and parallel blocks, as uNAS has them (Liberis, Dudziak & Lane 2021, section
// 4.1). Every point can be built: windows are never larger than the map.
//
// Parameters of the Point, b, l, d from 1. Any may be absent or fixed; defaults in brackets.
//   blocks                      at most 64 [1]
//   block_B_branch              reads what the block before it read; their results are added [0]
//   block_B_layers              at most 64 [1]
//   block_B_layer_L_type        conv | pointwise | depthwise [conv]
//   block_B_layer_L_kernel      at most the map [3]
//   block_B_layer_L_filters     [8]; the last layer of a branch has as many as what it is added to
//   block_B_layer_L_stride      [1]
//   block_B_layer_L_pre_pool    a 2×2 max-pool before the layer [0]
//   block_B_layer_L_norm, _relu [1]
//   pool                        max | avg, at the end [avg]
//   pool_size                   at most the map [2]
//   dense_layers                at most 64 [1]
//   dense_D_units               [32]
//   dense_dropout               before each dense layer [0]
// Nothing is padded. Maps that are added are first max-pooled to the smallest height and width
// among them. Nodes: b1.l2.conv, b1.l2.fit (1×1 of a branch behind a depthwise layer), b1.l2.bn,
// fc1, out.
#pragma once
#include "nn/builder.h"
#include "search/point.h"

namespace sparlet::search {

Var grow_branch_cnn(NetBuilder&, const Point&, const DataSpec&);
std::vector<std::string> branch_cnn_names();

}  // namespace sparlet::search
