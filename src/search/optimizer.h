// Ask and tell: an optimiser for any black box with one or several objectives.
#pragma once
#include <map>
#include <set>

#include "search/propose.h"
#include "search/sobol.h"

namespace sparlet::search {

// What proposes after the first Sobol points. ehvi, chebyshev, thompson: Gaussian processes
// (surrogate.h). nsga2: steady state; Deb et al. 2002. aging: aging evolution with a random
// Chebyshev fitness a tournament, as uNAS (Liberis et al. 2021). local: mutants of Pareto points.
enum class Method { ehvi, chebyshev, thompson, random, sobol, nsga2, aging, local };
std::string_view name_of(Method);
Method method_from(std::string_view name);  // throws Error naming the nearest

struct OptimizerOptions {
  Method method = Method::ehvi;
  int initial = 0;  // Sobol points before the method; 0: 2 (d + 1), at most 20
  uint64_t seed = 1;
  // Over once the last `patience` answers have grown the hypervolume by less than this share; 0:
  // never.
  double tolerance = 0;
  int patience = 20;
  int population = 50, sample = 15;  // of the evolutions; aging's tournaments
  SurrogateOptions surrogate = {};
  ProposeOptions propose = {
      .random = 120, .mutants = 80, .starts = 4, .evaluations = 40, .cheap_known = true};
};

// What is optimised. `ideal` of an objective may be NaN: the best value seen in the first answers
// stands for it. So may `reference` of a single one; then there is no hypervolume.
struct Problem {
  Space space;
  std::vector<Objective> objectives;
  std::vector<bool> learned = {};  // by objective; empty: all. The others have exact values:
  Known known = {};                // raw, NaN for learnt ones; none: the point is infeasible
};

class Optimizer {
 public:
  // Throws Error for objectives or options that make no sense.
  explicit Optimizer(Problem, OptimizerOptions = {});
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  struct Asked {
    int trial = 0;
    Point point;
  };
  // The next trial to run; may be asked again before earlier ones are answered. None where the
  // space has nothing new. The same seed, questions and answers give the same points.
  std::optional<Asked> ask();
  // Answers, in any order: raw values, one an objective (known ones may be left out if all are),
  // or that the point cannot be evaluated. Throws Error for an unknown or answered trial, a wrong
  // number of values, a value that is not finite or contradicts a known formula; then nothing has
  // changed.
  void tell(int trial, std::span<const double> values, std::span<const double> noise = {});
  void tell_infeasible(int trial);

  // The hypervolume has stopped growing.
  bool converged() const;

  struct Result {
    int trial = 0;
    Point point;
    std::vector<double> values;
  };
  std::vector<Result> front() const;  // non-dominated, by trial
  // Below the references, in the objectives' units; log2 of them where they are logarithmic.
  double hypervolume() const;
  const std::map<int, Point>& pending() const { return pending_; }
  int asked() const { return next_; }
  int answered() const { return int(observations_.size()); }
  const Problem& problem() const { return problem_; }
  const OptimizerOptions& options() const { return options_; }

  // --- to go on where another one stopped: its trials and answers in their order, then state
  void restore(int trial, const Point&);
  struct State {
    Hypers hyper;
    int fitted = 0;  // answers at that time
    int boxed = 0;   // and when the models were first made
  };
  State state() const;
  void restore(const State&);

 private:
  struct Told {
    int trial = 0;
    std::vector<double> values;  // empty: infeasible
  };
  std::optional<Point> sobol();
  std::optional<Point> by_model(Rng&);
  std::optional<Point> fresh(std::optional<Point> (Optimizer::*make)(Rng&), Rng&);
  std::optional<Point> random_point(Rng&);
  std::optional<Point> nsga2(Rng&);
  std::optional<Point> aging(Rng&);
  std::optional<Point> local(Rng&);
  bool usable(const Point&) const;
  bool by_model_alone() const;
  const Point& waiting(int trial) const;               // throws Error where it waits for no answer
  std::vector<Objective> boxed(size_t answers) const;  // what is NaN replaced by what was seen
  std::vector<Values> minimised() const;               // by observation; infeasible: empty
  void record(int trial, Observation);

  Problem problem_;
  OptimizerOptions options_;
  Sobol sequence_;
  uint32_t place_ = 0;  // in the sequence
  PassOver pass_over_;
  int next_ = 0;
  std::map<int, Point> pending_;
  std::set<std::string> seen_;
  std::vector<Observation> observations_;  // in the order of the answers
  std::vector<int> trials_;                // of them
  std::vector<double> volumes_;            // after each of them
  ParetoArchive archive_;                  // minimised raw values; ids: places in observations_
  std::optional<Models> models_;
  size_t boxed_ = 0;  // answers, when its objectives' boxes were set
  std::optional<State> restored_;
};

}  // namespace sparlet::search
