// From a model of what is learnt and exact values of what is known to the next point to try.
#pragma once
#include <functional>
#include <set>
#include <span>

#include "search/gp.h"
#include "search/objective.h"

namespace sparlet::search {

// A weight vector, uniform on the simplex.
std::vector<double> random_weights(int objectives, Rng&);
// Augmented Chebyshev, to be minimised: max_k(w_k f_k) + rho × sum_k(w_k f_k). Knowles, "ParEGO",
// IEEE TEC 10(1), 2006, eq. 2. Values are normalised ones.
double chebyshev(std::span<const double> weights, std::span<const double> f, double rho = 0.05);

// E max(best - f, 0) for f ~ N(mean, sigma²). Jones, Schonlau & Welch 1998, eq. 15.
double expected_improvement(double mean, double sigma, double best);
// E max(best - s, 0) where s is the augmented Chebyshev of f and only f[uncertain] is unknown, with
// f[uncertain] ~ N(mean, sigma²). Closed form; f[uncertain] is not read.
struct ChebyshevImprovement {
  std::span<const double> weights, f;
  size_t uncertain = 0;
  double mean = 0, sigma = 0, best = 0, rho = 0.05;
};
double expected_improvement(const ChebyshevImprovement&);

// What a trial gave: raw values, one an objective.
struct Observation {
  Point point;
  std::vector<double> values;
};

struct SurrogateOptions {
  GpOptions gp = {};
  double rho = 0.05;
  int draws = 64;  // Monte Carlo, where more than one objective is learnt
};

// GPs on the learnt objectives (normalised); the others are known exactly, by whoever asks. With no
// learnt objective no model is needed. One weight vector a Surrogate: make one a proposal.
class Surrogate {
 public:
  // learned[k]: objective k needs a model. `start`: hyper() of an earlier one. Pending points are
  // taken to give what is predicted for them.
  Surrogate(const Space&, std::vector<Objective>, std::vector<bool> learned,
            const std::vector<Observation>&, const std::vector<Point>& pending, Rng&,
            const SurrogateOptions& = {}, const std::vector<GpHyper>& start = {});

  // Expected improvement of the scalarised objectives. `known`: raw values, one an objective; those
  // of learnt ones are not read.
  double score(const Point&, std::span<const double> known) const;
  // Raw prediction of a learnt objective (mean and variance are normalised).
  Prediction predict(size_t objective, const Point&) const;
  const std::vector<double>& weights() const { return weights_; }
  std::vector<GpHyper> hyper() const;  // of the learnt ones, in order
  double best() const { return best_; }

 private:
  const Space& space_;
  std::vector<Objective> objectives_;
  std::vector<bool> learned_;
  std::vector<double> weights_;
  std::vector<Gp> models_;       // of the learnt ones, in order
  std::vector<double> normals_;  // base draws
  SurrogateOptions options_;
  double best_ = 0;
};

// Raw values of the known objectives of a candidate (NaN for learnt ones), or none where it cannot
// be built. Called often: keep it to a few ms.
using Known = std::function<std::optional<std::vector<double>>(const Point&)>;

struct ProposeOptions {
  int random = 150;              // fresh points
  int mutants = 150;             // of the parents
  int survivors = 8;             // that are refined by mutation
  int rounds = 3, children = 8;  // of refinement, a survivor
};

struct Proposal {
  Point point;
  double score = 0;
};

// The best-scoring point found: fresh points, mutants of `parents` (the Pareto points), then local
// refinement. Never one of `seen` (canonical texts), one that breaks a constraint, or one that
// `known` refuses. None if nothing is left.
std::optional<Proposal> propose(const Space&, const Surrogate&, const Known&,
                                const std::vector<Point>& parents,
                                const std::set<std::string>& seen, Rng&,
                                const ProposeOptions& = {});
// The same among given candidates (morphs).
std::optional<Proposal> choose(const Space&, const Surrogate&, const Known&,
                               const std::vector<Point>& candidates,
                               const std::set<std::string>& seen);

}  // namespace sparlet::search
