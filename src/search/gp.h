// Exact Gaussian-process regression for expensive, noisy functions of mixed, conditional inputs.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "search/space.h"

namespace sparlet::search {

// Kernel: outputscale × Matérn-5/2 of r, r² = sum of one term a dimension, each the squared
// distance of a Euclidean embedding (so the kernel is positive definite):
//   number, always active:     (x - x')² / ℓ²
//   number, conditional:       both active: 2 (1 - cos(πρ(x - x'))) / (πρℓ)²,
//                              one: (1 + κ² - 2κ cos(πρ(x - ½))) / (πρℓ)², none: 0
//                              (arc kernel: Swersky et al. 2013, arXiv:1409.4011; an arc of angle
//                              πρ. Theirs is κ = 0, what is inactive at the centre of the arc; at
//                              κ = 1 it stands in the middle of the range. It is inferred: how much
//                              designs of different branches tell of each other)
//   category:                  [x ≠ x'] / ℓ²; one active: 1 / ℓ², none: 0
// Inactive values do not matter.
struct GpHyper {
  std::vector<double> lengthscale;  // one a dimension
  double outputscale = 1;
  double noise = 1e-2;  // variance, of standardised outputs
  double mean = 0;      // of standardised outputs
  double arc = 0.5;     // ρ
  double inside = 0;    // κ, 0 to 1
  bool operator==(const GpHyper&) const = default;
};

// Priors (shape, rate). `gamma`, as BoTorch's SingleTaskGP up to 0.11: lengthscales Gamma(3, 6),
// noise Gamma(1.1, 0.05). `scaled`: lengthscales LogNormal(ln(d)/2 - 1/2 - c, 1 - 0.6 c), c = 1/d,
// at most 1/2: growing with √d as Hvarfner et al. 2024 (arXiv:2402.02229) have it, for many
// dimensions, but shorter and tighter than theirs, the more so the fewer there are: theirs were too
// sure of themselves in two; noise LogNormal(-8, 2). Both: outputscale Gamma(2, 0.15).
struct GpOptions {
  enum class LengthPrior { gamma, scaled };
  LengthPrior prior = LengthPrior::scaled;
  double min_noise = 1e-6;
  // Of the hyperparameters, from their posterior: what is predicted is a mixture of as many models.
  // 1: the best hyperparameters. A fit that starts from draws of fewer observations goes on there.
  int draws = 1;
  int restarts = 2;                // starts besides the default or the given one
  int max_evaluations = 100;       // of the likelihood, each start
  int max_points = 600;            // hyperparameters are fitted to at most so many, drawn at random
  std::vector<double> noise = {};  // known variance of each output, in its unit; the inferred adds
};

struct Prediction {
  double mean = 0, variance = 0;
};  // of the function, without noise; of a mixture its moments

// A prediction and its derivatives by the values of the point; 0 for categories and what is
// inactive.
struct PredictionSlope {
  Prediction at;
  std::vector<double> mean, variance;
};

class Gp {
 public:
  // Fits by maximum a posteriori (L-BFGS, several starts), or draws (Hamiltonian Monte Carlo).
  // `start`: hyperparameters of an earlier fit. Outputs are standardised inside. Throws Error when
  // sizes differ, there is no sample, or an output is not finite.
  static Gp fit(const std::vector<Dimension>&, std::vector<Features>, std::vector<double> y, Rng&,
                const GpOptions& = {}, const std::optional<GpHyper>& start = {});
  // With given hyperparameters, or a mixture of them, and known variances as in GpOptions.
  static Gp with(const std::vector<Dimension>&, std::vector<Features>, std::vector<double> y,
                 const GpHyper&, const std::vector<double>& noise = {});
  static Gp with(const std::vector<Dimension>&, std::vector<Features>, std::vector<double> y,
                 const std::vector<GpHyper>&, const std::vector<double>& noise = {});

  Gp(Gp&&) noexcept;
  Gp& operator=(Gp&&) noexcept;
  ~Gp();

  Prediction predict(const Features&) const;
  std::vector<Prediction> predict(const std::vector<Features>&) const;  // cheaper than one by one
  std::vector<double> means(const std::vector<Features>&) const;        // without variances: cheap
  PredictionSlope predict_slope(const Features&) const;
  // `count` joint draws of the function at all of `at` (Thompson sampling).
  std::vector<std::vector<double>> sample(const std::vector<Features>& at, int count, Rng&) const;
  // The same model with further observations, hyperparameters and output scale kept: rows are
  // appended to the Cholesky factor, O(n²) each. `noise`: their known variances, if any.
  Gp extended(const std::vector<Features>&, const std::vector<double>& y,
              const std::vector<double>& noise = {}) const;
  const GpHyper& hyper() const;         // the last draw
  std::vector<GpHyper> hypers() const;  // all of them
  int size() const;

 private:
  struct Model;
  Gp();
  void condition(const Model&, const std::vector<GpHyper>&);
  std::vector<std::unique_ptr<Model>> models_;  // one a draw
};

// (log marginal likelihood + log priors) / n of standardised outputs, and its gradient by
// log lengthscales, log outputscale, log noise, mean, log arc, inside (in this order).
struct GpObjective {
  double value = 0;
  std::vector<double> gradient;
};
GpObjective gp_objective(const std::vector<Dimension>&, const std::vector<Features>&,
                         const std::vector<double>& y, const GpHyper&, const GpOptions& = {});

// Kernel matrix, row by row (tests, studies).
std::vector<std::vector<double>> gp_kernel(const std::vector<Dimension>&,
                                           const std::vector<Features>&, const GpHyper&);

}  // namespace sparlet::search
