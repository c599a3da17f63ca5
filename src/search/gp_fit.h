// Eigen forms that the GP's files share (private).
#pragma once
#include <Eigen/Dense>

#include "search/gp_kernel.h"

namespace sparlet::search {

// r² between the points of two lists.
Eigen::MatrixXd squared_distances(const std::vector<Dimension>&, const std::vector<Features>& a,
                                  const std::vector<Features>& b, const GpHyper&);
// Of the points with themselves, with noise on the diagonal.
Eigen::MatrixXd covariance(const std::vector<Dimension>&, const std::vector<Features>&,
                           const GpHyper&, double noise);
// Hyperparameters as a vector in the order of GpObjective::gradient, and back.
std::vector<double> pack(const GpHyper&);
GpHyper unpack(const std::vector<double>&);
// The best hyperparameters found (standardised y).
GpHyper fit_hyper(const std::vector<Dimension>&, const std::vector<Features>&,
                  const std::vector<double>& y, Rng&, const GpOptions&,
                  const std::optional<GpHyper>& start);

}  // namespace sparlet::search
