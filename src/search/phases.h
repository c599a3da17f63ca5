// Which training comes next, given what is known so far: a new design, a changed one, or a paused
// trial that goes on. Pure: the answer depends on the config, the seed and the trainings it may
// see, never on time or on earlier calls.
#pragma once
#include <set>
#include <unordered_map>

#include "search/asha.h"
#include "search/morphism.h"
#include "search/pipeline.h"
#include "search/propose.h"
#include "search/trial.h"

namespace sparlet::search {

// What a config asks for. Infeasible designs count for nothing.
struct PhasePlan {
  int r1 = 0, r2 = 0, r3 = 0, total = 0;  // designs
  int epochs1 = 1, epochs2 = 1, epochs3 = 1;
  std::string method = "sparse";
  int full = 1;                 // epochs of a full training: where the models predict
  std::vector<int> rungs = {};  // epochs of successive halving; empty: trials are never paused
  double eta = 3;
  double tolerance = 0;
  int patience = 20;

  static PhasePlan of(const PhaseOptions&);
  Phase phase(int designs) const;  // of the next one; of auto, gp stands for any
  bool by_model_alone() const;     // no named recipe, no baseline: what is wasteful is left out
  int first_rung(Phase) const;     // REQUIRES: rungs
  int epochs(Phase) const;         // that a new design is trained before it is paused or done
  double expected_epochs(Phase) const;  // in all, where one of eta goes on from each rung
};

// Trainings in the order of their jobs; `workers` as N in: proposal t sees exactly the trainings up
// to t-N, the rest as pending (infeasible ones, known at once, do not count).
struct Visible {
  std::vector<const Trial*> seen, pending;
};
Visible visible(const std::vector<Trial>& trainings, int workers);
// Whether all that the next proposal may see has ended.
bool ready(const std::vector<Trial>&, const PhasePlan&, int workers);
int trained_count(const std::vector<Trial>&);  // all but the infeasible

class Proposer {
 public:
  // The references must outlive it. Throws Error where check() does.
  Proposer(const Config&, const Space&, const Pipeline&, const DataSpec&, int workers);

  // What comes next: infeasible candidates met on the way, then the trial to run (or to run on, as
  // it is to stand in the store). Without the latter where the space has nothing new and nothing
  // waits to go on. REQUIRES: ready().
  struct Next {
    std::vector<Trial> infeasible;
    std::optional<Trial> trial;
    bool wait = false;       // nothing as yet: what still trains may change that
    bool converged = false;  // the hypervolume has stopped growing
  };
  Next next(const std::vector<Trial>&);

  // The costs of a point before training, by cost::predict on its fresh net; throws Error where it
  // cannot be built.
  Metrics predict(const Point&) const;

 private:
  struct Round;
  void fill(Round&);
  // New designs (designs.cpp).
  void sobol(Round&);
  void gp(Round&);
  void morphism(Round&);
  void evolution(Round&);
  struct Morphs {
    std::vector<Point> points;
    std::map<std::string, std::pair<const Trial*, std::string>>
        origin;  // parent and moves, by text
  };
  Morphs morphs(Round&, Rng&);
  std::optional<Proposal> propose_new(Round&, const Surrogate&);
  Surrogate surrogate(const Round&, bool achieved = false);
  std::optional<std::vector<double>> known(const Point&);
  // Successive halving (promotion.cpp).
  // With a model learnt objectives count as it expects them after a full training.
  std::vector<Asha::Promotion> promotions(const Round&, const Surrogate* = nullptr) const;
  void automatic(Round&);
  bool owes_promotions(const Round&);
  bool converged(const Round&) const;
  double work(const Point&, double epochs);

  const Config& config_;
  const Space& space_;
  const Pipeline& pipeline_;
  const DataSpec& spec_;
  PhasePlan plan_;
  int workers_;
  std::vector<bool> learned_;  // by objective
  // How far the Sobol sequence has been walked, and the trials met on it: spares walking it anew.
  uint32_t sobol_next_ = 0;
  PassOver pass_over_;
  std::set<std::string> sobol_met_;
  struct Known {
    std::optional<std::vector<double>> values;
    std::string reason;
    int64_t macs = 0;
  };
  std::unordered_map<std::string, Known> cache_;  // by canonical text
  std::optional<Models> models_;                  // of what was last seen
};

}  // namespace sparlet::search
