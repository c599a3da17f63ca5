// The front as a picture: error against size, working memory by colour.
#pragma once
#include <string>
#include <vector>

#include "search/trial.h"

namespace sparlet::cli {

// `front` arms as labelled dots on a staircase, the other done trials grey. Stands alone.
std::string front_svg(const std::vector<search::Trial>& done, const std::vector<int>& front,
                      const std::string& title);

}  // namespace sparlet::cli
