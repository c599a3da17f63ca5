#include <cmath>

#include "nn/train.h"

namespace sparlet {
namespace {

UpdateRule rule(const Sgd& o) {
  return {.kind = UpdateRule::Kind::sgd,
          .momentum = o.momentum,
          .nesterov = o.nesterov,
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
UpdateRule rule(const AdamW& o) { return adaptive(UpdateRule::Kind::adamw, o); }

double value(const Constant&, int64_t, int64_t) { return 1; }

double value(const Step& o, int64_t step, int64_t) {
  return std::pow(o.gamma, double(step / o.size));
}

// Loshchilov & Hutter 2017, eq. 5, one cycle.
double value(const Cosine& o, int64_t step, int64_t total) {
  const double done = total > 0 ? std::fmin(1, double(step) / double(total)) : 0;
  return o.final_factor +
         (1 - o.final_factor) * 0.5 * (1 + std::cos(3.14159265358979323846 * done));
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

}  // namespace sparlet
