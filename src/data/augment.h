// Augmentation: training samples changed batch by batch, as they were stored (before
// normalisation).
#pragma once
#include <functional>
#include <span>

#include "data/dataset.h"

namespace sparlet {

// Changes x, [n, ...] u8 or f32, in place; `lengths` of the n samples, or empty. Allocates nothing.
using Augment = std::function<void(View x, std::span<const int32_t> lengths, Rng&)>;

// Each sample with this probability from left to right (its last axis).
Augment flip(double probability = 0.5);
// Each sample by up to `most` rows and columns (its last two axes), `fill` moving in: the same as
// padding by `most` and cropping at random (He et al. 2016, §4.2).
Augment shift(int64_t most, float fill = 0);
// Each sample by up to `most` steps along its axis `axis` (0: (steps, ...), 1: (channels, steps)),
// the first or last real step repeated; padding stays where it is.
Augment time_shift(int64_t most, int axis = 0);
// Adds normal noise; bytes are rounded and saturate. Padding stays as it is.
Augment noise(float deviation);
// One after another.
Augment all_of(std::vector<Augment>);

}  // namespace sparlet
