// Eigen forms that the GP's files share (private).
#pragma once
#include <Eigen/Dense>

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
// The best hyperparameters found.
GpHyper fit_hyper(const GpData&, Rng&, const GpOptions&, const std::optional<GpHyper>& start);

}  // namespace sparlet::search
