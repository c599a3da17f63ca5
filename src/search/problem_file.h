// A black box's space and objectives from a TOML file: [[parameter]], [[constraint]],
// [[objective]].
#pragma once
#include <filesystem>

#include "search/optimizer.h"

namespace sparlet::search {

// Throws Error with file:line. Objectives need a name and a reference (a single one does not);
// "known" makes one exact by its formula.
Problem problem_from_text(std::string_view text, std::string_view where);
Problem load_problem(const std::filesystem::path&);

}  // namespace sparlet::search
