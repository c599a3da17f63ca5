#include "sparse/updates.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

// Shares of training between which the fraction goes down.
struct Span {
  double begin, end;
};
Span span_of(const Updates& o, const Moment& now) {
  const double one = now.training / double(now.step);  // of a step
  return {double(o.begin) * one, o.end < 0 ? o.stop : std::min(o.stop, double(o.end) * one)};
}

int64_t every_of(const Updates& o, const Moment& now) {
  const int64_t every = o.every > 0 ? o.every : now.epoch;
  require(every > 0, "updates: every epoch, whose steps are not known here; give `every`");
  return every;
}

}  // namespace

void check(const Updates& o) {
  require(o.begin >= 0 && (o.end < 0 || o.end >= o.begin), "updates: from step {} to {}", o.begin,
          o.end);
  require(o.every >= 0, "updates: every {} steps, wanted 1 or more, or 0 (an epoch)", o.every);
  require(o.stop >= 0 && o.stop <= 1, "updates: stop after {} of training, wanted 0 to 1", o.stop);
  require(o.fraction >= 0 && o.fraction <= 1, "updates: fraction {}, wanted 0 to 1", o.fraction);
  require(o.power > 0, "updates: power {}, wanted more than 0", o.power);
}

bool due(const Updates& o, const Moment& now) {
  const int64_t every = every_of(o, now);
  if (now.step < std::max<int64_t>(1, o.begin) || (now.step - o.begin) % every != 0) return false;
  if ((o.end >= 0 && now.step > o.end) || now.training >= 1 || now.training > o.stop) return false;
  return drop_fraction(o, now) > 0;
}

int64_t steps_to_next(const Updates& o, const Moment& now) {
  const int64_t every = every_of(o, now), past = now.step - o.begin;
  const int64_t left = past < 0 ? -past : (every - past % every) % every;
  const bool over = now.training >= 1 || now.training > o.stop;
  return over || (o.end >= 0 && now.step + left > o.end) ? -1 : left;
}

double drop_fraction(const Updates& o, const Moment& now) {
  const Span span = span_of(o, now);
  const double length = span.end - span.begin;
  const double u = length > 0 ? std::clamp((now.training - span.begin) / length, 0.0, 1.0) : 0;
  switch (o.anneal) {
    case Anneal::constant:
      return o.fraction;
    case Anneal::cosine:
      return o.fraction * (1 + std::cos(std::numbers::pi * u)) / 2;
    case Anneal::linear:
      return o.fraction * (1 - u);
    case Anneal::exponential:
      return o.fraction * std::pow(1 - u, o.power);
    case Anneal::rate:
      return std::clamp(o.fraction * now.rate, 0.0, 1.0);
  }
  return 0;
}

Updates stretched(Updates o, double factor) {
  require(factor > 0, "updates: stretched by {}, wanted more than 0", factor);
  const auto scaled = [&](int64_t steps) { return std::llround(double(steps) * factor); };
  o.begin = scaled(o.begin);
  if (o.end >= 0) o.end = scaled(o.end);
  if (o.every > 0) o.every = std::max<int64_t>(1, scaled(o.every));
  return o;
}

}  // namespace sparlet::sparse
