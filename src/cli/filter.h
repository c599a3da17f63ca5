// --where and --sort: 'size<=2kB, error<=2%'.
#pragma once
#include <string>
#include <vector>

#include "search/trial.h"

namespace sparlet::cli {

struct Bound {
  std::string column, relation;  // < <= > >= ==
  double value = 0;              // in the column's own unit
};

// Comparisons joined by commas. Units: B kB MB, us ms s, %, k M; a bare number is in the column's
// own unit (fractions, bytes, ms). `like` has the metrics that there are. Throws Error that begins
// with `--where`.
std::vector<Bound> parse_where(const std::string&, const search::Trial& like = {});

std::vector<search::Trial> filtered(std::vector<search::Trial>, const std::string& where);
// "error" least first, "-error" greatest first; ties by arm.
void sort_by(std::vector<search::Trial>&, const std::string& column);

}  // namespace sparlet::cli
