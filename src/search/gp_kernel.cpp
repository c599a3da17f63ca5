#include "search/gp_kernel.h"

#include <algorithm>

namespace sparlet::search {

namespace {

constexpr double kMiddle = 0.5;  // of a number's range

}  // namespace

Embedding::Embedding(const std::vector<Dimension>& dimensions, const std::vector<Features>& points)
    : dimensions_(dimensions) {
  for (size_t k = 0; k < dimensions.size(); ++k) {
    start_.push_back(width_);
    if (dimensions[k].category) {
      double last = dimensions[k].values - 1;  // categories are 0 .. last
      for (const Features& f : points) last = std::max(last, f.x[k]);
      width_ += Eigen::Index(last) + 3;
    } else {
      width_ += dimensions[k].conditional ? 2 : 1;
    }
  }
  start_.push_back(width_);
}

Eigen::MatrixXd Embedding::embed(const std::vector<Features>& points, const GpHyper& h) const {
  Eigen::MatrixXd e = Eigen::MatrixXd::Zero(Eigen::Index(points.size()), width_);
  const double theta = M_PI * h.arc;
  for (size_t k = 0; k < dimensions_.size(); ++k) {
    const Eigen::Index at = start_[k];
    const double inverse = 1 / h.lengthscale[k];
    for (size_t i = 0; i < points.size(); ++i) {
      const Eigen::Index row = Eigen::Index(i);
      const double x = points[i].x[k];
      const bool active = points[i].active[k];
      if (dimensions_[k].category) {
        const Eigen::Index unseen = start_[k + 1] - at - 1;
        const Eigen::Index corner = active ? std::min(Eigen::Index(x) + 1, unseen) : 0;
        e(row, at + corner) = inverse * M_SQRT1_2;
      } else if (!dimensions_[k].conditional) {
        e(row, at) = active ? x * inverse : 0;
      } else {
        const double radius = (active ? 1 : h.inside) * inverse / theta;
        const double angle = theta * (active ? x : kMiddle);
        e(row, at) = radius * std::cos(angle);
        e(row, at + 1) = radius * std::sin(angle);
      }
    }
  }
  return e;
}

Eigen::MatrixXd Embedding::by_arc(const std::vector<Features>& points, const GpHyper& h) const {
  Eigen::MatrixXd e = Eigen::MatrixXd::Zero(Eigen::Index(points.size()), width_);
  const double theta = M_PI * h.arc;
  for (size_t k = 0; k < dimensions_.size(); ++k) {
    if (!arc(k)) continue;
    const double inverse = 1 / h.lengthscale[k];
    for (size_t i = 0; i < points.size(); ++i) {
      const bool active = points[i].active[k];
      const double x = active ? points[i].x[k] : kMiddle;
      const double radius = (active ? 1 : h.inside) * inverse;
      const double c = std::cos(theta * x) / theta, s = std::sin(theta * x) / theta;
      e(Eigen::Index(i), start_[k]) = radius * (-M_PI * x * s - c / h.arc);
      e(Eigen::Index(i), start_[k] + 1) = radius * (M_PI * x * c - s / h.arc);
    }
  }
  return e;
}

Eigen::MatrixXd Embedding::by_inside(const std::vector<Features>& points, const GpHyper& h) const {
  Eigen::MatrixXd e = Eigen::MatrixXd::Zero(Eigen::Index(points.size()), width_);
  const double theta = M_PI * h.arc, angle = theta * kMiddle;
  for (size_t k = 0; k < dimensions_.size(); ++k) {
    if (!arc(k)) continue;
    const double radius = 1 / (h.lengthscale[k] * theta);
    for (size_t i = 0; i < points.size(); ++i) {
      if (points[i].active[k]) continue;
      e(Eigen::Index(i), start_[k]) = radius * std::cos(angle);
      e(Eigen::Index(i), start_[k] + 1) = radius * std::sin(angle);
    }
  }
  return e;
}

Embedding::Slope Embedding::slope(const Features& point, size_t k, const GpHyper& h) const {
  const Dimension& d = dimensions_[k];
  if (d.category || !point.active[k]) return {};
  const double inverse = 1 / h.lengthscale[k], theta = M_PI * h.arc;
  if (!d.conditional) return {start_[k], 1, {inverse, 0}};
  const double x = point.x[k];
  return {start_[k], 2, {-inverse * std::sin(theta * x), inverse * std::cos(theta * x)}};
}

Eigen::MatrixXd squared_distances(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  Eigen::MatrixXd d = -2 * a * b.transpose();
  d.colwise() += a.rowwise().squaredNorm();
  d.rowwise() += b.rowwise().squaredNorm().transpose();
  return d.cwiseMax(0);
}

}  // namespace sparlet::search
