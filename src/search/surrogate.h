// Models of what is learnt beside exact values of what is known, and what they make of a candidate.
#pragma once
#include <functional>
#include <memory>
#include <span>

#include "search/classifier.h"
#include "search/ehvi.h"
#include "search/gp.h"
#include "search/objective.h"

namespace sparlet::search {

// What a trial gave: raw values, one an objective; none: it turned out infeasible. Fidelity: epochs
// trained, or the like, as a share of the full ones; its logarithm is an input of the models.
struct Observation {
  Point point;
  std::vector<double> values;
  double fidelity = 1;
  std::vector<double> noise = {};  // known variances, one an objective, in its unit squared
};

// Raw values of the known objectives of a candidate (NaN for learnt ones), or none where it cannot
// be built. Called often: keep it to a few ms.
using Known = std::function<std::optional<std::vector<double>>(const Point&)>;

// ehvi: log of the expected hypervolume improvement. chebyshev: log of the expected improvement of
// a random augmented Chebyshev scalarisation (ParEGO; SpArSe's way). thompson: improvement of the
// hypervolume by one joint draw from the posterior.
enum class Acquisition { ehvi, chebyshev, thompson };

struct SurrogateOptions {
  Acquisition acquisition = Acquisition::ehvi;
  GpOptions gp = {};
  bool mask = true;  // false: inactive parameters count, as if they stood in the middle
  // What is improved on: the observations' values at full fidelity, or as they are, where one may
  // train them further.
  bool achieved = false;
  // Draws of the hyperparameters while observations are few, so that models know how little they
  // know; 1: the best ones always. Those alone gave `nas` (28 parameters) 0.44 in the worst of 16
  // seeds after 100 trainings instead of 0.47, and 0.55 instead of 0.56 in the median.
  int hyper_draws = 5;
  double rho = 0.05;  // chebyshev
  int draws = 64;     // Monte Carlo: of chebyshev where more than one objective is learnt
  // Makes known objectives inputs of the models beside the parameters: what a net costs says much
  // of what it can learn. Empty: they are not.
  Known known = {};
};

// One entry a model: as many hyperparameters as it is a mixture of.
using Hypers = std::vector<std::vector<GpHyper>>;

// GPs on the learnt objectives (normalised). Targets worse than the reference are compressed by a
// logarithm: improvement below the reference stays what it was, exactly, and the model spends its
// lengthscales where they count.
class Models {
 public:
  // learned[k]: objective k needs a model. The space must outlive it.
  Models(const Space&, std::vector<Objective>, std::vector<bool> learned, SurrogateOptions = {});

  // Takes what has been observed so far: what the last call got, in the same order, and more.
  // Hyperparameters are fitted anew, from where they were, each time a good part is new; between
  // that, observations are appended. Throws Error where there is nothing to learn from.
  void update(const std::vector<Observation>&, Rng&);

  // The same of any number of them, as a function of these and the seed alone, whatever came
  // before: hyperparameters start anew each time they are fitted. REQUIRES: all feasible; calls get
  // the same ones in the same order, some of them fewer.
  void learn(const std::vector<Observation>&, uint64_t seed);

  const std::vector<Objective>& objectives() const { return objectives_; }
  const std::vector<bool>& learned() const { return learned_; }
  const std::vector<Gp>& models() const { return models_; }  // of the learnt ones, in order
  const std::optional<Classifier>& feasibility() const { return feasible_; }  // after failures
  const Space& space() const { return *space_; }
  // Input of the models: the point's features, known objectives where options say so, and, where
  // fidelities differ, the fidelity.
  Features features(const Point&, double fidelity = 1) const;
  // Of a point's features and raw known values (read where they are inputs).
  Features input(Features, std::span<const double> known, double fidelity = 1) const;
  // By known objective that is an input: which, in the order of the inputs behind the parameters.
  std::vector<size_t> known_inputs() const;
  // A normalised value as the models see it.
  double target(size_t objective, double normalised) const;
  // Values as the models believe them, of all feasible observations at full fidelity, or at their
  // own; known ones exact.
  std::vector<Values> believed(const std::vector<Observation>&, bool own_fidelity = false) const;
  // What is expected of a point at full fidelity, normalised; none where a known objective is no
  // input (options.known gives it).
  std::optional<Values> expected(const Point&) const;
  const Hypers& hyper() const { return hyper_; }
  void set_hyper(Hypers);  // of an earlier run, before the first update
  // The state of another one that last fitted when it had `fitted` observations, with what hyper()
  // gave it: the next update goes on from there and gives exactly the same.
  void restore(const std::vector<Observation>&, Hypers, size_t fitted);
  size_t fitted() const { return fitted_; }
  bool refitted() const { return refitted_; }  // by the last update

 private:
  Features masked(Features) const;
  Classifier classifier(const std::vector<Observation>&, Rng*, const GpHyper* start) const;
  std::vector<Dimension> dimensions() const;
  void fit(const std::vector<Observation>&, Rng*);
  void append(const std::vector<Observation>&);
  std::vector<double> targets(const std::vector<Observation>&, size_t first,
                              size_t objective) const;
  std::vector<double> noises(const std::vector<Observation>&, size_t first, size_t objective) const;
  double lowest_fidelity_ = 1;  // 1: all are full, and it is no input
  const Space* space_;
  std::vector<Objective> objectives_;
  std::vector<bool> learned_;
  SurrogateOptions options_;
  std::vector<double> softness_;  // of the compression beyond the reference
  // As fitted, and with what came since: grown from the former at once, so that how often it was
  // asked for does not change a bit.
  std::vector<Gp> fit_models_, models_;
  std::optional<Classifier> feasible_;
  Hypers hyper_;                   // of the models, then of feasibility
  size_t taken_ = 0, fitted_ = 0;  // observations: in the models, at the last fit
  bool refitted_ = false;
};

// A score and its derivatives by the features of the point.
struct ScoreSlope {
  double score = 0;
  std::vector<double> by_feature;
};

// What one proposal is chosen by.
class Surrogate {
 public:
  // Pending points are taken to give what is predicted for them, or slightly worse. All but the
  // options must outlive it.
  Surrogate(const Models&, const std::vector<Observation>&, const std::vector<Point>& pending, Rng&,
            const SurrogateOptions& = {});
  // The same with models fitted to just these observations. `start`: hyper() of an earlier one.
  Surrogate(const Space&, std::vector<Objective>, std::vector<bool> learned,
            const std::vector<Observation>&, const std::vector<Point>& pending, Rng&,
            const SurrogateOptions& = {}, const Hypers& start = {});

  // Worth of points, the greater the better; logarithms (thompson: not), so -infinity is possible.
  // `known`: raw values, one an objective; those of learnt ones are not read. Of thompson the
  // points of one call share one draw.
  double score(const Point&, std::span<const double> known) const;
  std::vector<double> scores(const std::vector<Point>&,
                             const std::vector<std::vector<double>>& known) const;
  // REQUIRES: ehvi. `known_slopes`: derivatives of the raw known values by the features, one row an
  // objective; empty: they do not change.
  ScoreSlope score_slope(const Features&, std::span<const double> known,
                         const std::vector<std::vector<double>>& known_slopes = {}) const;
  bool has_slopes() const { return options_.acquisition == Acquisition::ehvi; }

  // Prediction of a learnt objective (normalised, as the models see it).
  Prediction predict(size_t objective, const Point&) const;
  const std::vector<double>& weights() const { return weights_; }
  const Hypers& hyper() const { return models_->hyper(); }  // of the learnt ones, in order
  double best() const { return best_; }
  const Models& models() const { return *models_; }

 private:
  void prepare(const std::vector<Observation>&, const std::vector<Point>& pending, Rng&);
  double chebyshev_score(std::vector<Belief>) const;
  const Gp& gp(size_t model) const {
    return extended_.empty() ? models_->models()[model] : extended_[model];
  }

  std::unique_ptr<Models> own_;
  const Models* models_;
  SurrogateOptions options_;
  std::vector<Gp> extended_;  // with pending points, where there are any
  std::optional<Ehvi> ehvi_;
  std::vector<double> weights_;
  std::vector<double> normals_;  // base draws
  mutable Rng draw_;             // thompson
  double best_ = 0;
};

}  // namespace sparlet::search
