// The kernel's distances (private to the GP): r² is a sum of one term a dimension over ℓ².
#pragma once
#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "search/gp.h"

namespace sparlet::search {

// One dimension of a list of points as coordinates in the plane, so that the term of a number times
// ℓ² is the squared distance: (x, 0), or on an arc where it is conditional (the origin: inactive).
struct Embedding {
  Eigen::ArrayXd u, v;          // coordinates; of a category: its index and its activity
  Eigen::ArrayXd u_arc, v_arc;  // their derivatives by ρ
  bool category = false;

  Embedding(const Dimension& dimension, size_t k, double arc, const std::vector<Features>& points)
      : category(dimension.category) {
    u = v = u_arc = v_arc = Eigen::ArrayXd::Zero(Eigen::Index(points.size()));
    const double theta = M_PI * arc;
    for (Eigen::Index i = 0; i < u.size(); ++i) {
      const double x = points[size_t(i)].x[k];
      const bool active = points[size_t(i)].active[k];
      if (category) {
        u[i] = active ? x : 0;
        v[i] = active;
      } else if (!dimension.conditional) {
        u[i] = active ? x : 0;
      } else if (active) {
        const double c = std::cos(theta * x) / theta, s = std::sin(theta * x) / theta;
        u[i] = c, v[i] = s;
        u_arc[i] = -M_PI * x * s - c / arc;
        v_arc[i] = M_PI * x * c - s / arc;
      }
    }
  }
  // Of point j of `b` to all points of this one.
  Eigen::ArrayXd to(const Embedding& b, Eigen::Index j) const {
    if (category) return ((u != b.u[j]) || (v != b.v[j])).cast<double>();
    return (u - b.u[j]).square() + (v - b.v[j]).square();
  }
  Eigen::ArrayXd to_by_arc(const Embedding& b, Eigen::Index j) const {
    return 2 * ((u - b.u[j]) * (u_arc - b.u_arc[j]) + (v - b.v[j]) * (v_arc - b.v_arc[j]));
  }
};

// Matérn-5/2 of r² and its derivative by r², both without the output scale.
inline double matern(double squared) {
  const double r = std::sqrt(5 * squared);
  return (1 + r + r * r / 3) * std::exp(-r);
}
inline double matern_slope(double squared) {
  const double r = std::sqrt(5 * squared);
  return -5.0 / 6 * (1 + r) * std::exp(-r);
}

}  // namespace sparlet::search
