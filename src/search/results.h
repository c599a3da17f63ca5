// results.csv: what a run found, without times, so that equal runs give equal files.
#pragma once
#include <filesystem>

#include "search/space.h"
#include "search/trial.h"

namespace sparlet::search {

// Columns: arm, phase, parent, status, reason, epochs, error, size, weight_bytes, memory, macs,
// effective_macs, latency, sparsity, registered metrics, then one a parameter. One line a trial
// that has ended, by arm; numbers in the shortest form that reads back the same; fields that hold
// commas or quotes are quoted (RFC 4180).
std::string results_csv(const std::vector<Trial>&, const Space&);

// Replaces the file at once: a reader sees the old or the new one.
void replace_file(const std::filesystem::path&, const std::string& content);

}  // namespace sparlet::search
