#include "search/trial.h"

#include <algorithm>
#include <array>

#include "search/pareto.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr std::array<std::string_view, 5> kPhases = {"sobol", "gp", "morphism", "random",
                                                     "evolution"};
constexpr std::array<std::string_view, 7> kStatuses = {"pending",    "running",  "paused", "done",
                                                       "infeasible", "diverged", "failed"};

constexpr std::array<std::string_view, 9> kFigures = {
    "error", "size",           "weight_bytes", "memory",  "memory_without_input",
    "macs",  "effective_macs", "latency",      "sparsity"};

template <class Enum, size_t n>
Enum find(const std::array<std::string_view, n>& names, std::string_view name, const char* what) {
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) fail("{} \"{}\" is unknown", what, name);
  return Enum(at - names.begin());
}

}  // namespace

std::string_view name_of(Phase phase) { return kPhases[size_t(phase)]; }
Phase phase_from(std::string_view name) { return find<Phase>(kPhases, name, "phase"); }
std::string_view name_of(Status status) { return kStatuses[size_t(status)]; }
Status status_from(std::string_view name) { return find<Status>(kStatuses, name, "status"); }

std::span<const std::string_view> objective_names() { return kFigures; }

bool is_cost(std::string_view name) {
  return name != "error" && std::find(kFigures.begin(), kFigures.end(), name) != kFigures.end();
}

double Metrics::value(std::string_view name) const {
  if (name == "error") return error;
  if (name == "size") return double(size);
  if (name == "weight_bytes") return double(weight_bytes);
  if (name == "memory") return double(memory);
  if (name == "memory_without_input") return double(memory_without_input);
  if (name == "macs") return double(macs);
  if (name == "effective_macs") return double(effective_macs);
  if (name == "latency") return latency;
  if (name == "sparsity") return sparsity;
  if (const auto at = extra.find(std::string(name)); at != extra.end()) return at->second;
  fail(
      "objective \"{}\": nothing of that name is measured; there are error, size, weight_bytes, "
      "memory, memory_without_input, macs, effective_macs, latency, sparsity and the registered "
      "metrics",
      name);
}

std::vector<double> values_of(const Trial& trial, const std::vector<Objective>& objectives) {
  std::vector<double> values;
  for (const Objective& o : objectives) values.push_back(trial.metrics.value(o.name));
  return values;
}

std::vector<Trial> trainings(const std::vector<Trial>& trials) {
  std::vector<Trial> all;
  for (const Trial& t : trials) {
    for (const Rung& b : t.before) {
      Trial& earlier = all.emplace_back(t);
      earlier.job = b.job, earlier.rung = b.rung, earlier.epochs = b.epochs;
      earlier.metrics = b.metrics;
      earlier.status = Status::paused;
      earlier.before.clear();
    }
    all.push_back(t);
    all.back().before.clear();
  }
  std::sort(all.begin(), all.end(), [](const Trial& a, const Trial& b) { return a.job < b.job; });
  return all;
}

std::vector<const Trial*> front_trials(const std::vector<Trial>& trials,
                                       const std::vector<Objective>& objectives) {
  std::vector<const Trial*> done;
  std::vector<Values> rows;
  for (const Trial& t : trials) {
    if (!trained(t.status)) continue;
    done.push_back(&t);
    rows.push_back(normalised(objectives, values_of(t, objectives)));
  }
  std::vector<const Trial*> front;
  for (const size_t i : pareto_front(rows)) front.push_back(done[i]);
  return front;
}

std::vector<int> front_of(const std::vector<Trial>& trials,
                          const std::vector<Objective>& objectives) {
  std::vector<int> front;
  for (const Trial* t : front_trials(trials, objectives)) front.push_back(t->arm);
  std::sort(front.begin(), front.end());
  return front;
}

bool within_references(const Trial& trial, const std::vector<Objective>& objectives) {
  const Values row = normalised(objectives, values_of(trial, objectives));
  return std::all_of(row.begin(), row.end(), [](double v) { return v <= 1; });
}

double hypervolume_of(const std::vector<Trial>& trials, const std::vector<Objective>& objectives) {
  std::vector<Values> rows;
  for (const Trial& t : trials) {
    if (!trained(t.status)) continue;
    Values row = normalised(objectives, values_of(t, objectives));
    for (double& v : row) v = std::max(v, 0.0);
    rows.push_back(std::move(row));
  }
  std::vector<Values> front;
  for (const size_t i : pareto_front(rows)) front.push_back(rows[i]);
  return hypervolume(front, Values(objectives.size(), 1.0));
}

}  // namespace sparlet::search
