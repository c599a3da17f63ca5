// Refinement of one candidate by the acquisition's gradient and by single steps.
#include <algorithm>
#include <cmath>
#include <limits>
#include <nlopt.hpp>

#include "search/propose.h"

namespace sparlet::search {

namespace {

constexpr int kSteps = 6;       // single steps in a row
constexpr int kRounds = 3;      // of gradients and steps
constexpr double kGain = 1e-6;  // of the logarithm: less is none
constexpr double kDifference = 1e-5;
constexpr size_t kValues = 8;  // of a category that are tried

bool climbs(const Parameter& p) {
  return (p.kind == Kind::real || p.kind == Kind::log_real) && p.step == 0;
}

class Climber {
 public:
  Climber(const Space& space, const Surrogate& surrogate, const Known& known, Rng& rng)
      : space_(space), surrogate_(surrogate), known_(known), rng_(rng) {
    for (const Parameter& p : space.parameters())
      if (p.varies()) parameters_.push_back(&p);
    for (const bool learned : surrogate.models().learned()) any_known_ |= !learned;
  }

  // Real parameters by L-BFGS.
  bool gradients(Proposal& at, int evaluations) {
    base_ = at.point;
    features_ = space_.features(at.point);
    variables_.clear();
    for (size_t c = 0; c < parameters_.size(); ++c)
      if (features_.active[c] && climbs(*parameters_[c])) variables_.push_back(c);
    if (variables_.empty()) return false;
    std::vector<double> u;
    for (const size_t c : variables_) u.push_back(features_.x[c]);
    const std::vector<double> from = u;
    nlopt::opt search(nlopt::LD_LBFGS, unsigned(u.size()));
    search.set_lower_bounds(0.0);
    search.set_upper_bounds(1.0);
    search.set_min_objective(
        [](const std::vector<double>& x, std::vector<double>& gradient, void* self) {
          return static_cast<Climber*>(self)->negative(x, gradient);
        },
        this);
    search.set_maxeval(evaluations);
    search.set_ftol_abs(1e-5);
    search.set_xtol_abs(1e-7);
    double value = 0;
    best_ = std::numeric_limits<double>::infinity();
    try {
      search.optimize(u, value);
    } catch (const std::exception&) {
      // L-BFGS gives up on round-off; the best it met counts.
    }
    if (!(best_ < std::numeric_limits<double>::infinity())) return false;
    return take(at, within(from, best_at_));
  }

  // The best of all single steps of what does not climb, while it gains.
  bool steps(Proposal& at) {
    bool gained = false;
    for (int step = 0; step < kSteps; ++step) {
      std::vector<Point> near;
      std::vector<std::vector<double>> values;
      for (const Point& p : neighbours(at.point)) {
        if (space_.violated(p)) continue;
        if (auto known = known_(p)) near.push_back(p), values.push_back(std::move(*known));
      }
      const std::vector<double> scores = surrogate_.scores(near, values);
      const auto best = std::max_element(scores.begin(), scores.end());
      if (best == scores.end() || !(*best > at.score + kGain)) break;
      at = {near[size_t(best - scores.begin())], *best};
      gained = true;
    }
    return gained;
  }

 private:
  Point point_at(const std::vector<double>& u) const {
    Features f = features_;
    for (size_t i = 0; i < u.size(); ++i) f.x[variables_[i]] = u[i];
    return space_.moved(base_, f.x);
  }

  // Constraints may cut the way: as far along it as they allow.
  std::vector<double> within(const std::vector<double>& from, const std::vector<double>& to) const {
    if (space_.constraints().empty() || !space_.violated(point_at(to))) return to;
    double low = 0, high = 1;
    const auto between = [&](double t) {
      std::vector<double> u = from;
      for (size_t i = 0; i < u.size(); ++i) u[i] += t * (to[i] - from[i]);
      return u;
    };
    for (int i = 0; i < 20; ++i) {
      const double middle = (low + high) / 2;
      (space_.violated(point_at(between(middle))) ? high : low) = middle;
    }
    return between(low);
  }

  bool take(Proposal& at, const std::vector<double>& u) {
    const Point point = space_.complete(point_at(u), rng_);
    if (space_.violated(point)) return false;
    const auto known = known_(point);
    if (!known) return false;
    const double score = surrogate_.score(point, *known);
    if (!(score > at.score + kGain)) return false;
    at = {point, score};
    return true;
  }

  double negative(const std::vector<double>& u, std::vector<double>& gradient) {
    constexpr double kBad = 1e6;
    Features f = features_;
    for (size_t i = 0; i < u.size(); ++i) f.x[variables_[i]] = u[i];
    std::vector<double> known(surrogate_.models().learned().size(), 0);
    std::vector<std::vector<double>> slopes;
    if (any_known_) {
      const auto values = known_(space_.moved(base_, f.x));
      if (!values) return kBad;
      known = *values;
      slopes.assign(known.size(), std::vector<double>(f.x.size(), 0));
      for (const size_t c : variables_) {
        std::vector<double> x = f.x;
        x[c] += x[c] > 0.5 ? -kDifference : kDifference;
        const auto moved = known_(space_.moved(base_, x));
        for (size_t k = 0; moved && k < known.size(); ++k)
          if (!surrogate_.models().learned()[k])
            slopes[k][c] = ((*moved)[k] - known[k]) / (x[c] - f.x[c]);
      }
    }
    const ScoreSlope s = surrogate_.score_slope(f, known, slopes);
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = 0;
    if (!std::isfinite(s.score)) return kBad;
    for (size_t i = 0; i < gradient.size(); ++i) gradient[i] = -s.by_feature[variables_[i]];
    if (-s.score < best_) best_ = -s.score, best_at_ = u;
    return -s.score;
  }

  std::vector<Point> neighbours(const Point& at) {
    std::vector<Point> near;
    const auto add = [&](const Parameter& p, PointValue value) {
      Point values = at;
      values.set(p.name, nearest_value(p, value));
      Point point = space_.complete(values, rng_);
      if (point != at) near.push_back(std::move(point));
    };
    for (const Parameter* p : parameters_) {
      if (!at.has(p->name) || climbs(*p)) continue;
      if (p->kind == Kind::flag) {
        add(*p, 1 - at.number(p->name));
      } else if (p->kind == Kind::choice) {
        const size_t n = p->values.size(), first = n > kValues ? size_t(rng_.below(int64_t(n))) : 0;
        for (size_t i = 0; i < std::min(n, kValues); ++i)
          add(*p, value_from(p->values[(first + i) % n]));
      } else {
        const double step = p->step > 0 ? p->step : 1, value = at.number(p->name);
        const double far = std::max(step, step * std::round((p->high - p->low) / step / 8));
        for (const double by : {-far, -step, step, far})
          if (std::abs(by) == step || far > step) add(*p, value + by);
      }
    }
    return near;
  }

  const Space& space_;
  const Surrogate& surrogate_;
  const Known& known_;
  Rng& rng_;
  std::vector<const Parameter*> parameters_;  // that vary: the features' order
  bool any_known_ = false;
  Point base_;
  Features features_;
  std::vector<size_t> variables_;
  double best_ = 0;
  std::vector<double> best_at_;
};

}  // namespace

Proposal climb(const Space& space, const Surrogate& surrogate, const Known& known,
               const Proposal& start, Rng& rng, int evaluations) {
  Climber climber(space, surrogate, known, rng);
  Proposal at = start;
  for (int round = 0; round < kRounds; ++round) {
    const bool moved = climber.gradients(at, evaluations);
    if (!climber.steps(at) || (round > 0 && !moved)) break;
  }
  return at;
}

}  // namespace sparlet::search
