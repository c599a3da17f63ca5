#include "search/classifier.h"

#include "search/gp_fit.h"
#include "search/normal.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// The outputscale's prior is LogNormal(ln kScale, 1): the latent function is large against the unit
// noise of its labels, as what cannot be evaluated fails every time.
// Lengthscales' is LogNormal(ln(d) / 2, kWidth), longer than that of values: what makes points
// infeasible is seldom more than a threshold.
constexpr double kScale = 100, kWidth = 0.7;
constexpr int kSweeps = 60;
constexpr double kTolerance = 1e-9;  // of the log evidence a label

VectorXd signs_of(const std::vector<bool>& yes) {
  VectorXd y(Index(yes.size()));
  for (size_t i = 0; i < yes.size(); ++i) y[Index(i)] = yes[i] ? 1 : -1;
  return y;
}

// The factors that stand for the labels, normal in f - mean: precisions and precision × mean.
struct Sites {
  VectorXd tau, nu;
};

struct Posterior {
  Sites sites;
  VectorXd root;                // √τ
  Eigen::LLT<MatrixXd> factor;  // of B = I + √τ K √τ
  MatrixXd covariance;          // of f at the labels
  VectorXd mean;                // of f - mean there
  VectorXd weights;             // b: a prediction's mean is kᵀ b
  double evidence = 0;          // its logarithm
  double by_mean = 0;           // and its derivative by the constant mean
};

// From the sites, free of the round-off of single updates.
void recompute(const MatrixXd& k, Posterior& p) {
  p.root = p.sites.tau.cwiseSqrt();
  MatrixXd b = p.root.asDiagonal() * k * p.root.asDiagonal();
  b.diagonal().array() += 1;
  p.factor.compute(b);
  const MatrixXd v = p.factor.matrixL().solve(MatrixXd(p.root.asDiagonal() * k));
  p.covariance = k;
  p.covariance.noalias() -= v.transpose() * v;
  p.mean = p.covariance * p.sites.nu;
}

// What is known of f_i - mean without its own label, and how likely that makes the label.
struct Cavity {
  double tau, nu, deviation, log, slope, z;
};

Cavity cavity_of(const Posterior& p, Index i, double y, double mean) {
  const double variance = p.covariance(i, i);
  const double tau = 1 / variance - p.sites.tau[i], nu = p.mean[i] / variance - p.sites.nu[i];
  const double deviation = std::sqrt(1 + 1 / tau), z = y * (nu / tau + mean) / deviation;
  const auto [log, slope] = log_cumulative(z);
  return {tau, nu, deviation, log, slope, z};
}

void update_site(Posterior& p, Index i, double y, double mean) {
  const Cavity c = cavity_of(p, i, y, mean);
  const double variance = 1 / c.tau, share = variance / c.deviation;
  const double matched_mean = c.nu * variance + y * share * c.slope;
  const double matched = variance - share * share * c.slope * (c.z + c.slope);
  const double tau = std::max(1 / matched - c.tau, 0.0), nu = matched_mean / matched - c.nu;
  const double by_tau = tau - p.sites.tau[i], by_nu = nu - p.sites.nu[i];
  const VectorXd column = p.covariance.col(i);
  const double scale = by_tau / (1 + by_tau * column[i]);
  p.mean += column * (by_nu - scale * (p.mean[i] + by_nu * column[i]));
  p.covariance.noalias() -= scale * column * column.transpose();
  p.sites.tau[i] = tau;
  p.sites.nu[i] = nu;
}

// Eq. 3.73 with 3.74, in the form of cavities and marginals.
void take_evidence(const VectorXd& y, double mean, Posterior& p) {
  p.evidence = -p.factor.matrixLLT().diagonal().array().log().sum() + 0.5 * p.sites.nu.dot(p.mean);
  p.by_mean = 0;
  for (Index i = 0; i < y.size(); ++i) {
    const Cavity c = cavity_of(p, i, y[i], mean);
    const double tau = p.sites.tau[i], nu = p.sites.nu[i], v = 1 / (c.tau + tau);
    p.evidence += c.log - 0.5 * v * nu * nu + 0.5 * c.nu * (tau / c.tau * c.nu - 2 * nu) * v +
                  0.5 * std::log1p(tau / c.tau);
    p.by_mean += y[i] * c.slope / c.deviation;
  }
}

// Algorithm 3.5. `start`: sites of a near by posterior.
Posterior posterior_of(const MatrixXd& k, const VectorXd& y, double mean,
                       const Sites* start = nullptr) {
  Posterior p;
  const bool usable = start && start->tau.size() == y.size();
  p.sites = usable ? *start : Sites{VectorXd::Zero(y.size()), VectorXd::Zero(y.size())};
  recompute(k, p);
  double before = -std::numeric_limits<double>::infinity();
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (Index i = 0; i < y.size(); ++i) update_site(p, i, y[i], mean);
    recompute(k, p);
    take_evidence(y, mean, p);
    if (std::abs(p.evidence - before) < kTolerance * double(y.size())) break;
    before = p.evidence;
  }
  const VectorXd solved = p.factor.solve(p.root.cwiseProduct(k * p.sites.nu));
  p.weights = p.sites.nu - p.root.cwiseProduct(solved);
  return p;
}

// Algorithm 5.2, for all hyperparameters at once: the gradient is Σ S_ij dK_ij.
GpObjective objective_of(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
                         const VectorXd& y, const GpHyper& h, Sites* start = nullptr) {
  const size_t d = dimensions.size();
  const KernelParts parts(dimensions, x, h);
  const Posterior p = posterior_of(parts.k, y, h.mean, start);
  if (start) *start = p.sites;
  const MatrixXd r = p.root.asDiagonal() * p.factor.solve(MatrixXd(p.root.asDiagonal()));
  GpObjective result{.value = p.evidence, .gradient = {}};
  result.gradient = kernel_gradient(parts, x, h, 0.5 * (p.weights * p.weights.transpose() - r));
  result.gradient[d + 2] = p.by_mean - h.mean;  // and the mean's prior, N(0, 1)
  result.value -= h.mean * h.mean / 2;
  const double z = std::log(h.outputscale / kScale);
  result.value -= z * z / 2 + z;
  result.gradient[d] -= z + 1;
  for (size_t c = 0; c < d; ++c) {
    const double wide = (std::log(h.lengthscale[c]) - std::log(double(d)) / 2) / kWidth;
    result.value -= wide * wide / 2 + kWidth * wide;
    result.gradient[c] -= wide / kWidth + 1;
  }
  const double n = double(x.size());
  result.value /= n;
  for (double& slope : result.gradient) slope /= n;
  return result;
}

void check(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
           const std::vector<bool>& yes) {
  require(!x.empty() && x.size() == yes.size(), "classifier: {} inputs for {} labels", x.size(),
          yes.size());
  for (const Features& f : x)
    require(f.x.size() == dimensions.size() && f.active.size() == dimensions.size(),
            "classifier: an input of {} dimensions, expected {}", f.x.size(), dimensions.size());
}

}  // namespace

struct Classifier::Model {
  Model(const std::vector<Dimension>& d, const std::vector<Features>& x,
        const std::vector<bool>& yes, const GpHyper& h)
      : dimensions(d),
        hyper(h),
        parts(d, x, h),
        posterior(posterior_of(parts.k, signs_of(yes), h.mean)) {}
  std::vector<Dimension> dimensions;
  GpHyper hyper;
  KernelParts parts;
  Posterior posterior;
};

Classifier::Classifier(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Classifier Classifier::with(const std::vector<Dimension>& dimensions, std::vector<Features> x,
                            const std::vector<bool>& yes, const GpHyper& hyper) {
  check(dimensions, x, yes);
  require(hyper.lengthscale.size() == dimensions.size(),
          "classifier: {} lengthscales for {} dimensions", hyper.lengthscale.size(),
          dimensions.size());
  return Classifier(std::make_unique<Model>(dimensions, x, yes, hyper));
}

Classifier Classifier::fit(const std::vector<Dimension>& dimensions, std::vector<Features> x,
                           const std::vector<bool>& yes, Rng& rng, const GpOptions& options,
                           const std::optional<GpHyper>& start) {
  check(dimensions, x, yes);
  const VectorXd y = signs_of(yes);
  Sites near;  // the last ones: the next are not far
  const auto objective = [&](const GpHyper& h) { return objective_of(dimensions, x, y, h, &near); };
  const bool usable = start && start->lengthscale.size() == dimensions.size();
  const GpHyper hyper =
      maximise(objective, dimensions.size(), rng, options, usable ? start : std::nullopt);
  return with(dimensions, std::move(x), yes, hyper);
}

// μ = mean + kᵀ b, σ² = k** - |L⁻¹ √τ k|². Algorithm 3.6.
std::vector<double> Classifier::log_probability(const std::vector<Features>& at) const {
  const Model& m = *model_;
  MatrixXd k = matern(squared_distances(m.parts.e, m.parts.embedding.embed(at, m.hyper))) *
               m.hyper.outputscale;
  const VectorXd mean = (k.transpose() * m.posterior.weights).array() + m.hyper.mean;
  k = m.posterior.root.asDiagonal() * k;
  m.posterior.factor.matrixL().solveInPlace(k);
  std::vector<double> result;
  for (Index i = 0; i < mean.size(); ++i) {
    const double variance = std::max(m.hyper.outputscale - k.col(i).squaredNorm(), 0.0);
    result.push_back(log_cumulative(mean[i] / std::sqrt(1 + variance)).log);
  }
  return result;
}

Classifier::Slope Classifier::log_probability_slope(const Features& at) const {
  const Model& m = *model_;
  const MatrixXd row = m.parts.embedding.embed({at}, m.hyper);
  const MatrixXd squared = squared_distances(m.parts.e, row);
  const VectorXd k = matern(squared) * m.hyper.outputscale;
  const VectorXd s = matern_slope(squared) * m.hyper.outputscale;
  const VectorXd w =
      m.posterior.root.cwiseProduct(m.posterior.factor.solve(m.posterior.root.cwiseProduct(k)));
  const double variance = std::max(m.hyper.outputscale - k.dot(w), 0.0);
  const double deviation = std::sqrt(1 + variance);
  const double z = (m.hyper.mean + k.dot(m.posterior.weights)) / deviation;
  const auto [log, slope] = log_cumulative(z);
  const auto by_row = [&](const VectorXd& v) -> VectorXd {
    const VectorXd sv = s.cwiseProduct(v);
    return 2 * (row.row(0).transpose() * sv.sum() - m.parts.e.transpose() * sv);
  };
  const VectorXd mean_by = by_row(m.posterior.weights), variance_by = -2 * by_row(w);
  Slope result{log, std::vector<double>(m.dimensions.size(), 0)};
  for (size_t d = 0; d < m.dimensions.size(); ++d) {
    const Embedding::Slope e = m.parts.embedding.slope(at, d, m.hyper);
    for (int c = 0; c < e.count; ++c)
      result.by_feature[d] +=
          slope * e.value[c] *
          (mean_by[e.at + c] / deviation - z * variance_by[e.at + c] / (2 * deviation * deviation));
  }
  return result;
}

const GpHyper& Classifier::hyper() const { return model_->hyper; }

GpObjective classifier_objective(const std::vector<Dimension>& dimensions,
                                 const std::vector<Features>& x, const std::vector<bool>& yes,
                                 const GpHyper& h) {
  check(dimensions, x, yes);
  return objective_of(dimensions, x, signs_of(yes), h);
}

}  // namespace sparlet::search
