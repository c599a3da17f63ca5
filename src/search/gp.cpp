#include "search/gp.h"

#include "search/gp_fit.h"
#include "tensor/error.h"

namespace sparlet::search {

struct Gp::Model {
  std::vector<Dimension> dimensions;
  std::vector<Features> x;
  std::vector<double> y, noise;  // standardised; known variances, if any
  double centre = 0, scale = 1;  // y = (raw - centre) / scale
  GpHyper hyper;
  Embedding embedding;
  Eigen::MatrixXd e;      // embedded x
  Eigen::MatrixXd lower;  // Cholesky factor of K in its lower triangle
  Eigen::VectorXd alpha;  // K⁻¹ (y - mean)

  Model(const std::vector<Dimension>& d, const std::vector<Features>& points)
      : dimensions(d), x(points), embedding(d, points) {}
  double known_noise(size_t i) const { return noise.empty() ? 0 : noise[i]; }
  void condition();
  void append(const std::vector<Features>&);
  void solve_alpha();
  auto factor() const { return lower.triangularView<Eigen::Lower>(); }
  auto transposed() const { return lower.transpose().triangularView<Eigen::Upper>(); }
  // Covariance of the data with other points, one column each.
  Eigen::MatrixXd cross(const std::vector<Features>& at) const {
    return matern(squared_distances(e, embedding.embed(at, hyper))) * hyper.outputscale;
  }
};

void Gp::Model::condition() {
  e = embedding.embed(x, hyper);
  Eigen::VectorXd diagonal(e.rows());
  // The lower bound of the noise keeps K positive definite; more is added only where it is not
  // (given hyperparameters without noise).
  for (double extra = 0; extra < 1; extra = extra == 0 ? 1e-10 : extra * 10) {
    for (size_t i = 0; i < x.size(); ++i)
      diagonal[Eigen::Index(i)] = hyper.noise + extra + known_noise(i);
    lower = covariance(e, hyper.outputscale, diagonal);
    Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> factor(lower);  // in place
    if (factor.info() == Eigen::Success) break;
  }
  solve_alpha();
}

void Gp::Model::solve_alpha() {
  const Eigen::Map<const Eigen::VectorXd> values(y.data(), Eigen::Index(y.size()));
  alpha = factor().solve(Eigen::VectorXd(values.array() - hyper.mean));
  transposed().solveInPlace(alpha);
}

// New rows of the factor: L21 = (L11⁻¹ K12)ᵀ, L22 L22ᵀ = K22 - L21 L21ᵀ. REQUIRES: y and noise
// have the new points' values.
void Gp::Model::append(const std::vector<Features>& points) {
  const Eigen::Index n = e.rows(), more = Eigen::Index(points.size());
  const Eigen::MatrixXd fresh = embedding.embed(points, hyper);
  const Eigen::MatrixXd half =
      factor().solve(matern(squared_distances(e, fresh)) * hyper.outputscale);
  Eigen::VectorXd diagonal(more);
  for (Eigen::Index i = 0; i < more; ++i) diagonal[i] = hyper.noise + known_noise(size_t(n + i));
  Eigen::MatrixXd corner = covariance(fresh, hyper.outputscale, diagonal);
  corner.noalias() -= half.transpose() * half;
  const Eigen::LLT<Eigen::MatrixXd> root(corner);
  x.insert(x.end(), points.begin(), points.end());
  if (root.info() != Eigen::Success) {  // as good as a repeated point
    condition();
    return;
  }
  e.conservativeResize(n + more, Eigen::NoChange);
  e.bottomRows(more) = fresh;
  lower.conservativeResize(n + more, n + more);
  lower.bottomLeftCorner(more, n) = half.transpose();
  lower.bottomRightCorner(more, more) = root.matrixL();
  solve_alpha();
}

namespace {

void check(const std::vector<Dimension>& dimensions, const std::vector<Features>& x,
           const std::vector<double>& y) {
  require(!x.empty() && x.size() == y.size(), "gp: {} inputs for {} outputs", x.size(), y.size());
  for (const Features& f : x)
    require(f.x.size() == dimensions.size() && f.active.size() == dimensions.size(),
            "gp: an input of {} dimensions, expected {}", f.x.size(), dimensions.size());
  for (double value : y) require(std::isfinite(value), "gp: an output is {}", value);
}

}  // namespace

Gp::Gp(std::unique_ptr<Model> model) : model_(std::move(model)) {}
Gp::Gp(Gp&&) noexcept = default;
Gp& Gp::operator=(Gp&&) noexcept = default;
Gp::~Gp() = default;

std::unique_ptr<Gp::Model> Gp::standardise(const std::vector<Dimension>& dimensions,
                                           std::vector<Features> x, std::vector<double> y,
                                           const std::vector<double>& noise) {
  require(noise.empty() || noise.size() == y.size(), "gp: {} noise variances for {} outputs",
          noise.size(), y.size());
  check(dimensions, x, y);
  auto model = std::make_unique<Model>(dimensions, x);
  const double n = double(y.size());
  for (double value : y) model->centre += value / n;
  double squares = 0;
  for (double value : y) squares += (value - model->centre) * (value - model->centre);
  const double deviation = y.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  model->scale = deviation > 1e-12 ? deviation : 1;
  for (double& value : y) value = (value - model->centre) / model->scale;
  model->y = std::move(y);
  for (double variance : noise) model->noise.push_back(variance / (model->scale * model->scale));
  return model;
}

Gp Gp::with(const std::vector<Dimension>& dimensions, std::vector<Features> x,
            std::vector<double> y, const GpHyper& hyper, const std::vector<double>& noise) {
  auto model = standardise(dimensions, std::move(x), std::move(y), noise);
  require(hyper.lengthscale.size() == dimensions.size(), "gp: {} lengthscales for {} dimensions",
          hyper.lengthscale.size(), dimensions.size());
  model->hyper = hyper;
  model->condition();
  return Gp(std::move(model));
}

Gp Gp::fit(const std::vector<Dimension>& dimensions, std::vector<Features> x, std::vector<double> y,
           Rng& rng, const GpOptions& options, const std::optional<GpHyper>& start) {
  const bool usable = start && start->lengthscale.size() == dimensions.size();
  Gp gp(standardise(dimensions, std::move(x), std::move(y), options.noise));
  Model& m = *gp.model_;
  m.hyper =
      fit_hyper(GpData{dimensions, m.x, m.y, m.noise}, rng, options, usable ? start : std::nullopt);
  m.condition();
  return gp;
}

Prediction Gp::predict(const Features& at) const { return predict(std::vector{at}).front(); }

std::vector<Prediction> Gp::predict(const std::vector<Features>& at) const {
  const Model& m = *model_;
  Eigen::MatrixXd half = m.cross(at);
  const Eigen::VectorXd mean = half.transpose() * m.alpha;
  m.factor().solveInPlace(half);
  const Eigen::VectorXd explained = half.colwise().squaredNorm();
  std::vector<Prediction> result(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const Eigen::Index column = Eigen::Index(i);
    result[i] = {
        .mean = m.centre + m.scale * (m.hyper.mean + mean[column]),
        .variance = m.scale * m.scale * std::max(m.hyper.outputscale - explained[column], 0.0)};
  }
  return result;
}

std::vector<double> Gp::means(const std::vector<Features>& at) const {
  const Model& m = *model_;
  const Eigen::VectorXd mean = m.cross(at).transpose() * m.alpha;
  std::vector<double> result;
  for (const double value : mean) result.push_back(m.centre + m.scale * (m.hyper.mean + value));
  return result;
}

// With s = dk/dr² and e the point's row: d(kᵀv)/de = 2 (e Σ s_i v_i - Σ s_i v_i e_i). The mean is
// kᵀα, the variance's slope -2 dkᵀ K⁻¹ k.
PredictionSlope Gp::predict_slope(const Features& at) const {
  const Model& m = *model_;
  const Eigen::MatrixXd row = m.embedding.embed({at}, m.hyper);
  const Eigen::MatrixXd squared = squared_distances(m.e, row);
  const Eigen::VectorXd k = matern(squared) * m.hyper.outputscale;
  const Eigen::VectorXd s = matern_slope(squared) * m.hyper.outputscale;
  Eigen::VectorXd w = m.factor().solve(k);
  const double variance = m.hyper.outputscale - w.squaredNorm();
  m.transposed().solveInPlace(w);
  const auto by_row = [&](const Eigen::VectorXd& v) -> Eigen::VectorXd {
    const Eigen::VectorXd sv = s.cwiseProduct(v);
    return 2 * (row.row(0).transpose() * sv.sum() - m.e.transpose() * sv);
  };
  const Eigen::VectorXd mean_by = by_row(m.alpha), variance_by = -2 * by_row(w);
  PredictionSlope result;
  result.at = {.mean = m.centre + m.scale * (m.hyper.mean + k.dot(m.alpha)),
               .variance = m.scale * m.scale * std::max(variance, 0.0)};
  for (size_t d = 0; d < m.dimensions.size(); ++d) {
    const Embedding::Slope slope = m.embedding.slope(at, d, m.hyper);
    double mean = 0, var = 0;
    for (int c = 0; c < slope.count; ++c) {
      mean += mean_by[slope.at + c] * slope.value[c];
      var += variance_by[slope.at + c] * slope.value[c];
    }
    result.mean.push_back(m.scale * mean);
    result.variance.push_back(m.scale * m.scale * var);
  }
  return result;
}

std::vector<std::vector<double>> Gp::sample(const std::vector<Features>& at, int count,
                                            Rng& rng) const {
  const Model& m = *model_;
  const Eigen::MatrixXd k = m.cross(at);
  const Eigen::MatrixXd half = m.factor().solve(k);
  const Eigen::VectorXd mean = (k.transpose() * m.alpha).array() + m.hyper.mean;
  Eigen::MatrixXd joint = covariance(m.embedding.embed(at, m.hyper), m.hyper.outputscale,
                                     Eigen::VectorXd::Zero(Eigen::Index(at.size())));
  joint.noalias() -= half.transpose() * half;
  Eigen::LLT<Eigen::MatrixXd> root;
  for (double extra = 1e-9;; extra *= 10) {  // round-off makes it slightly indefinite
    joint.diagonal().array() += extra * m.hyper.outputscale;
    root.compute(joint);
    if (root.info() == Eigen::Success || extra > 1) break;
  }
  std::vector<std::vector<double>> draws;
  for (int s = 0; s < count; ++s) {
    Eigen::VectorXd z(Eigen::Index(at.size()));
    for (double& value : z) value = rng.normal();
    const Eigen::VectorXd f = (mean + root.matrixL() * z) * m.scale;
    draws.emplace_back();
    for (double value : f) draws.back().push_back(m.centre + value);
  }
  return draws;
}

Gp Gp::extended(const std::vector<Features>& x, const std::vector<double>& y,
                const std::vector<double>& noise) const {
  require(x.size() == y.size(), "gp: {} inputs for {} outputs", x.size(), y.size());
  auto model = std::make_unique<Model>(*model_);
  if (!noise.empty()) model->noise.resize(model->y.size(), 0.0);
  for (size_t i = 0; i < x.size(); ++i) {
    model->y.push_back((y[i] - model->centre) / model->scale);
    if (!model->noise.empty())
      model->noise.push_back(noise.empty() ? 0 : noise[i] / (model->scale * model->scale));
  }
  if (!x.empty()) model->append(x);
  return Gp(std::move(model));
}

const GpHyper& Gp::hyper() const { return model_->hyper; }
int Gp::size() const { return int(model_->x.size()); }

std::vector<std::vector<double>> gp_kernel(const std::vector<Dimension>& dimensions,
                                           const std::vector<Features>& x, const GpHyper& hyper) {
  const Eigen::MatrixXd k = covariance(Embedding(dimensions, x).embed(x, hyper), hyper.outputscale,
                                       Eigen::VectorXd::Zero(Eigen::Index(x.size())));
  std::vector<std::vector<double>> rows(x.size(), std::vector<double>(x.size()));
  for (size_t i = 0; i < x.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j) rows[i][j] = k(Eigen::Index(i), Eigen::Index(j));
  return rows;
}

}  // namespace sparlet::search
