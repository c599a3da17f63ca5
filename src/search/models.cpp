// Models: when GPs are fitted, what they are fitted to.
#include <algorithm>
#include <cmath>
#include <limits>

#include "search/surrogate.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

// Refits are warm-started; each is due after a share of new observations that keeps its cost in
// proportion.
size_t fit_interval(size_t n) {
  return n < 60 ? 1 : n < 200 ? 1 + n / 50 : n < 1000 ? n / 12 : n / 40;
}

// How many of n observations have the hyperparameters, had they come one by one. Without a warm
// start a fit is dearer.
size_t fitted_of(size_t n) {
  const auto interval = [](size_t fitted) { return std::max(fit_interval(fitted), fitted / 20); };
  size_t fitted = std::min<size_t>(n, 1);
  while (fitted + interval(fitted) <= n) fitted += interval(fitted);
  return fitted;
}

// Observations a parameter from which on draws of the hyperparameters tell no more than the best
// ones: DTLZ2 (6 and 8 parameters) lost 1 to 3 % by draws at any number.
constexpr double kEnough = 4;
constexpr size_t kTooMany = 200;  // observations, for a chain

constexpr size_t kMostLabels = 400;  // that the classifier takes
// Known objectives as inputs, between ideal and reference 0 to 1.
constexpr double kLeastKnown = -1, kMostKnown = 2, kUnknown = 0.5;

bool feasible(const Observation& o) { return !o.values.empty(); }

double quantile(std::vector<double> values, double at) {
  std::sort(values.begin(), values.end());
  return values[size_t(at * double(values.size() - 1))];
}

}  // namespace

Models::Models(const Space& space, std::vector<Objective> objectives, std::vector<bool> learned,
               SurrogateOptions options)
    : space_(&space),
      objectives_(std::move(objectives)),
      learned_(std::move(learned)),
      options_(std::move(options)),
      softness_(objectives_.size(), 1) {
  require(learned_.size() == objectives_.size(), "surrogate: {} of {} objectives marked as learnt",
          learned_.size(), objectives_.size());
}

std::vector<Dimension> Models::dimensions() const {
  std::vector<Dimension> dimensions = space_->dimensions();
  if (!options_.mask)
    for (Dimension& d : dimensions) d.conditional = false;
  return dimensions;
}

Features Models::masked(Features f) const {
  if (options_.mask) return f;
  for (size_t c = 0; c < f.x.size(); ++c) {
    if (!f.active[c]) f.x[c] = space_->dimensions()[c].category ? 0 : 0.5;
    f.active[c] = 1;
  }
  return f;
}

std::vector<size_t> Models::known_inputs() const {
  std::vector<size_t> inputs;
  for (size_t k = 0; options_.known && k < learned_.size(); ++k)
    if (!learned_[k]) inputs.push_back(k);
  return inputs;
}

Features Models::input(Features f, std::span<const double> known, double fidelity) const {
  f = masked(std::move(f));
  for (const size_t k : known_inputs()) {
    const double value = known.empty() ? kUnknown : normalised(objectives_[k], known[k]);
    f.x.push_back(std::clamp(value, kLeastKnown, kMostKnown));
    f.active.push_back(1);
  }
  if (lowest_fidelity_ < 1) {
    f.x.push_back(1 - std::log(std::min(fidelity, 1.0)) / std::log(lowest_fidelity_));
    f.active.push_back(1);
  }
  return f;
}

Features Models::features(const Point& point, double fidelity) const {
  const auto known = known_inputs().empty() ? std::nullopt : options_.known(point);
  return input(space_->features(point), known ? *known : std::vector<double>{}, fidelity);
}

double Models::target(size_t objective, double value) const {
  if (!learned_[objective] || !(value > 1)) return value;
  const double s = softness_[objective];
  return 1 + s * std::log1p((value - 1) / s);
}

std::vector<double> Models::targets(const std::vector<Observation>& all, size_t first,
                                    size_t objective) const {
  std::vector<double> y;
  for (size_t i = first; i < all.size(); ++i)
    if (feasible(all[i]))
      y.push_back(target(objective, normalised(objectives_[objective], all[i].values[objective])));
  return y;
}

std::vector<double> Models::noises(const std::vector<Observation>& all, size_t first,
                                   size_t objective) const {
  const Objective& o = objectives_[objective];
  std::vector<double> noise;
  bool any = false;
  for (size_t i = first; i < all.size(); ++i) {
    if (!feasible(all[i])) continue;
    double variance = 0;
    if (!all[i].noise.empty()) {
      // Through the scale of the objective, to first order.
      const double value = all[i].values[objective], step = 1e-4 * std::abs(value) + 1e-12;
      const double slope = (normalised(o, value + step) - normalised(o, value)) / step;
      variance = all[i].noise[objective] * slope * slope;
      any = true;
    }
    noise.push_back(variance);
  }
  return any ? noise : std::vector<double>{};
}

void Models::update(const std::vector<Observation>& all, Rng& rng) {
  refitted_ = false;
  if (all.size() < fitted_) fitted_ = taken_ = 0;
  const bool none = std::none_of(all.begin(), all.end(), feasible);
  require(std::count(learned_.begin(), learned_.end(), true) == 0 || !none,
          "surrogate: no observations");
  const bool first_failure =
      !feasible_ && std::find_if_not(all.begin(), all.end(), feasible) != all.end();
  const bool due = fitted_ == 0 || first_failure || all.size() >= fitted_ + fit_interval(fitted_);
  if (due)
    fit(all, &rng);
  else if (all.size() != taken_)
    append(all);
  taken_ = all.size();
}

void Models::learn(const std::vector<Observation>& all, uint64_t seed) {
  require(!all.empty(), "surrogate: no observations");
  const size_t due = fitted_of(all.size());
  if (fitted_ != due) {
    hyper_.clear();
    Rng rng(mix(seed, due));
    fit({all.begin(), all.begin() + ptrdiff_t(due)}, &rng);
  }
  if (all.size() != taken_) append(all);
  taken_ = all.size();
}

// Without a generator: with the hyperparameters as they are.
void Models::fit(const std::vector<Observation>& all, Rng* rng) {
  lowest_fidelity_ = 1;
  for (const Observation& o : all) lowest_fidelity_ = std::min(lowest_fidelity_, o.fidelity);
  std::vector<Dimension> dimensions = this->dimensions();
  dimensions.resize(dimensions.size() + known_inputs().size());
  if (lowest_fidelity_ < 1) dimensions.push_back({});
  std::vector<Features> x;
  for (const Observation& o : all)
    if (feasible(o)) x.push_back(features(o.point, o.fidelity));
  Hypers hyper;
  const auto fitted = [&](std::vector<double> y, std::vector<double> noise) {
    const size_t k = hyper.size();
    const bool warm = k < hyper_.size() && hyper_[k].back().lengthscale.size() == dimensions.size();
    GpOptions options = options_.gp;
    const bool few = double(x.size()) < kEnough * double(dimensions.size());
    options.draws = few && x.size() < kTooMany ? options_.hyper_draws : 1;
    options.noise = std::move(noise);
    if (options.draws > 1) options.restarts = 0, options.max_evaluations = 40;  // a chain's start
    if (x.size() > 200) options.restarts = 0, options.max_evaluations = 50;
    if (warm) {  // one fresh start now and then, against a poor optimum
      options.restarts = all.size() % 8 == 0 && x.size() < 200 ? 1 : 0;
      options.max_evaluations = x.size() < 200 ? 40 : 20;
    }
    if (!rng && warm) {
      hyper.push_back(hyper_[k]);
      return Gp::with(dimensions, x, std::move(y), hyper_[k], options.noise);
    }
    Rng fallback(all.size());
    Gp gp = Gp::fit(dimensions, x, std::move(y), rng ? *rng : fallback, options,
                    warm ? std::optional(hyper_[k].back()) : std::nullopt);
    hyper.push_back(gp.hypers());
    return gp;
  };
  fit_models_.clear();
  for (size_t k = 0; k < objectives_.size(); ++k) {
    if (!learned_[k]) continue;
    std::vector<double> values;
    for (const Observation& o : all)
      if (feasible(o)) values.push_back(normalised(objectives_[k], o.values[k]));
    softness_[k] = std::max({1 - quantile(values, 0), 0.25 * (quantile(values, 0.5) - 1), 1e-6});
    fit_models_.push_back(fitted(targets(all, 0, k), noises(all, 0, k)));
  }
  feasible_.reset();
  if (!std::all_of(all.begin(), all.end(), feasible)) {
    feasible_ =
        classifier(all, rng, hyper.size() < hyper_.size() ? &hyper_.back().back() : nullptr);
    hyper.push_back({feasible_->hyper()});
  }
  hyper_ = std::move(hyper);
  fitted_ = taken_ = all.size();
  models_.clear();
  for (const Gp& gp : fit_models_) models_.push_back(gp.extended({}, {}));
  refitted_ = rng != nullptr;
}

// With the hyperparameters as they are where there is no generator but a start.
Classifier Models::classifier(const std::vector<Observation>& all, Rng* rng,
                              const GpHyper* start) const {
  std::vector<Features> x;
  std::vector<bool> yes;
  // The newest are where proposals go; of the older ones an even share keeps the whole picture.
  const size_t n = all.size(), recent = n > kMostLabels ? kMostLabels / 2 : n, older = n - recent;
  const auto take = [&](size_t i) {
    x.push_back(masked(space_->features(all[i].point)));
    yes.push_back(feasible(all[i]));
  };
  for (size_t k = 0; older > 0 && k < kMostLabels / 2; ++k) take(k * older / (kMostLabels / 2));
  for (size_t i = older; i < n; ++i) take(i);
  if (!rng && start) return Classifier::with(dimensions(), std::move(x), yes, *start);
  GpOptions options = options_.gp;
  options.restarts = start || n > 200 ? 0 : 1;
  options.max_evaluations = n > 200 ? 10 : 25;
  Rng fallback(n);
  return Classifier::fit(dimensions(), std::move(x), yes, rng ? *rng : fallback, options,
                         start ? std::optional(*start) : std::nullopt);
}

void Models::append(const std::vector<Observation>& all) {
  std::vector<Features> x;
  for (size_t i = fitted_; i < all.size(); ++i)
    if (feasible(all[i])) x.push_back(features(all[i].point, all[i].fidelity));
  models_.clear();
  for (size_t k = 0; k < objectives_.size(); ++k)
    if (learned_[k])
      models_.push_back(fit_models_[models_.size()].extended(x, targets(all, fitted_, k),
                                                             noises(all, fitted_, k)));
  if (feasible_) feasible_ = classifier(all, nullptr, &hyper_.back().back());
}

void Models::restore(const std::vector<Observation>& all, Hypers hyper, size_t fitted) {
  if (fitted == 0 || fitted > all.size() || hyper.empty()) return;
  hyper_ = std::move(hyper);
  fit({all.begin(), all.begin() + ptrdiff_t(fitted)}, nullptr);
}

std::vector<Values> Models::believed(const std::vector<Observation>& all, bool own_fidelity) const {
  std::vector<Values> rows;
  std::vector<Features> x;
  for (const Observation& o : all) {
    if (!feasible(o)) continue;
    rows.push_back(normalised(objectives_, o.values));
    x.push_back(features(o.point, own_fidelity ? o.fidelity : 1));
  }
  size_t at = 0;
  for (size_t k = 0; k < objectives_.size() && !x.empty(); ++k) {
    if (!learned_[k]) continue;
    const std::vector<double> mean = models_[at++].means(x);
    for (size_t i = 0; i < rows.size(); ++i) rows[i][k] = mean[i];
  }
  return rows;
}

std::optional<Values> Models::expected(const Point& point) const {
  const bool all = std::count(learned_.begin(), learned_.end(), false) == 0;
  const auto known = options_.known ? options_.known(point) : std::nullopt;
  if (!all && !known) return std::nullopt;
  const Features x = features(point);
  Values row;
  size_t at = 0;
  for (size_t k = 0; k < learned_.size(); ++k)
    row.push_back(learned_[k] ? models_[at++].means({x})[0]
                              : normalised(objectives_[k], (*known)[k]));
  return row;
}

void Models::set_hyper(Hypers hyper) { hyper_ = std::move(hyper); }

}  // namespace sparlet::search
