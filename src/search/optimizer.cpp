#include "search/optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "search/evolve.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::search {

namespace {

constexpr std::array<std::string_view, 8> kMethods = {"ehvi",  "chebyshev", "thompson", "random",
                                                      "sobol", "nsga2",     "aging",    "local"};
// Streams of random numbers, one a use.
constexpr uint64_t kSobolStream = 201, kFitStream = 202, kProposalStream = 203;
constexpr int kMostInitial = 20;
constexpr int kTries = 200;              // for a point that is new and usable
constexpr uint32_t kSobolTries = 20000;  // places of the sequence without one

Values minimised_of(const std::vector<Objective>& objectives, std::span<const double> values) {
  Values row;
  for (size_t k = 0; k < objectives.size(); ++k) {
    const double value = objectives[k].logarithmic ? std::log2(values[k]) : values[k];
    row.push_back(objectives[k].minimize ? value : -value);
  }
  return row;
}

Values references_of(const std::vector<Objective>& objectives) {
  Values references;
  for (const Objective& o : objectives) references.push_back(o.reference);
  return minimised_of(objectives, references);
}

// A prediction costs n² operations: with many answers fewer of them must do.
ProposeOptions affordable(ProposeOptions o, size_t answers) {
  const double share = std::min(1.0, 600.0 / double(answers));
  o.random = std::max(int(share * o.random), 20);
  o.mutants = std::max(int(share * o.mutants), 20);
  o.starts = std::max(int(share * o.starts), 1);
  o.evaluations = std::max(int(share * o.evaluations), 10);
  return o;
}

}  // namespace

std::string_view name_of(Method method) { return kMethods[size_t(method)]; }

Method method_from(std::string_view name) {
  const auto at = std::find(kMethods.begin(), kMethods.end(), name);
  require(at != kMethods.end(),
          "method '{}': not one of ehvi, chebyshev, thompson, random, sobol, "
          "nsga2, aging, local{}",
          name, did_you_mean(name, kMethods));
  return Method(at - kMethods.begin());
}

Optimizer::Optimizer(Problem problem, OptimizerOptions options)
    : problem_(std::move(problem)),
      options_(std::move(options)),
      sequence_(problem_.space.dimension(), mix(options_.seed, kSobolStream)) {
  const size_t m = problem_.objectives.size();
  require(m > 0, "optimizer: no objective");
  if (problem_.learned.empty()) problem_.learned.assign(m, true);
  require(problem_.learned.size() == m, "optimizer: {} of {} objectives marked as learnt",
          problem_.learned.size(), m);
  const bool all =
      std::find(problem_.learned.begin(), problem_.learned.end(), false) == problem_.learned.end();
  require(all || bool(problem_.known), "optimizer: nothing gives the known objectives");
  if (!all) options_.surrogate.known = problem_.known;
  if (!problem_.known)
    problem_.known = [m](const Point&) { return std::optional(std::vector<double>(m, NAN)); };
  for (const Objective& o : problem_.objectives) {
    require(std::isfinite(o.reference) || (m == 1 && std::isnan(o.reference)),
            "objective '{}': a finite reference is needed", o.name);
    if (!std::isnan(o.ideal) && !std::isnan(o.reference)) validate(o);
  }
  require(options_.initial >= 0 && options_.population >= 2 && options_.sample >= 1 &&
              options_.patience >= 1 && options_.tolerance >= 0,
          "optimizer: initial, population, sample, patience and tolerance must be positive");
  if (options_.initial == 0)
    options_.initial = std::min(2 * (problem_.space.dimension() + 1), kMostInitial);
  switch (options_.method) {
    case Method::chebyshev:
      options_.surrogate.acquisition = Acquisition::chebyshev;
      break;
    case Method::thompson:
      options_.surrogate.acquisition = Acquisition::thompson;
      break;
    default:
      options_.surrogate.acquisition = Acquisition::ehvi;
  }
}

bool Optimizer::by_model_alone() const {
  return options_.method == Method::ehvi || options_.method == Method::chebyshev ||
         options_.method == Method::thompson;
}

bool Optimizer::usable(const Point& point) const {
  return !seen_.contains(to_text(point)) && problem_.known(point).has_value();
}

std::optional<Optimizer::Asked> Optimizer::ask() {
  Rng rng(mix(mix(options_.seed, kProposalStream), uint64_t(next_)));
  const bool answered = std::any_of(observations_.begin(), observations_.end(),
                                    [](const Observation& o) { return !o.values.empty(); });
  std::optional<Point> point;
  if (next_ < options_.initial || options_.method == Method::sobol || !answered)
    point = sobol();
  else
    switch (options_.method) {
      case Method::random:
        point = fresh(&Optimizer::random_point, rng);
        break;
      case Method::nsga2:
        point = fresh(&Optimizer::nsga2, rng);
        break;
      case Method::aging:
        point = fresh(&Optimizer::aging, rng);
        break;
      case Method::local:
        point = fresh(&Optimizer::local, rng);
        break;
      default:
        point = by_model(rng);
    }
  if (!point) return std::nullopt;
  const int trial = next_;
  restore(trial, *point);
  return Asked{trial, *point};
}

std::optional<Point> Optimizer::sobol() {
  for (uint32_t tried = 0; tried < kSobolTries; ++tried) {
    const Point point = problem_.space.from_unit(sequence_.at(place_++));
    if (problem_.space.violated(point)) continue;
    if (seen_.contains(to_text(point))) {  // a resumed run walks again where it had been
      pass_over_.taken();
      continue;
    }
    const auto known = problem_.known(point);
    if (!known) continue;
    if (by_model_alone() && pass_over_(problem_.objectives, *known)) continue;
    pass_over_.taken();
    return point;
  }
  return std::nullopt;
}

std::optional<Point> Optimizer::fresh(std::optional<Point> (Optimizer::*make)(Rng&), Rng& rng) {
  for (int tries = 0; tries < kTries; ++tries)
    if (const auto point = (this->*make)(rng); point && usable(*point)) return point;
  // Little is new nearby: anything else.
  for (int tries = 0; tries < kTries; ++tries)
    if (const auto point = random_point(rng); point && usable(*point)) return point;
  return sobol();
}

std::optional<Point> Optimizer::random_point(Rng& rng) {
  return problem_.space.try_sample(rng, kTries);
}

// From the first so many answers.
std::vector<Objective> Optimizer::boxed(size_t answers) const {
  std::vector<Objective> objectives = problem_.objectives;
  for (size_t k = 0; k < objectives.size(); ++k) {
    Objective& o = objectives[k];
    const double sign = o.minimize ? 1 : -1;
    double best = INFINITY, worst = -INFINITY;
    for (size_t i = 0; i < answers; ++i) {
      const std::vector<double>& values = observations_[i].values;
      if (values.empty()) continue;
      best = std::min(best, sign * values[k]);
      worst = std::max(worst, sign * values[k]);
    }
    if (std::isnan(o.reference)) o.reference = sign * (worst > best ? worst : best + 1);
    if (std::isnan(o.ideal)) o.ideal = best < sign * o.reference ? sign * best : o.reference - sign;
  }
  return objectives;
}

std::optional<Point> Optimizer::by_model(Rng& rng) {
  if (!models_) {
    boxed_ = restored_ ? size_t(restored_->boxed) : observations_.size();
    models_.emplace(problem_.space, boxed(boxed_), problem_.learned, options_.surrogate);
  }
  if (restored_) models_->restore(observations_, restored_->hyper, size_t(restored_->fitted));
  restored_.reset();
  Rng fit_rng(mix(mix(options_.seed, kFitStream), observations_.size()));
  models_->update(observations_, fit_rng);
  std::vector<Point> waiting, parents;
  for (const auto& [trial, point] : pending_) waiting.push_back(point);
  for (const auto& entry : archive_.entries())
    parents.push_back(observations_[size_t(entry.id)].point);
  const Surrogate surrogate(*models_, observations_, waiting, rng, options_.surrogate);
  const auto found = propose(problem_.space, surrogate, problem_.known, parents, seen_, rng,
                             affordable(options_.propose, observations_.size()));
  if (found) return found->point;
  return sobol();
}

std::optional<Point> Optimizer::nsga2(Rng& rng) {
  return nsga2_child(problem_.space, observations_, minimised(), options_.population, rng);
}

std::optional<Point> Optimizer::aging(Rng& rng) {
  const std::vector<Objective> box = boxed(observations_.size());
  std::vector<Values> rows;
  for (const Observation& o : observations_)
    rows.push_back(o.values.empty() ? Values{} : normalised(box, o.values));
  const size_t parent = aging_parent(rows, options_.population, options_.sample, rng);
  return problem_.space.mutate(observations_[parent].point, 0.1, rng);
}

std::optional<Point> Optimizer::local(Rng& rng) {
  const auto& front = archive_.entries();
  const auto& parent = front[size_t(rng.below(int64_t(front.size())))];
  return problem_.space.mutate(observations_[size_t(parent.id)].point, 0.1, rng);
}

std::vector<Values> Optimizer::minimised() const {
  std::vector<Values> rows;
  for (const Observation& o : observations_)
    rows.push_back(o.values.empty() ? Values{} : minimised_of(problem_.objectives, o.values));
  return rows;
}

const Point& Optimizer::waiting(int trial) const {
  const auto asked = pending_.find(trial);
  require(asked != pending_.end(), "trial {}: {}", trial,
          trial >= 0 && trial < next_ ? "has been answered"
          : next_ > 0                 ? fmt::format("unknown, asked were 0 .. {}", next_ - 1)
                                      : "unknown, none was asked");
  return asked->second;
}

void Optimizer::tell(int trial, std::span<const double> values, std::span<const double> noise) {
  const Point& point = waiting(trial);
  const size_t m = problem_.objectives.size();
  const size_t learned = size_t(std::count(problem_.learned.begin(), problem_.learned.end(), true));
  const bool partial = values.size() == learned && learned < m;
  if (values.size() != m && !partial) {
    std::string names;
    for (const Objective& o : problem_.objectives) names += (names.empty() ? "" : ", ") + o.name;
    fail("trial {}: {} value{}, expected {} ({})", trial, values.size(),
         values.size() == 1 ? "" : "s", m, names);
  }
  require(noise.empty() || noise.size() == m, "trial {}: {} noise variances, expected {}", trial,
          noise.size(), m);
  Observation o{.point = point, .values = {}, .noise = {noise.begin(), noise.end()}};
  const auto known = problem_.known(point);
  size_t at = 0;
  for (size_t k = 0; k < m; ++k) {
    const std::string& name = problem_.objectives[k].name;
    const bool is_known = !problem_.learned[k] && known;
    const double value = partial && is_known ? (*known)[k] : values[at++];
    require(std::isfinite(value),
            "trial {}: the value of '{}' is {}; what has no value is "
            "infeasible",
            trial, name, value);
    require(!is_known || std::abs(value - (*known)[k]) <= 1e-6 * std::max(1.0, std::abs(value)),
            "trial {}: '{}' is {}, but its formula gives {}", trial, name, value,
            is_known ? (*known)[k] : 0);
    o.values.push_back(value);
  }
  record(trial, std::move(o));
}

void Optimizer::tell_infeasible(int trial) {
  record(trial, Observation{.point = waiting(trial), .values = {}});
}

void Optimizer::record(int trial, Observation o) {
  if (!o.values.empty())
    archive_.add(int64_t(observations_.size()), minimised_of(problem_.objectives, o.values));
  observations_.push_back(std::move(o));
  trials_.push_back(trial);
  pending_.erase(trial);
  volumes_.push_back(options_.tolerance > 0 ? hypervolume() : 0);
}

bool Optimizer::converged() const {
  const size_t n = volumes_.size(), patience = size_t(options_.patience);
  if (options_.tolerance <= 0 || n < size_t(options_.initial) + patience) return false;
  const double before = volumes_[n - 1 - patience];
  return before > 0 && volumes_.back() - before < options_.tolerance * volumes_.back();
}

std::vector<Optimizer::Result> Optimizer::front() const {
  std::vector<Result> results;
  for (const auto& entry : archive_.entries()) {
    const size_t at = size_t(entry.id);
    results.push_back({trials_[at], observations_[at].point, observations_[at].values});
  }
  std::sort(results.begin(), results.end(),
            [](const Result& a, const Result& b) { return a.trial < b.trial; });
  return results;
}

double Optimizer::hypervolume() const {
  if (std::isnan(problem_.objectives.front().reference)) return NAN;
  return search::hypervolume(archive_.values(), references_of(problem_.objectives));
}

void Optimizer::restore(int trial, const Point& point) {
  require(trial == next_, "trial {}: expected {}", trial, next_);
  require(problem_.space.contains(point), "trial {}: {} is not in the space", trial,
          to_text(point));
  ++next_;
  pending_.emplace(trial, point);
  seen_.insert(to_text(point));
}

Optimizer::State Optimizer::state() const {
  if (restored_) return *restored_;
  if (!models_) return {};
  return {models_->hyper(), int(models_->fitted()), int(boxed_)};
}

void Optimizer::restore(const State& state) {
  require(state.boxed >= 0 && state.boxed <= answered() && state.fitted <= answered(),
          "optimizer: a state of {} answers, there are {}", std::max(state.boxed, state.fitted),
          answered());
  restored_ = state;
}

}  // namespace sparlet::search
