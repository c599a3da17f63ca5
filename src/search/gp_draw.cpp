// Draws of the hyperparameters from their posterior, by Hamiltonian Monte Carlo (Neal 2011,
// arXiv:1206.1901, Figure 2), in the coordinates of pack(); walls reflect.
#include <cmath>

#include "search/gp_fit.h"

namespace sparlet::search {

namespace {

constexpr double kFirstStep = 0.2;
constexpr double kLonger = 1.05, kShorter = 0.88;  // after a step taken, and refused: 7 in 10 taken
constexpr int64_t kMostLeaps = 8;
constexpr int kBurnIn = 20;  // steps, from where the density is greatest
constexpr int kApart = 5;    // from one draw to the next

struct State {
  std::vector<double> at, slope;
  double log = 0;
};

class Chain {
 public:
  Chain(const GpData& data, const GpOptions& options, const GpHyper& start)
      : data_(data), options_(options), walls_(walls_of(data.dimensions.size(), options)) {
    now_.at = pack(start);
    for (size_t i = 0; i < now_.at.size(); ++i) reflect(i, now_.at[i], nullptr);
    measure(now_);
  }

  void step(Rng& rng) {
    State next = now_;
    std::vector<double> speed(next.at.size());
    double energy = -now_.log;
    for (double& v : speed) v = rng.normal(), energy += v * v / 2;
    for (int64_t leaps = 1 + rng.below(kMostLeaps); leaps > 0; --leaps) {
      push(next, speed);
      for (size_t i = 0; i < speed.size(); ++i) {
        next.at[i] += step_ * speed[i];
        reflect(i, next.at[i], &speed[i]);
      }
      measure(next);
      if (!std::isfinite(next.log)) break;
      push(next, speed);
    }
    double after = -next.log;
    for (const double v : speed) after += v * v / 2;
    const bool taken = std::log(1 - rng.uniform()) < energy - after;  // not where it is NaN
    if (taken) now_ = std::move(next);
    step_ *= taken ? kLonger : kShorter;
  }

  GpHyper hyper() const { return unpack(now_.at); }

 private:
  void push(const State& s, std::vector<double>& speed) const {
    for (size_t i = 0; i < speed.size(); ++i) speed[i] += step_ / 2 * s.slope[i];
  }

  void reflect(size_t i, double& x, double* speed) const {
    const double low = walls_.low[i], high = walls_.high[i];
    for (int bounces = 0; bounces < 8 && (x < low || x > high); ++bounces) {
      x = x < low ? 2 * low - x : 2 * high - x;
      if (speed) *speed = -*speed;
    }
    x = std::min(std::max(x, low), high);
  }

  // The priors are densities of the parameters themselves; of their logarithms they are those times
  // the parameters.
  void measure(State& s) const {
    const GpObjective found = gp_objective(data_, unpack(s.at), options_);
    const double n = double(data_.x.size());
    const size_t d = data_.dimensions.size();
    s.log = n * found.value;
    s.slope = found.gradient;
    for (double& slope : s.slope) slope *= n;
    for (size_t i = 0; i < s.at.size(); ++i) {
      if (i == d + 2 || i == d + 4) continue;  // mean, inside
      s.log += s.at[i];
      s.slope[i] += 1;
    }
  }

  const GpData& data_;
  const GpOptions& options_;
  Walls walls_;
  State now_;
  double step_ = kFirstStep;
};

}  // namespace

std::vector<GpHyper> draw_hyper(const GpData& data, Rng& rng, const GpOptions& options,
                                const GpHyper& start, bool settled) {
  Chain chain(data, options, start);
  for (int i = 0; !settled && i < kBurnIn; ++i) chain.step(rng);
  std::vector<GpHyper> draws;
  while (int(draws.size()) < options.draws) {
    for (int i = 0; i < kApart; ++i) chain.step(rng);
    draws.push_back(chain.hyper());
  }
  return draws;
}

}  // namespace sparlet::search
