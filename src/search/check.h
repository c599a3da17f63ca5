// What a config asks for against what the pipeline reads and measures: told before anything runs.
#pragma once
#include "search/pipeline.h"

namespace sparlet::search {

// Throws Error, beginning with file:line where the config has one, for an objective that nothing
// measures; where training is the built-in step, for values that it cannot take (learning_rate 0);
// where all steps are built in, for a parameter that none of them reads, naming the nearest.
// Also where SPARLET_KERNELS names none.
void check(const Config&, const Pipeline&);

}  // namespace sparlet::search
