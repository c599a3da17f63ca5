// The kernel's distances (private to the GP): every point becomes a vector in whose space r² is the
// plain squared distance, so that a covariance matrix is one matrix product.
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "search/gp.h"

namespace sparlet::search {

// Where the coordinates of each dimension stand: a number has one, (x); a conditional one two, a
// point on an arc, or one on the radius to its middle where it is inactive; a category one a value
// seen and one for "inactive", a corner of a simplex with edges of length 1.
class Embedding {
 public:
  Embedding(const std::vector<Dimension>&, const std::vector<Features>& points);

  Eigen::Index width() const { return width_; }
  // One row a point, divided by lengthscales.
  Eigen::MatrixXd embed(const std::vector<Features>&, const GpHyper&) const;
  // The derivative by ρ of what embed gives.
  Eigen::MatrixXd by_arc(const std::vector<Features>&, const GpHyper&) const;
  // And by κ.
  Eigen::MatrixXd by_inside(const std::vector<Features>&, const GpHyper&) const;
  // The derivative of a point's row by the value of number `k`, as (first coordinate, two entries).
  struct Slope {
    Eigen::Index at = 0;
    int count = 0;
    double value[2] = {0, 0};
  };
  Slope slope(const Features&, size_t k, const GpHyper&) const;
  // The coordinates of dimension k: first, count.
  std::pair<Eigen::Index, Eigen::Index> columns(size_t k) const {
    return {start_[k], start_[k + 1] - start_[k]};
  }
  bool arc(size_t k) const { return dimensions_[k].conditional && !dimensions_[k].category; }

 private:
  std::vector<Dimension> dimensions_;
  std::vector<Eigen::Index> start_;
  Eigen::Index width_ = 0;
};

// r² between the rows of two embeddings.
Eigen::MatrixXd squared_distances(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b);

// Matérn-5/2 of r² and its derivative by r², both without the output scale.
inline Eigen::MatrixXd matern(const Eigen::MatrixXd& squared) {
  const Eigen::ArrayXXd r = (5 * squared.array()).sqrt();
  return (1 + r + r.square() / 3) * (-r).exp();
}
inline Eigen::MatrixXd matern_slope(const Eigen::MatrixXd& squared) {
  const Eigen::ArrayXXd r = (5 * squared.array()).sqrt();
  return -5.0 / 6 * (1 + r) * (-r).exp();
}

}  // namespace sparlet::search
