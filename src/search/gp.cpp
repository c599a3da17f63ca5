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

  Model(const std::vector<Dimension>&, const std::vector<Features>&, std::vector<double> y,
        const std::vector<double>& noise);
  double known_noise(size_t i) const { return noise.empty() ? 0 : noise[i]; }
  void condition();
  void append(const std::vector<Features>&);
  void solve_alpha();
  std::vector<Prediction> predict(const std::vector<Features>&) const;
  Eigen::VectorXd means(const std::vector<Features>&) const;
  PredictionSlope predict_slope(const Features&) const;
  std::vector<std::vector<double>> sample(const std::vector<Features>&, int count, Rng&) const;
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

std::vector<Prediction> Gp::Model::predict(const std::vector<Features>& at) const {
  Eigen::MatrixXd half = cross(at);
  const Eigen::VectorXd mean = half.transpose() * alpha;
  factor().solveInPlace(half);
  const Eigen::VectorXd explained = half.colwise().squaredNorm();
  std::vector<Prediction> result(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    const Eigen::Index column = Eigen::Index(i);
    result[i] = {.mean = centre + scale * (hyper.mean + mean[column]),
                 .variance = scale * scale * std::max(hyper.outputscale - explained[column], 0.0)};
  }
  return result;
}

Eigen::VectorXd Gp::Model::means(const std::vector<Features>& at) const {
  return centre + scale * ((cross(at).transpose() * alpha).array() + hyper.mean);
}

// With s = dk/dr² and e the point's row: d(kᵀv)/de = 2 (e Σ s_i v_i - Σ s_i v_i e_i). The mean is
// kᵀα, the variance's slope -2 dkᵀ K⁻¹ k.
PredictionSlope Gp::Model::predict_slope(const Features& at) const {
  const Eigen::MatrixXd row = embedding.embed({at}, hyper);
  const Eigen::MatrixXd squared = squared_distances(e, row);
  const Eigen::VectorXd k = matern(squared) * hyper.outputscale;
  const Eigen::VectorXd s = matern_slope(squared) * hyper.outputscale;
  Eigen::VectorXd w = factor().solve(k);
  const double variance = hyper.outputscale - w.squaredNorm();
  transposed().solveInPlace(w);
  const auto by_row = [&](const Eigen::VectorXd& v) -> Eigen::VectorXd {
    const Eigen::VectorXd sv = s.cwiseProduct(v);
    return 2 * (row.row(0).transpose() * sv.sum() - e.transpose() * sv);
  };
  const Eigen::VectorXd mean_by = by_row(alpha), variance_by = -2 * by_row(w);
  PredictionSlope result;
  result.at = {.mean = centre + scale * (hyper.mean + k.dot(alpha)),
               .variance = scale * scale * std::max(variance, 0.0)};
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const Embedding::Slope slope = embedding.slope(at, d, hyper);
    double mean = 0, var = 0;
    for (int c = 0; c < slope.count; ++c) {
      mean += mean_by[slope.at + c] * slope.value[c];
      var += variance_by[slope.at + c] * slope.value[c];
    }
    result.mean.push_back(scale * mean);
    result.variance.push_back(scale * scale * var);
  }
  return result;
}

std::vector<std::vector<double>> Gp::Model::sample(const std::vector<Features>& at, int count,
                                                   Rng& rng) const {
  const Eigen::MatrixXd k = cross(at);
  const Eigen::MatrixXd half = factor().solve(k);
  const Eigen::VectorXd mean = (k.transpose() * alpha).array() + hyper.mean;
  Eigen::MatrixXd joint = covariance(embedding.embed(at, hyper), hyper.outputscale,
                                     Eigen::VectorXd::Zero(Eigen::Index(at.size())));
  joint.noalias() -= half.transpose() * half;
  Eigen::LLT<Eigen::MatrixXd> root;
  for (double extra = 1e-9;; extra *= 10) {  // round-off makes it slightly indefinite
    joint.diagonal().array() += extra * hyper.outputscale;
    root.compute(joint);
    if (root.info() == Eigen::Success || extra > 1) break;
  }
  std::vector<std::vector<double>> draws;
  for (int s = 0; s < count; ++s) {
    Eigen::VectorXd z(Eigen::Index(at.size()));
    for (double& value : z) value = rng.normal();
    const Eigen::VectorXd f = centre + ((mean + root.matrixL() * z) * scale).array();
    draws.emplace_back(f.begin(), f.end());
  }
  return draws;
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

// Without hyperparameters.
Gp::Model::Model(const std::vector<Dimension>& d, const std::vector<Features>& points,
                 std::vector<double> values, const std::vector<double>& variances)
    : dimensions(d), x(points), y(std::move(values)), embedding(d, points) {
  require(variances.empty() || variances.size() == y.size(),
          "gp: {} noise variances for {} outputs", variances.size(), y.size());
  check(d, x, y);
  const double n = double(y.size());
  for (double value : y) centre += value / n;
  double squares = 0;
  for (double value : y) squares += (value - centre) * (value - centre);
  const double deviation = y.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  scale = deviation > 1e-12 ? deviation : 1;
  for (double& value : y) value = (value - centre) / scale;
  for (double variance : variances) noise.push_back(variance / (scale * scale));
}

Gp::Gp() = default;
Gp::Gp(Gp&&) noexcept = default;
Gp& Gp::operator=(Gp&&) noexcept = default;
Gp::~Gp() = default;

void Gp::condition(const Model& standardised, const std::vector<GpHyper>& draws) {
  for (const GpHyper& hyper : draws) {
    models_.push_back(std::make_unique<Model>(standardised));
    models_.back()->hyper = hyper;
    models_.back()->condition();
  }
}

Gp Gp::with(const std::vector<Dimension>& dimensions, std::vector<Features> x,
            std::vector<double> y, const GpHyper& hyper, const std::vector<double>& noise) {
  return with(dimensions, std::move(x), std::move(y), std::vector{hyper}, noise);
}

Gp Gp::with(const std::vector<Dimension>& dimensions, std::vector<Features> x,
            std::vector<double> y, const std::vector<GpHyper>& draws,
            const std::vector<double>& noise) {
  require(!draws.empty(), "gp: no hyperparameters");
  for (const GpHyper& hyper : draws)
    require(hyper.lengthscale.size() == dimensions.size(), "gp: {} lengthscales for {} dimensions",
            hyper.lengthscale.size(), dimensions.size());
  Gp gp;
  gp.condition(Model(dimensions, x, std::move(y), noise), draws);
  return gp;
}

Gp Gp::fit(const std::vector<Dimension>& dimensions, std::vector<Features> x, std::vector<double> y,
           Rng& rng, const GpOptions& options, const std::optional<GpHyper>& start) {
  const bool usable = start && start->lengthscale.size() == dimensions.size();
  const Model model(dimensions, x, std::move(y), options.noise);
  const GpData data{dimensions, model.x, model.y, model.noise};
  std::vector<GpHyper> draws;
  if (options.draws > 1 && usable) {
    draws = draw_hyper(data, rng, options, *start, true);
  } else {
    draws.push_back(fit_hyper(data, rng, options, usable ? start : std::nullopt));
    if (options.draws > 1) draws = draw_hyper(data, rng, options, draws[0], false);
  }
  Gp gp;
  gp.condition(model, draws);
  return gp;
}

Prediction Gp::predict(const Features& at) const { return predict(std::vector{at}).front(); }

std::vector<Prediction> Gp::predict(const std::vector<Features>& at) const {
  if (models_.size() == 1) return models_[0]->predict(at);
  std::vector<std::vector<Prediction>> parts;
  for (const auto& model : models_) parts.push_back(model->predict(at));
  const double share = 1 / double(parts.size());
  std::vector<Prediction> mixed(at.size());
  for (size_t i = 0; i < at.size(); ++i) {
    for (const auto& part : parts) mixed[i].mean += share * part[i].mean;
    for (const auto& part : parts) {
      const double apart = part[i].mean - mixed[i].mean;
      mixed[i].variance += share * (part[i].variance + apart * apart);
    }
  }
  return mixed;
}

std::vector<double> Gp::means(const std::vector<Features>& at) const {
  Eigen::VectorXd sum = models_[0]->means(at);
  for (size_t m = 1; m < models_.size(); ++m) sum += models_[m]->means(at);
  sum /= double(models_.size());
  return {sum.begin(), sum.end()};
}

PredictionSlope Gp::predict_slope(const Features& at) const {
  std::vector<PredictionSlope> parts;
  for (const auto& model : models_) parts.push_back(model->predict_slope(at));
  if (parts.size() == 1) return parts[0];
  const size_t d = at.x.size();
  const double share = 1 / double(parts.size());
  PredictionSlope mixed{
      .at = {}, .mean = std::vector<double>(d), .variance = std::vector<double>(d)};
  for (const PredictionSlope& p : parts) mixed.at.mean += share * p.at.mean;
  for (const PredictionSlope& p : parts) {
    const double apart = p.at.mean - mixed.at.mean;
    mixed.at.variance += share * (p.at.variance + apart * apart);
    for (size_t c = 0; c < d; ++c) {
      mixed.mean[c] += share * p.mean[c];
      mixed.variance[c] += share * (p.variance[c] + 2 * apart * p.mean[c]);
    }
  }
  return mixed;
}

std::vector<std::vector<double>> Gp::sample(const std::vector<Features>& at, int count,
                                            Rng& rng) const {
  if (models_.size() == 1) return models_[0]->sample(at, count, rng);
  std::vector<int> each(models_.size(), 0);
  for (int s = 0; s < count; ++s) ++each[size_t(rng.below(int64_t(each.size())))];
  std::vector<std::vector<double>> draws;
  for (size_t m = 0; m < each.size(); ++m)
    if (each[m] > 0)
      for (auto& draw : models_[m]->sample(at, each[m], rng)) draws.push_back(std::move(draw));
  return draws;
}

Gp Gp::extended(const std::vector<Features>& x, const std::vector<double>& y,
                const std::vector<double>& noise) const {
  require(x.size() == y.size(), "gp: {} inputs for {} outputs", x.size(), y.size());
  Gp gp;
  for (const auto& old : models_) {
    Model& model = *gp.models_.emplace_back(std::make_unique<Model>(*old));
    if (!noise.empty()) model.noise.resize(model.y.size(), 0.0);
    for (size_t i = 0; i < x.size(); ++i) {
      model.y.push_back((y[i] - model.centre) / model.scale);
      if (!model.noise.empty())
        model.noise.push_back(noise.empty() ? 0 : noise[i] / (model.scale * model.scale));
    }
    if (!x.empty()) model.append(x);
  }
  return gp;
}

const GpHyper& Gp::hyper() const { return models_.back()->hyper; }

std::vector<GpHyper> Gp::hypers() const {
  std::vector<GpHyper> draws;
  for (const auto& model : models_) draws.push_back(model->hyper);
  return draws;
}

int Gp::size() const { return int(models_[0]->x.size()); }

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
