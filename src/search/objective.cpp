#include "search/objective.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/error.h"

namespace sparlet::search {

namespace {
double scaled(const Objective& o, double value) {
  // Zero bytes or MACs would be -inf: the smallest normal number stands for them.
  return o.logarithmic ? std::log2(std::max(value, std::numeric_limits<double>::min())) : value;
}
}  // namespace

Objective network_objective(const std::string& name) {
  if (name == "error") return {.name = name, .reference = 0.9};
  if (name == "size" || name == "memory")
    return {.name = name, .reference = 64000, .ideal = 1, .logarithmic = true};
  if (name == "macs") return {.name = name, .reference = 1e7, .ideal = 1, .logarithmic = true};
  if (name == "latency")
    return {.name = name, .reference = 1e3, .ideal = 1e-3, .logarithmic = true};
  return {.name = name};
}

void validate(const Objective& o) {
  require(std::isfinite(o.reference) && std::isfinite(o.ideal),
          "objective '{}': the reference and the ideal must be finite", o.name);
  require(o.minimize ? o.ideal < o.reference : o.ideal > o.reference,
          "objective '{}': reference {} is not worse than the ideal {} ({})", o.name, o.reference,
          o.ideal, o.minimize ? "minimised" : "maximised");
  require(!o.logarithmic || std::min(o.reference, o.ideal) > 0,
          "objective '{}': compared by its logarithm, so reference and ideal must be above 0",
          o.name);
}

double normalised(const Objective& o, double value) {
  if (std::isnan(value)) return value;
  const double low = scaled(o, o.ideal);
  return (scaled(o, value) - low) / (scaled(o, o.reference) - low);
}

std::vector<double> normalised(std::span<const Objective> objectives,
                               std::span<const double> values) {
  require(objectives.size() == values.size(), "objectives: {} values for {} objectives",
          values.size(), objectives.size());
  std::vector<double> result(values.size());
  for (size_t k = 0; k < values.size(); ++k) result[k] = normalised(objectives[k], values[k]);
  return result;
}

namespace {
constexpr int kMostInARow = 200;
}

bool PassOver::operator()(std::span<const Objective> objectives, std::span<const double> values) {
  return beyond(objectives, values) && ++in_a_row_ <= kMostInARow;
}

bool beyond(std::span<const Objective> objectives, std::span<const double> values) {
  for (size_t k = 0; k < objectives.size(); ++k) {
    const Objective& o = objectives[k];
    if (o.minimize ? values[k] >= o.reference : values[k] <= o.reference) return true;
  }
  return false;
}

}  // namespace sparlet::search
