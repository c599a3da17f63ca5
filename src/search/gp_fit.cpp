// Marginal likelihood, priors and their maximisation.
#include "search/gp_fit.h"

#include <algorithm>
#include <limits>
#include <nlopt.hpp>
#include <numeric>

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
  const double few = std::min(1 / double(dimensions), 0.5);
  return log_normal_prior(x, std::log(double(dimensions)) / 2 - 0.5 - few, 1 - 0.6 * few);
}

Eigen::VectorXd diagonal_noise(const GpData& data, const GpHyper& h) {
  Eigen::VectorXd noise = Eigen::VectorXd::Constant(Eigen::Index(data.x.size()), h.noise);
  for (size_t i = 0; i < data.noise.size(); ++i) noise[Eigen::Index(i)] += data.noise[i];
  return noise;
}

}  // namespace

Walls walls_of(size_t dimensions, const GpOptions& options) {
  Walls b;
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
  add(0, 1);                                      // inside
  return b;
}

Eigen::MatrixXd covariance(const Eigen::MatrixXd& embedded, double outputscale,
                           const Eigen::VectorXd& noise) {
  Eigen::MatrixXd k = matern(squared_distances(embedded, embedded)) * outputscale;
  k.diagonal() = noise.array() + outputscale;
  k.triangularView<Eigen::StrictlyUpper>() = k.transpose();
  return k;
}

std::vector<double> pack(const GpHyper& h) {
  std::vector<double> packed;
  for (double l : h.lengthscale) packed.push_back(std::log(l));
  packed.insert(packed.end(),
                {std::log(h.outputscale), std::log(h.noise), h.mean, std::log(h.arc), h.inside});
  return packed;
}

GpHyper unpack(const std::vector<double>& packed) {
  const size_t d = packed.size() - 5;
  GpHyper h;
  for (size_t i = 0; i < d; ++i) h.lengthscale.push_back(std::exp(packed[i]));
  h.outputscale = std::exp(packed[d]);
  h.noise = std::exp(packed[d + 1]);
  h.mean = packed[d + 2];
  h.arc = std::exp(packed[d + 3]);
  h.inside = packed[d + 4];
  return h;
}

KernelParts::KernelParts(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                         const GpHyper& h)
    : embedding(dimensions, x), e(embedding.embed(x, h)), squared(squared_distances(e, e)) {
  k = matern(squared) * h.outputscale;
  k.diagonal().setConstant(h.outputscale);
}

std::vector<double> kernel_gradient(const KernelParts& parts, const std::vector<Features>& x,
                                    const GpHyper& h, const Eigen::MatrixXd& w) {
  const size_t d = h.lengthscale.size();
  const Eigen::MatrixXd& e = parts.e;
  std::vector<double> gradient(d + 5, 0);
  const Eigen::MatrixXd by_squared = w.cwiseProduct(matern_slope(parts.squared)) * h.outputscale;
  // Sums of W_ij (e_i - e_j)(g_i - g_j), W symmetric, are 2 Σ_i w_i e_i g_i - 2 eᵀ W g, w = W 1.
  const Eigen::VectorXd rows = by_squared.rowwise().sum();
  const Eigen::MatrixXd product = by_squared * e;
  const Eigen::RowVectorXd by_column = 2 * (e.cwiseProduct(e).transpose() * rows).transpose() -
                                       2 * e.cwiseProduct(product).colwise().sum();
  bool arcs = false;
  for (size_t c = 0; c < d; ++c) {
    const auto [first, count] = parts.embedding.columns(c);
    gradient[c] = -2 * by_column.segment(first, count).sum();  // d(1/ℓ²)/d ln ℓ = -2/ℓ²
    arcs = arcs || parts.embedding.arc(c);
  }
  gradient[d] = w.cwiseProduct(parts.k).sum();
  if (arcs) {
    const auto by = [&](const Eigen::MatrixXd& g) {
      return 4 * (e.cwiseProduct(g).rowwise().sum().dot(rows) - g.cwiseProduct(product).sum());
    };
    gradient[d + 3] = h.arc * by(parts.embedding.by_arc(x, h));
    gradient[d + 4] = by(parts.embedding.by_inside(x, h));
  }
  return gradient;
}

GpObjective gp_objective(const GpData& data, const GpHyper& h, const GpOptions& options) {
  const Eigen::Index n = Eigen::Index(data.x.size());
  const size_t d = data.dimensions.size();
  const KernelParts parts(data.dimensions, data.x, h);
  Eigen::MatrixXd k = parts.k;
  k.diagonal() += diagonal_noise(data, h);
  const Eigen::LLT<Eigen::MatrixXd> factor(k);
  if (factor.info() != Eigen::Success)
    return {-std::numeric_limits<double>::infinity(), std::vector<double>(d + 5, 0)};
  const Eigen::VectorXd centred =
      Eigen::Map<const Eigen::VectorXd>(data.y.data(), n).array() - h.mean;
  const Eigen::VectorXd alpha = factor.solve(centred);
  const double log_det = 2 * factor.matrixLLT().diagonal().array().log().sum();
  GpObjective result;
  result.value = -0.5 * (centred.dot(alpha) + log_det + double(n) * kLogTwoPi);

  // dL/dK = (α αᵀ - K⁻¹) / 2. Rasmussen & Williams 2006, eq. 5.9.
  Eigen::MatrixXd by_k = factor.solve(Eigen::MatrixXd::Identity(n, n));
  by_k = 0.5 * (alpha * alpha.transpose() - by_k);
  result.gradient = kernel_gradient(parts, data.x, h, by_k);
  result.gradient[d + 1] = by_k.trace() * h.noise;
  result.gradient[d + 2] = alpha.sum();
  const auto add = [&](size_t at, Density density) {
    result.value += density.value;
    result.gradient[at] += density.slope;
  };
  for (size_t c = 0; c < d; ++c) add(c, length_prior(h.lengthscale[c], d, options));
  add(d, gamma_prior(h.outputscale, 2, 0.15));
  // Gamma's mode is far too much for what repeats exactly: designs get explained as noise.
  add(d + 1, options.prior == GpOptions::LengthPrior::gamma ? gamma_prior(h.noise, 1.1, 0.05)
                                                            : log_normal_prior(h.noise, -8, 2));
  result.value /= double(n);
  for (double& slope : result.gradient) slope /= double(n);
  return result;
}

GpObjective gp_objective(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                         const std::vector<double>& y, const GpHyper& h, const GpOptions& options) {
  return gp_objective(GpData{dimensions, x, y, options.noise}, h, options);
}

// A random part of the points where there are too many.
struct Part {
  std::vector<Features> x;
  std::vector<double> y, noise;
};
Part part_of(const GpData& data, size_t count, Rng& rng) {
  std::vector<size_t> order(data.x.size());
  std::iota(order.begin(), order.end(), 0);
  rng.shuffle(order);
  order.resize(count);
  std::sort(order.begin(), order.end());
  Part part;
  for (const size_t i : order) {
    part.x.push_back(data.x[i]);
    part.y.push_back(data.y[i]);
    if (!data.noise.empty()) part.noise.push_back(data.noise[i]);
  }
  return part;
}

GpHyper fit_hyper(const GpData& data, Rng& rng, const GpOptions& options,
                  const std::optional<GpHyper>& start) {
  if (data.x.size() > size_t(options.max_points)) {
    const Part part = part_of(data, size_t(options.max_points), rng);
    return fit_hyper(GpData{data.dimensions, part.x, part.y, part.noise}, rng, options, start);
  }
  return maximise([&](const GpHyper& h) { return gp_objective(data, h, options); },
                  data.dimensions.size(), rng, options, start);
}

GpHyper maximise(const std::function<GpObjective(const GpHyper&)>& objective, size_t d, Rng& rng,
                 const GpOptions& options, const std::optional<GpHyper>& start) {
  const Walls walls = walls_of(d, options);
  const auto inside = [&](std::vector<double> packed) {
    for (size_t i = 0; i < packed.size(); ++i)
      packed[i] = std::clamp(packed[i], walls.low[i], walls.high[i]);
    return packed;
  };
  // The priors' typical lengthscale.
  const double typical =
      options.prior == GpOptions::LengthPrior::gamma ? 0.5 : 0.5 * std::sqrt(double(d) + 1);
  const GpHyper usual{.lengthscale = std::vector<double>(d, typical), .inside = 0.5};
  const std::vector<double> base = inside(pack(start ? *start : usual));

  using Function = std::function<double(const std::vector<double>&, std::vector<double>&)>;
  Function negative = [&](const std::vector<double>& at, std::vector<double>& gradient) {
    const GpObjective found = objective(unpack(at));
    if (!std::isfinite(found.value)) return 1e10;
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = -found.gradient[i];
    return -found.value;
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
    search.set_lower_bounds(walls.low);
    search.set_upper_bounds(walls.high);
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
