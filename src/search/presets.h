// Ready search spaces by name: a builder and its parameters, written here once. A config says
// `space = "sparse_cnn"` and may replace or add parameters.
#pragma once
#include "search/space.h"

namespace sparlet::search {

struct Preset {
  std::string name, builder, meaning;
  std::vector<Parameter> parameters;
  std::vector<Constraint> constraints = {};
};

//   sparse_cnn        SpArSeMod's CNN for images: 43 parameters that vary
//   sparse_touch_cnn  its CNN for pressure frames (steps are channels): 44
//   sparse_cnn_rnn    its CNN before an RNN: 64
//   sparse_rnn        its RNN: 12
//   branch_cnn        uNAS's CNN of series and parallel blocks: 10 blocks of 1 to 3 layers
//   row_cnn           1-D CNN for sequences
//   mlp               uNAS's dense networks
// Names and ranges of the first four are SpArSeMod's; scales are logarithmic where sizes and rates
// are, and what has no effect is inactive. Each has learning_rate, batch_size and prune_threshold.
std::vector<std::string> preset_names();
const Preset& preset(const std::string& name);  // throws Error naming the known and the nearest

}  // namespace sparlet::search
