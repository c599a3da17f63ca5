// Marginal likelihood, priors and their maximisation.
#include "search/gp_fit.h"

#include <algorithm>
#include <limits>
#include <nlopt.hpp>

#include "tensor/error.h"

namespace sparlet::search {

namespace {

constexpr double kLogTwoPi = 1.8378770664093453;

// Log density and its derivative by the logarithm of the parameter.
struct Density {
  double value = 0, slope = 0;
};

Density gamma_prior(double x, double shape, double rate) {
  return {shape * std::log(rate) - std::lgamma(shape) + (shape - 1) * std::log(x) - rate * x,
          (shape - 1) - rate * x};
}

Density log_normal_prior(double x, double location, double scale) {
  const double z = (std::log(x) - location) / scale;
  return {-z * z / 2 - std::log(x * scale) - kLogTwoPi / 2, -z / scale - 1};
}

Density length_prior(double x, size_t dimensions, const GpOptions& options) {
  if (options.prior == GpOptions::LengthPrior::gamma) return gamma_prior(x, 3, 6);
  return log_normal_prior(x, std::sqrt(2.0) + std::log(double(dimensions)) / 2, std::sqrt(3.0));
}

struct Bounds {
  std::vector<double> low, high;
};

Bounds bounds_of(size_t dimensions, const GpOptions& options) {
  Bounds b;
  b.low.assign(dimensions, std::log(5e-3));
  b.high.assign(dimensions, std::log(1e3));
  const auto add = [&](double low, double high) {
    b.low.push_back(low);
    b.high.push_back(high);
  };
  add(std::log(1e-3), std::log(1e3));             // outputscale
  add(std::log(options.min_noise), std::log(2));  // noise
  add(-5, 5);                                     // mean
  add(std::log(0.05), 0);                         // arc: at most half a circle
  return b;
}

}  // namespace

std::vector<double> pack(const GpHyper& h) {
  std::vector<double> packed;
  for (double l : h.lengthscale) packed.push_back(std::log(l));
  packed.insert(packed.end(),
                {std::log(h.outputscale), std::log(h.noise), h.mean, std::log(h.arc)});
  return packed;
}

GpHyper unpack(const std::vector<double>& packed) {
  const size_t d = packed.size() - 4;
  GpHyper h;
  for (size_t i = 0; i < d; ++i) h.lengthscale.push_back(std::exp(packed[i]));
  h.outputscale = std::exp(packed[d]);
  h.noise = std::exp(packed[d + 1]);
  h.mean = packed[d + 2];
  h.arc = std::exp(packed[d + 3]);
  return h;
}

Eigen::MatrixXd squared_distances(const std::vector<Dimension>& dimensions,
                                  const std::vector<Features>& a, const std::vector<Features>& b,
                                  const GpHyper& h) {
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(Eigen::Index(a.size()), Eigen::Index(b.size()));
  for (size_t k = 0; k < dimensions.size(); ++k) {
    const double weight = 1 / (h.lengthscale[k] * h.lengthscale[k]);
    const Embedding from(dimensions[k], k, h.arc, a), to(dimensions[k], k, h.arc, b);
    for (Eigen::Index j = 0; j < result.cols(); ++j)
      result.col(j).array() += weight * from.to(to, j);
  }
  return result;
}

Eigen::MatrixXd covariance(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                           const GpHyper& h, double noise) {
  Eigen::MatrixXd k = squared_distances(dimensions, x, x, h).unaryExpr(&matern) * h.outputscale;
  k.diagonal().array() += noise;
  return k;
}

GpObjective gp_objective(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                         const std::vector<double>& y, const GpHyper& h, const GpOptions& options) {
  const Eigen::Index n = Eigen::Index(x.size());
  const size_t d = dimensions.size();
  GpObjective result;
  result.gradient.assign(d + 4, 0);

  const Eigen::MatrixXd squared = squared_distances(dimensions, x, x, h);
  Eigen::MatrixXd k = squared.unaryExpr(&matern) * h.outputscale;
  const Eigen::MatrixXd signal = k;
  k.diagonal().array() += h.noise;
  const Eigen::LLT<Eigen::MatrixXd> factor(k);
  if (factor.info() != Eigen::Success) {
    result.value = -std::numeric_limits<double>::infinity();
    return result;
  }
  const Eigen::VectorXd centred = Eigen::Map<const Eigen::VectorXd>(y.data(), n).array() - h.mean;
  const Eigen::VectorXd alpha = factor.solve(centred);
  const double log_det = 2 * factor.matrixLLT().diagonal().array().log().sum();
  result.value = -0.5 * (centred.dot(alpha) + log_det + double(n) * kLogTwoPi);

  // dL/dK = (α αᵀ - K⁻¹) / 2. Rasmussen & Williams 2006, eq. 5.9.
  Eigen::MatrixXd by_k = -0.5 * factor.solve(Eigen::MatrixXd::Identity(n, n));
  by_k.noalias() += 0.5 * alpha * alpha.transpose();
  const Eigen::MatrixXd by_squared =
      by_k.cwiseProduct(squared.unaryExpr(&matern_slope)) * h.outputscale;
  double by_arc = 0;
  for (size_t c = 0; c < d; ++c) {
    const double weight = 1 / (h.lengthscale[c] * h.lengthscale[c]);
    const Embedding points(dimensions[c], c, h.arc, x);
    const bool arc = dimensions[c].conditional && !dimensions[c].category;
    double sum = 0, arc_sum = 0;
    for (Eigen::Index j = 0; j < n; ++j) {
      sum += (by_squared.col(j).array() * points.to(points, j)).sum();
      if (arc) arc_sum += (by_squared.col(j).array() * points.to_by_arc(points, j)).sum();
    }
    result.gradient[c] = -2 * weight * sum;  // d(1/ℓ²)/d ln ℓ = -2/ℓ²
    by_arc += weight * arc_sum;
  }
  result.gradient[d] = by_k.cwiseProduct(signal).sum();
  result.gradient[d + 1] = by_k.trace() * h.noise;
  result.gradient[d + 2] = alpha.sum();
  result.gradient[d + 3] = by_arc * h.arc;

  const auto add = [&](size_t at, Density density) {
    result.value += density.value;
    result.gradient[at] += density.slope;
  };
  for (size_t c = 0; c < d; ++c) add(c, length_prior(h.lengthscale[c], d, options));
  add(d, gamma_prior(h.outputscale, 2, 0.15));
  add(d + 1, gamma_prior(h.noise, 1.1, 0.05));
  result.value /= double(n);
  for (double& slope : result.gradient) slope /= double(n);
  return result;
}

GpHyper fit_hyper(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                  const std::vector<double>& y, Rng& rng, const GpOptions& options,
                  const std::optional<GpHyper>& start) {
  const size_t d = dimensions.size();
  const Bounds bounds = bounds_of(d, options);
  const auto inside = [&](std::vector<double> packed) {
    for (size_t i = 0; i < packed.size(); ++i)
      packed[i] = std::clamp(packed[i], bounds.low[i], bounds.high[i]);
    return packed;
  };
  // The priors' typical lengthscale.
  const double typical =
      options.prior == GpOptions::LengthPrior::gamma ? 0.5 : 0.5 * std::sqrt(double(d) + 1);
  const GpHyper usual{.lengthscale = std::vector<double>(d, typical)};
  const std::vector<double> base = inside(pack(start ? *start : usual));

  using Function = std::function<double(const std::vector<double>&, std::vector<double>&)>;
  Function negative = [&](const std::vector<double>& at, std::vector<double>& gradient) {
    const GpObjective objective = gp_objective(dimensions, x, y, unpack(at), options);
    if (!std::isfinite(objective.value)) return 1e10;
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = -objective.gradient[i];
    return -objective.value;
  };
  const auto call = [](const std::vector<double>& at, std::vector<double>& gradient, void* data) {
    return (*static_cast<Function*>(data))(at, gradient);
  };

  std::vector<double> best = base;
  double best_value = std::numeric_limits<double>::infinity();
  for (int run = 0; run <= options.restarts; ++run) {
    std::vector<double> at = base;
    if (run > 0)
      for (size_t i = 0; i < at.size(); ++i)
        at[i] = (i == d + 2 ? 0 : pack(usual)[i]) + rng.normal();
    at = inside(at);
    nlopt::opt search(nlopt::LD_LBFGS, unsigned(at.size()));
    search.set_lower_bounds(bounds.low);
    search.set_upper_bounds(bounds.high);
    search.set_min_objective(call, &negative);
    search.set_ftol_rel(1e-6);
    search.set_maxeval(options.max_evaluations);
    double value = best_value;
    try {
      search.optimize(at, value);
    } catch (const std::exception&) {
      // L-BFGS gives up on round-off; the point it reached is as good as it gets.
      std::vector<double> none;
      value = negative(at, none);
    }
    if (value < best_value) {
      best_value = value;
      best = at;
    }
  }
  return unpack(best);
}

}  // namespace sparlet::search
