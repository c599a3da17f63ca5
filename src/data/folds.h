// Splits for repeated tests of one configuration, and splits that keep a subject's samples
// together.
#pragma once
#include "data/dataset.h"

namespace sparlet {

struct Fold {
  Dataset train, validation, test;
  int32_t group = -1;  // the one that is left out, where it is by group
};

// k folds, class by class in proportion: each sample is in `test` of exactly one fold; of the
// others `validation_fraction` of each class validate. Throws Error unless 2 <= k <= samples.
std::vector<Fold> k_folds(const Dataset&, int k, double validation_fraction, Rng&);

// Whole groups: about `fraction` of the groups (at least one, not all) go to the second part.
// Throws Error where there are no groups, or fewer than two.
std::pair<Dataset, Dataset> group_split(const Dataset&, double fraction, Rng&);

// For each group in ascending order: it is `test`, about `validation_fraction` of the other groups
// (at least one) are `validation`, the rest `train`. No group is in two parts. Throws Error for
// fewer than three groups.
std::vector<Fold> leave_one_group_out(const Dataset&, double validation_fraction, Rng&);

}  // namespace sparlet
