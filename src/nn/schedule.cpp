#include <algorithm>
#include <cmath>

#include "nn/train.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

UpdateRule rule(const Sgd& o) {
  return {.kind = UpdateRule::Kind::sgd,
          .momentum = o.momentum,
          .nesterov = o.nesterov,
          .decoupled = o.decoupled,
          .weight_decay = o.weight_decay};
}

template <class Options>
UpdateRule adaptive(UpdateRule::Kind kind, const Options& o) {
  return {.kind = kind,
          .beta1 = o.beta1,
          .beta2 = o.beta2,
          .epsilon = o.epsilon,
          .weight_decay = o.weight_decay};
}

UpdateRule rule(const Adam& o) { return adaptive(UpdateRule::Kind::adam, o); }
UpdateRule rule(const RmsProp& o) {
  return {.kind = UpdateRule::Kind::rmsprop,
          .momentum = o.momentum,
          .beta2 = o.alpha,
          .epsilon = o.epsilon,
          .weight_decay = o.weight_decay};
}
UpdateRule rule(const AdamW& o) { return adaptive(UpdateRule::Kind::adamw, o); }

double value(const Constant&, int64_t, int64_t) { return 1; }

double value(const Step& o, int64_t step, int64_t) {
  return std::pow(o.gamma, double(step / o.size));
}

// From `from` to `to` as `done` goes from 0 to 1.
double half_cosine(double from, double to, double done) {
  const double part = std::clamp(done, 0.0, 1.0);
  return to + (from - to) * 0.5 * (1 + std::cos(3.14159265358979323846 * part));
}

double share(double part, double whole) { return whole > 0 ? part / whole : part >= 0 ? 1 : 0; }

// Loshchilov & Hutter 2017, eq. 5, one cycle.
double value(const Cosine& o, int64_t step, int64_t total) {
  return half_cosine(1, o.final_factor, total > 0 ? double(step) / double(total) : 0);
}

double value(const MultiStep& o, int64_t step, int64_t) {
  return std::pow(o.gamma,
                  double(std::ranges::count_if(o.at, [&](int64_t at) { return at <= step; })));
}

double value(const OneCycle& o, int64_t step, int64_t total) {
  const double top = o.rise * double(total) - 1, last = double(total) - 1;
  if (double(step) <= top) return half_cosine(o.initial, 1, share(double(step), top));
  return half_cosine(1, o.final, share(double(step) - top, last - top));
}

double value(const FlatCosine& o, int64_t step, int64_t total) {
  const double begin = o.flat * double(total), done = double(step) - begin;
  return done <= 0 ? 1 : half_cosine(1, o.final_factor, share(done, double(total) - begin));
}

double value(const Restarts& o, int64_t step, int64_t) {
  double begin = 0, length = double(o.first);
  while (double(step) >= begin + length) {
    begin += length;
    length = std::max(1.0, std::floor(length * o.multiply));
  }
  return half_cosine(1, o.final_factor, (double(step) - begin) / length);
}

double value(const ReduceOnPlateau&, int64_t, int64_t) { return 1; }

bool is_share(double value) { return value >= 0 && value <= 1; }

void check_one(const Constant&) {}
void check_one(const Step& o) {
  require(o.size >= 1, "schedule: step size {}, wanted 1 or more", o.size);
}
void check_one(const Cosine&) {}
void check_one(const MultiStep& o) {
  require(std::ranges::is_sorted(o.at), "schedule: steps that do not ascend, wanted them in order");
}
void check_one(const OneCycle& o) {
  require(is_share(o.rise), "schedule: rises for {} of the steps, wanted 0 to 1", o.rise);
}
void check_one(const FlatCosine& o) {
  require(is_share(o.flat), "schedule: flat for {} of the steps, wanted 0 to 1", o.flat);
}
void check_one(const Restarts& o) {
  require(o.first >= 1 && o.multiply >= 1,
          "schedule: a first cycle of {} steps, the next {} times as long, wanted 1 or more",
          o.first, o.multiply);
}
void check_one(const ReduceOnPlateau& o) {
  require(o.patience >= 0 && is_share(o.gamma) && is_share(o.least),
          "schedule: patience {}, gamma {}, least {}: wanted 0 or more, and 0 to 1", o.patience,
          o.gamma, o.least);
}

}  // namespace

UpdateRule rule_of(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return rule(o); }, optimizer);
}

float rate_of(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.rate; }, optimizer);
}

double factor(const Schedule& schedule, int64_t step, int64_t total_steps) {
  return std::visit([&](const auto& o) { return value(o, step, total_steps); }, schedule);
}

double factor(const Schedule& schedule, int64_t step, int64_t total_steps, int64_t warmup) {
  if (step < warmup) return double(step + 1) / double(warmup);
  return factor(schedule, step - warmup, total_steps - warmup);
}

void check(const Schedule& schedule) {
  std::visit([](const auto& o) { check_one(o); }, schedule);
}

Plateau after_epoch(const ReduceOnPlateau& o, Plateau now, double validation_error) {
  if (validation_error < now.lowest) {
    now.lowest = validation_error;
    now.epochs_without = 0;
  } else if (++now.epochs_without > o.patience) {
    now.factor = std::max(o.least, now.factor * o.gamma);
    now.epochs_without = 0;
  }
  return now;
}

}  // namespace sparlet
