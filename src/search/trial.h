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

// How a design came about: sobol, random and evolution look at no model; gp is any new design of
// one, morphism a change of a trained one.
enum class Phase { sobol, gp, morphism, random, evolution };
std::string_view name_of(Phase);
Phase phase_from(std::string_view name);

// infeasible: cannot be built or breaks a limit, never trained. diverged: training blew up, a
// result. failed: an error, or its worker died three times. paused: trained to a rung of successive
// halving below the last, and may be trained further.
enum class Status { pending, running, paused, done, infeasible, diverged, failed };
std::string_view name_of(Status);
Status status_from(std::string_view name);
inline bool terminal(Status s) { return s != Status::pending && s != Status::running; }  // so far
inline bool trained(Status s) { return s == Status::done || s == Status::paused; }

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

// What a trial gave at a rung that it has left.
struct Rung {
  int job = 0, rung = 0, epochs = 0;
  Metrics metrics;
};

struct Trial {
  int arm = 0;  // from 0, in the order proposed
  // Place of its last training among all, in the order proposed: the arm, without successive
  // halving; with it a trial that goes on takes a new one.
  int job = 0;
  Phase phase = Phase::sobol;
  std::optional<int> parent;  // the arm whose weights it inherits
  Point point;
  Status status = Status::pending;
  std::string reason;   // of infeasible and failed
  std::string moves;    // of a morph: "blocks.up kernel.down"
  int epochs = 0;       // in all
  int rung = 0;         // that these reach
  int parent_rung = 0;  // of the parent: the state whose weights it inherits
  int inherited = 0;    // epochs behind those weights
  std::vector<Rung> before = {};
  Metrics metrics;  // where done
  double seconds = 0;
  int64_t peak_memory = 0;  // bytes, of the process
  int attempt = 0;
  int worker = 0;  // process id, while running
};

std::vector<double> values_of(const Trial&, const std::vector<Objective>&);
// Every training of every trial as a trial of its own, by job; without successive halving these are
// the trials.
std::vector<Trial> trainings(const std::vector<Trial>&);
// The non-dominated trained ones; of trainings one trial may stand there twice.
std::vector<const Trial*> front_trials(const std::vector<Trial>&, const std::vector<Objective>&);
// Their arms, in order.
std::vector<int> front_of(const std::vector<Trial>&, const std::vector<Objective>&);
// Whether no objective is worse than its reference: of interest, and of worth to the hypervolume.
bool within_references(const Trial&, const std::vector<Objective>&);
// Of the front, in the box that ideals and references span (its own volume is 1).
double hypervolume_of(const std::vector<Trial>&, const std::vector<Objective>&);

}  // namespace sparlet::search
