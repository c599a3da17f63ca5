// How likely a point is to be feasible: Gaussian-process classification of yes and no.
#pragma once
#include <memory>

#include "search/gp.h"

namespace sparlet::search {

// Labels come from a latent function with the kernel of gp.h and a constant mean: P(yes) = Φ(f).
// Its posterior is approximated by expectation propagation (Rasmussen & Williams 2006, "Gaussian
// Processes for Machine Learning", algorithms 3.5, 3.6 and 5.2; Laplace's approximation is too
// unsure where labels are), so a prediction has the closed form Φ(μ / √(1 + σ²)), their eq. 3.82.
// Hyperparameters as gp.h's, the noise unused, with priors of their own: lengthscales
// LogNormal(ln(d)/2, 0.7), outputscale LogNormal(ln 100, 1), mean N(0, 1). O(n³) a fit.
class Classifier {
 public:
  // Fits the hyperparameters to the approximate marginal likelihood. Throws Error where sizes
  // differ or there is no sample.
  static Classifier fit(const std::vector<Dimension>&, std::vector<Features>,
                        const std::vector<bool>& yes, Rng&, const GpOptions& = {},
                        const std::optional<GpHyper>& start = {});
  // With given ones: depends on them and the data alone.
  static Classifier with(const std::vector<Dimension>&, std::vector<Features>,
                         const std::vector<bool>& yes, const GpHyper&);
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  std::vector<double> log_probability(const std::vector<Features>&) const;  // of yes
  // And its derivatives by the values of the point; 0 for categories and what is inactive.
  struct Slope {
    double log = 0;
    std::vector<double> by_feature;
  };
  Slope log_probability_slope(const Features&) const;
  const GpHyper& hyper() const;

 private:
  struct Model;
  explicit Classifier(std::unique_ptr<Model>);
  std::unique_ptr<Model> model_;
};

// (log of the approximate marginal likelihood + log priors) / n, and its gradient in the order of
// gp_objective's; by the noise it is 0.
GpObjective classifier_objective(const std::vector<Dimension>&, const std::vector<Features>&,
                                 const std::vector<bool>& yes, const GpHyper&);

}  // namespace sparlet::search
