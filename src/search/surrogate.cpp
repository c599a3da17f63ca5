#include <algorithm>
#include <cmath>
#include <limits>

#include "search/acquisition.h"
#include "tensor/error.h"

namespace sparlet::search {

Surrogate::Surrogate(const Space& space, std::vector<Objective> objectives,
                     std::vector<bool> learned, const std::vector<Observation>& observations,
                     const std::vector<Point>& pending, Rng& rng, const SurrogateOptions& options,
                     const std::vector<GpHyper>& start)
    : space_(space),
      objectives_(std::move(objectives)),
      learned_(std::move(learned)),
      weights_(random_weights(int(objectives_.size()), rng)),
      options_(options) {
  require(learned_.size() == objectives_.size(), "surrogate: {} of {} objectives marked as learnt",
          learned_.size(), objectives_.size());
  std::vector<Features> x, waiting;
  std::vector<std::vector<double>> f;
  for (const Observation& o : observations) {
    x.push_back(space_.features(o.point));
    f.push_back(normalised(objectives_, o.values));
  }
  for (const Point& point : pending) waiting.push_back(space_.features(point));

  const size_t models = size_t(std::count(learned_.begin(), learned_.end(), true));
  require(models == 0 || !x.empty(), "surrogate: no observations");
  for (size_t k = 0; k < objectives_.size(); ++k) {
    if (!learned_[k]) continue;
    std::vector<double> y;
    for (const auto& row : f) y.push_back(row[k]);
    const size_t at = models_.size();
    Gp gp = Gp::fit(space_.dimensions(), x, y, rng, options_.gp,
                    at < start.size() ? std::optional(start[at]) : std::nullopt);
    // What is measured carries noise: compare with what the model believes there.
    for (size_t i = 0; i < x.size(); ++i) f[i][k] = gp.predict(x[i]).mean;
    if (!waiting.empty()) {
      std::vector<double> believed;
      for (const Features& features : waiting) believed.push_back(gp.predict(features).mean);
      gp = gp.extended(waiting, believed);
    }
    models_.push_back(std::move(gp));
  }
  best_ = std::numeric_limits<double>::max();
  for (const auto& row : f) best_ = std::min(best_, chebyshev(weights_, row, options_.rho));
  if (models > 1)
    for (size_t i = 0; i < models * size_t(options_.draws); ++i) normals_.push_back(rng.normal());
}

double Surrogate::score(const Point& point, std::span<const double> known) const {
  std::vector<double> f = normalised(objectives_, known);
  const Features features = models_.empty() ? Features{} : space_.features(point);
  std::vector<Prediction> predictions;
  for (const Gp& gp : models_) predictions.push_back(gp.predict(features));
  if (models_.empty()) return std::max(best_ - chebyshev(weights_, f, options_.rho), 0.0);

  std::vector<size_t> unknown;
  for (size_t k = 0; k < learned_.size(); ++k)
    if (learned_[k]) unknown.push_back(k);
  if (unknown.size() == 1)
    return expected_improvement(ChebyshevImprovement{.weights = weights_,
                                                     .f = f,
                                                     .uncertain = unknown[0],
                                                     .mean = predictions[0].mean,
                                                     .sigma = std::sqrt(predictions[0].variance),
                                                     .best = best_,
                                                     .rho = options_.rho});
  double sum = 0;
  for (size_t s = 0; s < size_t(options_.draws); ++s) {
    for (size_t m = 0; m < unknown.size(); ++m)
      f[unknown[m]] = predictions[m].mean +
                      std::sqrt(predictions[m].variance) * normals_[s * unknown.size() + m];
    sum += std::max(best_ - chebyshev(weights_, f, options_.rho), 0.0);
  }
  return sum / options_.draws;
}

Prediction Surrogate::predict(size_t objective, const Point& point) const {
  require(objective < learned_.size() && learned_[objective],
          "surrogate: objective {} has no model", objective);
  const auto at = std::count(learned_.begin(), learned_.begin() + ptrdiff_t(objective), true);
  return models_[size_t(at)].predict(space_.features(point));
}

std::vector<GpHyper> Surrogate::hyper() const {
  std::vector<GpHyper> result;
  for (const Gp& gp : models_) result.push_back(gp.hyper());
  return result;
}

}  // namespace sparlet::search
