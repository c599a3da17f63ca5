#include "cli/commands.h"
#include "search/run.h"

namespace sparlet::cli {

void worker(const std::filesystem::path& run) { search::run_worker(run); }

}  // namespace sparlet::cli
