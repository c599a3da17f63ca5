// Eigen forms that the GP's files share (private).
#pragma once
#include <Eigen/Dense>
#include <functional>

#include "search/gp_kernel.h"

namespace sparlet::search {

// Matérn of the rows of an embedding with themselves, exactly symmetric, `noise` on the diagonal.
Eigen::MatrixXd covariance(const Eigen::MatrixXd& embedded, double outputscale,
                           const Eigen::VectorXd& noise);
// Hyperparameters as a vector in the order of GpObjective::gradient, and back.
std::vector<double> pack(const GpHyper&);
GpHyper unpack(const std::vector<double>&);

// Standardised observations.
struct GpData {
  const std::vector<Dimension>& dimensions;
  const std::vector<Features>& x;
  const std::vector<double>& y;
  const std::vector<double>& noise;  // known variances; empty: none
};
GpObjective gp_objective(const GpData&, const GpHyper&, const GpOptions&);

// What the kernel makes of points. `k`: without noise.
struct KernelParts {
  KernelParts(const std::vector<Dimension>&, const std::vector<Features>&, const GpHyper&);
  Embedding embedding;
  Eigen::MatrixXd e, squared, k;
};
// The derivatives of Σ W_ij K_ij in the order of GpObjective::gradient, those by noise and mean 0.
// REQUIRES: W symmetric.
std::vector<double> kernel_gradient(const KernelParts&, const std::vector<Features>&,
                                    const GpHyper&, const Eigen::MatrixXd& w);
// Within which hyperparameters are sought, in the order of pack().
struct Walls {
  std::vector<double> low, high;
};
Walls walls_of(size_t dimensions, const GpOptions&);
// options.draws of the hyperparameters' posterior, of a chain that begins at `start`. `settled`:
// that is a draw of an earlier chain; otherwise the first steps are thrown away.
std::vector<GpHyper> draw_hyper(const GpData&, Rng&, const GpOptions&, const GpHyper& start,
                                bool settled);
// The best hyperparameters found by L-BFGS from `start` or the usual ones, and options.restarts
// random places.
GpHyper maximise(const std::function<GpObjective(const GpHyper&)>&, size_t dimensions, Rng&,
                 const GpOptions&, const std::optional<GpHyper>& start);
// The best hyperparameters found.
GpHyper fit_hyper(const GpData&, Rng&, const GpOptions&, const std::optional<GpHyper>& start);

}  // namespace sparlet::search
