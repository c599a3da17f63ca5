// Trials as people read them: columns by name, tables, JSON.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cost/cost.h"
#include "search/trial.h"

namespace sparlet::cli {

// Rows of cells under a header, numbers to the right; two blanks between columns.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::string text() const;
};

// What --where and --sort know of a trial: arm, epochs, seconds, peak_memory, density and all of
// Metrics. Throws Error naming the nearest.
double column(const search::Trial&, const std::string& name);

Table trial_table(const std::vector<search::Trial>&);
// The front without those beyond a reference of an objective (a 90 % error in 200 bytes), which one
// line counts; all of it where nothing else is there.
std::string front_table(const std::vector<search::Trial>& front,
                        const std::vector<search::Objective>&);
nlohmann::json to_json(const search::Trial&);

Table layer_table(const cost::Cost&);
std::string cost_summary(const cost::Cost&);
nlohmann::json to_json(const cost::Cost&);

}  // namespace sparlet::cli
