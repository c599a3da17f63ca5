// The [train] table of a config, with what a point says instead, as train() takes it.
#pragma once
#include "search/config.h"

namespace sparlet::search {

// Words of train.optimizer and train.schedule.
const std::vector<std::string_view>& optimizer_words();
const std::vector<std::string_view>& schedule_words();

Optimizer optimizer_of(const TrainingOptions&, const Point&);
// `steps`: of the whole run.
Schedule schedule_of(const TrainingOptions&, const Point&, int64_t steps);
// Throws Error for a teacher that cannot be read.
Loss loss_of(const TrainingOptions&, const Data&);
// Changes of training batches of such samples; none where the table asks for none. Sequences are
// (steps, channels), or (channels, steps) where channels come first. Throws Error where a change does
// not suit the samples.
Augment augment_of(const TrainingOptions&, const Shape& sample, bool channels_first);

}  // namespace sparlet::search
