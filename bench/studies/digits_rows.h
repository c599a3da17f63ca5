// The rows of a table that digits_table wrote (private to the studies that replay it).
#pragma once
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "search/config.h"
#include "search/pareto.h"
#include "tensor/error.h"

namespace study {

struct DigitsRow {
  sparlet::search::Point point;
  std::vector<double> errors = {};     // of the float net, after each epoch
  double size = 0, memory = 0;         // predicted, bytes
  std::vector<double> measured = {};   // error, size, memory of the int8 net, raw
  sparlet::search::Values final = {};  // the same, normalised
};

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

// Of one or more files, with commas between them. Throws Error naming the one that cannot be read.
inline std::vector<DigitsRow> digits_rows(const std::string& paths,
                                          const std::vector<sparlet::search::Objective>& box) {
  std::vector<DigitsRow> rows;
  for (const std::string& path : split(paths, ',')) {
    std::ifstream in(path);
    sparlet::require(bool(in), "{}: cannot be read", path);
    std::string line;
    std::getline(in, line);
    const std::vector<std::string> names = split(line, ',');
    while (std::getline(in, line)) {
      const std::vector<std::string> fields = split(line, ',');
      if (fields.size() != names.size()) continue;  // the last line of a table being written
      std::map<std::string, std::string> at;
      for (size_t i = 0; i < names.size(); ++i) at[names[i]] = fields[i];
      DigitsRow row{.point = sparlet::search::point_from(at["point"]),
                    .size = std::stod(at["predicted_size"]),
                    .memory = std::stod(at["predicted_memory"])};
      for (int e = 1; at.contains("error_" + std::to_string(e)); ++e)
        row.errors.push_back(std::stod(at["error_" + std::to_string(e)]));
      for (const char* name : {"error", "size", "memory"})
        row.measured.push_back(std::stod(at[name]));
      row.final = normalised(box, row.measured);
      rows.push_back(std::move(row));
    }
  }
  sparlet::require(!rows.empty(), "{}: no rows", paths);
  return rows;
}

// Of normalised error, size and memory in their box, whose own volume is 1.
inline double box_volume(std::vector<sparlet::search::Values> rows) {
  for (sparlet::search::Values& row : rows)
    for (double& v : row) v = std::max(v, 0.0);
  std::vector<sparlet::search::Values> front;
  for (const size_t i : sparlet::search::pareto_front(rows)) front.push_back(rows[i]);
  return sparlet::search::hypervolume(front, sparlet::search::Values(3, 1.0));
}

inline double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

}  // namespace study
