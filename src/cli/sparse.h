// Sparse training for `sparlet train --sparse METHOD`.
#pragma once
#include "cli/commands.h"
#include "search/pipeline.h"

namespace sparlet::cli {

// Throws Error naming the option where one is wrong, or given without --sparse.
void check_sparse(const TrainArgs&);
// The net trained by the method from its first connections, drawn here; the checkpoint has exactly
// the density asked for. Writes the log and the
// pictures that are asked for.
Trained train_sparse(const TrainArgs&, const search::Config&, const search::TrainJob&, Rng&);

}  // namespace sparlet::cli
