// The three phases: which design to try next, given what is known so far. Pure: the answer depends
// on the config, the seed and the trials it may see, never on time or on earlier calls.
#pragma once
#include <set>
#include <unordered_map>

#include "search/morphism.h"
#include "search/pipeline.h"
#include "search/propose.h"
#include "search/trial.h"

namespace sparlet::search {

// How many trained trials are planned before the next one, and so its phase. Infeasible ones count
// for nothing.
struct PhasePlan {
  int r1 = 0, r2 = 0, r3 = 0, total = 0;
  int epochs1 = 1, epochs2 = 1, epochs3 = 1;
  static PhasePlan of(const PhaseOptions&);
  Phase phase(int trained) const;
  int epochs(Phase) const;
};

// Trials in the order of their arms; `workers` as N in: proposal t sees exactly the trials up to
// t-N, the rest as pending (infeasible ones, known at once, do not count).
struct Visible {
  std::vector<const Trial*> seen, pending;
};
Visible visible(const std::vector<Trial>&, int workers);
// Whether all that the next proposal may see has ended.
bool ready(const std::vector<Trial>&, const PhasePlan&, int workers);
int trained_count(const std::vector<Trial>&);  // all but the infeasible

class Proposer {
 public:
  // The references must outlive it. Throws Error where check() does.
  Proposer(const Config&, const Space&, const Pipeline&, const DataSpec&, int workers);

  // What comes next: infeasible candidates met on the way, then the trial to run. Without the
  // latter where the space has nothing new. REQUIRES: ready().
  struct Next {
    std::vector<Trial> infeasible;
    std::optional<Trial> trial;
  };
  Next next(const std::vector<Trial>&);

  // The costs of a point before training, by cost::predict on its fresh net; throws Error where it
  // cannot be built.
  Metrics predict(const Point&) const;

 private:
  struct Round;
  void sobol(Round&);
  void gp(Round&);
  void morphism(Round&);
  Surrogate surrogate(const Round&) const;
  std::optional<std::vector<double>> known(const Point&);

  const Config& config_;
  const Space& space_;
  const Pipeline& pipeline_;
  const DataSpec& spec_;
  PhasePlan plan_;
  int workers_;
  std::vector<bool> learned_;  // by objective
  // How far the Sobol sequence has been walked, and the trials met on it: spares walking it anew.
  uint32_t sobol_next_ = 0;
  std::set<std::string> sobol_met_;
  struct Known {
    std::optional<std::vector<double>> values;
    std::string reason;
  };
  std::unordered_map<std::string, Known> cache_;  // by canonical text
};

}  // namespace sparlet::search
