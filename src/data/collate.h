// Sequences of any length made as long as a network takes them.
#pragma once
#include "data/dataset.h"

namespace sparlet {

// A sequence of L real steps becomes, for a network of `steps`:
//   pad        one sample: its first `steps` steps, zeros behind them where it is shorter
//   chop       floor(L / steps) samples of `steps` each, the remainder dropped; a shorter one is
//              padded
//   subsample  one sample: every floor(L / steps)-th step, `steps` of them; a shorter one is padded
enum class Fit { pad, chop, subsample };

// The samples of `data`, in their order, as (steps, ...), each with its length; label and group go
// with every piece. Afterwards size() counts pieces: split before chopping, or a sequence's pieces
// end up on both sides. Throws Error for samples of fewer than two axes and for steps < 1.
Dataset collated(const Dataset& data, Fit, int64_t steps);

// (steps, channels) -> (channels, steps), as convolutions over time take them. Lengths still count
// steps. Throws Error unless samples have two axes.
Dataset channels_first(const Dataset&);

}  // namespace sparlet
