// Channels that can only go together, removing them for real, and choosing which to remove.
#pragma once
#include "nn/train.h"

namespace sparlet::sparse {

// By node, the group of each of its channels (axis 0 of a sample: maps, features). One group holds what
// must keep the same number: a residual sum's operands, a depthwise convolution's maps, its norm, all
// features that a flattened map becomes. A fixed group cannot go: the input's, the output's, and those
// that an op reads in another way (recurrent layers, attention, grouped convolutions, reshapes).
struct Channels {
  std::vector<std::vector<int32_t>> of;  // empty for what is not batched
  std::vector<bool> fixed;               // by group
  int64_t groups() const { return int64_t(fixed.size()); }
};
Channels channels_of(const Graph&);

// The net without channels that do not matter: nobody reads them, or they are the same number for every
// input, which goes into the biases behind them. Weights, norms and masks get smaller; the same outputs
// (to rounding). As often as that frees others. Every value keeps one channel at least.
Net compact(const Net&);

struct ChannelPruning {
  double fraction = 0.5;  // of the channels that may go, floor
  // Ranked over the net by the mean square of their filters' weights, else within each layer.
  bool together = true;
  std::vector<std::string> keep = {};  // layers (nodes) whose outputs stay; the first and last are usual
};
// Removes the channels with the least filters, their biases and norms with them; the outputs change.
// One of each layer stays. Throws Error for a fraction outside 0..1 and a name that is no layer.
Net prune_channels(const Net&, const ChannelPruning&);

// Removes them while the net trains: at every `every`-th step from `begin` to `end`, of the channels at
// the start, by Zhu & Gupta's schedule. train() goes on with the smaller net, which trains faster.
struct GradualChannels {
  ChannelPruning target = {};
  int64_t begin = 0, end = 1000, every = 100;
};
Hook gradual_channels(const GradualChannels&);

}  // namespace sparlet::sparse
