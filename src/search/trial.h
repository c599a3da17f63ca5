// One trial of a search: a design, how it came about, and what it gave.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "search/objective.h"
#include "search/point.h"

namespace sparlet::search {

enum class Phase { sobol, gp, morphism };
std::string_view name_of(Phase);
Phase phase_from(std::string_view name);

// infeasible: cannot be built or breaks a limit, never trained. diverged: training blew up, a
// result. failed: an error, or its worker died three times.
enum class Status { pending, running, done, infeasible, diverged, failed };
std::string_view name_of(Status);
Status status_from(std::string_view name);
inline bool terminal(Status s) { return s != Status::pending && s != Status::running; }

// Of the pruned, quantised net; units as DESIGN.md's: fractions, bytes, ms.
struct Metrics {
  double error = 1;
  int64_t size = 0, weight_bytes = 0, memory = 0, memory_without_input = 0;
  int64_t macs = 0, effective_macs = 0;
  double latency = 0, sparsity = 0;
  std::map<std::string, double> extra = {};  // registered metrics

  // By an objective's name; throws Error naming the known ones.
  double value(std::string_view objective) const;
};
// The names above whose value cost::predict knows before training: all but error.
bool is_cost(std::string_view objective);
std::span<const std::string_view> objective_names();  // of all figures but registered metrics

struct Trial {
  int arm = 0;  // from 0, in the order proposed
  Phase phase = Phase::sobol;
  std::optional<int> parent;  // the arm whose weights it inherits
  Point point;
  Status status = Status::pending;
  std::string reason;  // of infeasible and failed
  std::string moves;   // of a morph: "blocks.up kernel.down"
  int epochs = 0;
  Metrics metrics;  // where done
  double seconds = 0;
  int64_t peak_memory = 0;  // bytes, of the process
  int attempt = 0;
  int worker = 0;  // process id, while running
};

std::vector<double> values_of(const Trial&, const std::vector<Objective>&);
// Arms of the non-dominated done trials, in order.
std::vector<int> front_of(const std::vector<Trial>&, const std::vector<Objective>&);
// Whether no objective is worse than its reference: of interest, and of worth to the hypervolume.
bool within_references(const Trial&, const std::vector<Objective>&);
// Of the front, in the box that ideals and references span (its own volume is 1).
double hypervolume_of(const std::vector<Trial>&, const std::vector<Objective>&);

}  // namespace sparlet::search
