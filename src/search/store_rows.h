// A trial as a row of the store's table `trials`.
#pragma once
#include "search/trial.h"

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace sparlet::search {

// What read_row() wants a query to give, in its order.
inline constexpr const char* kTrialColumns =
    "arm, phase, parent, point, moves, status, reason, epochs, error, size, weight_bytes, memory, "
    "memory_without_input, macs, effective_macs, latency, sparsity, extra, seconds, peak_memory, "
    "attempt, worker, job, rung, parent_rung, inherited, before";

// Throws Error that begins with "trial ARM: " for a value that cannot be read.
Trial read_row(SQLite::Statement&);

void insert_trial(SQLite::Database&, const Trial&);
// A trial that stood at another rung, with status `from`, now stands where this one does. Throws
// Error where there is none with that status.
void move_trial(SQLite::Database&, const Trial&, Status from);

}  // namespace sparlet::search
