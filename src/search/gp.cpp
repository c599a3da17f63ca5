#include "search/gp.h"

#include "search/gp_fit.h"
#include "tensor/error.h"

namespace sparlet::search {

struct Gp::Model {
  std::vector<Dimension> dimensions;
  std::vector<Features> x;
  std::vector<double> y;         // standardised
  double centre = 0, scale = 1;  // y = (raw - centre) / scale
  GpHyper hyper;
  Eigen::LLT<Eigen::MatrixXd> factor;
  Eigen::VectorXd alpha;  // K⁻¹ (y - mean)

  void condition();
  Eigen::MatrixXd cross(const std::vector<Features>& at) const {
    return squared_distances(dimensions, x, at, hyper).unaryExpr(&matern) * hyper.outputscale;
  }
};

void Gp::Model::condition() {
  // The lower bound of the noise keeps K positive definite; more is added only where it is not
  // (given hyperparameters without noise).
  for (double extra = 0; extra < 1; extra = extra == 0 ? 1e-10 : extra * 10) {
    factor.compute(covariance(dimensions, x, hyper, hyper.noise + extra));
    if (factor.info() == Eigen::Success) break;
  }
  const Eigen::Map<const Eigen::VectorXd> values(y.data(), Eigen::Index(y.size()));
  alpha = factor.solve(Eigen::VectorXd(values.array() - hyper.mean));
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

Gp Gp::with(const std::vector<Dimension>& dimensions, std::vector<Features> x,
            std::vector<double> y, const GpHyper& hyper) {
  check(dimensions, x, y);
  require(hyper.lengthscale.size() == dimensions.size(), "gp: {} lengthscales for {} dimensions",
          hyper.lengthscale.size(), dimensions.size());
  auto model = std::make_unique<Model>();
  const double n = double(y.size());
  for (double value : y) model->centre += value / n;
  double squares = 0;
  for (double value : y) squares += (value - model->centre) * (value - model->centre);
  const double deviation = y.size() > 1 ? std::sqrt(squares / (n - 1)) : 0;
  model->scale = deviation > 1e-12 ? deviation : 1;
  for (double& value : y) value = (value - model->centre) / model->scale;
  model->dimensions = dimensions;
  model->x = std::move(x);
  model->y = std::move(y);
  model->hyper = hyper;
  model->condition();
  return Gp(std::move(model));
}

Gp Gp::fit(const std::vector<Dimension>& dimensions, std::vector<Features> x, std::vector<double> y,
           Rng& rng, const GpOptions& options, const std::optional<GpHyper>& start) {
  const bool usable = start && start->lengthscale.size() == dimensions.size();
  const GpHyper initial{.lengthscale = std::vector<double>(dimensions.size(), 1)};
  Gp gp = with(dimensions, std::move(x), std::move(y), initial);
  gp.model_->hyper = fit_hyper(dimensions, gp.model_->x, gp.model_->y, rng, options,
                               usable ? start : std::nullopt);
  gp.model_->condition();
  return gp;
}

Prediction Gp::predict(const Features& at) const {
  const Model& m = *model_;
  const Eigen::VectorXd k = m.cross({at});
  const Eigen::VectorXd half = m.factor.matrixL().solve(k);
  const double variance = std::max(m.hyper.outputscale - half.squaredNorm(), 0.0);
  return {.mean = m.centre + m.scale * (m.hyper.mean + k.dot(m.alpha)),
          .variance = m.scale * m.scale * variance};
}

std::vector<std::vector<double>> Gp::sample(const std::vector<Features>& at, int count,
                                            Rng& rng) const {
  const Model& m = *model_;
  const Eigen::MatrixXd k = m.cross(at);
  const Eigen::MatrixXd half = m.factor.matrixL().solve(k);
  const Eigen::VectorXd mean = (k.transpose() * m.alpha).array() + m.hyper.mean;
  Eigen::MatrixXd joint = covariance(m.dimensions, at, m.hyper, 0) - half.transpose() * half;
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

Gp Gp::extended(const std::vector<Features>& x, const std::vector<double>& y) const {
  require(x.size() == y.size(), "gp: {} inputs for {} outputs", x.size(), y.size());
  auto model = std::make_unique<Model>(*model_);
  for (size_t i = 0; i < x.size(); ++i) {
    model->x.push_back(x[i]);
    model->y.push_back((y[i] - model->centre) / model->scale);
  }
  model->condition();
  return Gp(std::move(model));
}

const GpHyper& Gp::hyper() const { return model_->hyper; }
int Gp::size() const { return int(model_->x.size()); }

std::vector<std::vector<double>> gp_kernel(const std::vector<Dimension>& dimensions,
                                           const std::vector<Features>& x, const GpHyper& hyper) {
  const Eigen::MatrixXd k = covariance(dimensions, x, hyper, 0);
  std::vector<std::vector<double>> rows(x.size(), std::vector<double>(x.size()));
  for (size_t i = 0; i < x.size(); ++i)
    for (size_t j = 0; j < x.size(); ++j) rows[i][j] = k(Eigen::Index(i), Eigen::Index(j));
  return rows;
}

}  // namespace sparlet::search
