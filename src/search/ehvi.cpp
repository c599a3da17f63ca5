#include "search/ehvi.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "search/normal.h"

namespace sparlet::search {

namespace {

constexpr size_t kExact = 4;  // objectives
constexpr double kNothing = -std::numeric_limits<double>::infinity();

// H at every level of one objective relative to H at the reference, whose logarithm is `scale`, so
// that far tails do not vanish; and its derivatives in the same unit.
struct Level {
  double value = 0, by_mean = 0, by_sigma = 0, log = kNothing;
};

double levels_of(const Values& at, const Belief& y, std::vector<Level>& out) {
  out.assign(at.size(), {});
  double scale = kNothing;
  for (size_t i = at.size(); i-- > 0;) {
    if (std::isinf(at[i])) continue;
    Level& level = out[i];
    if (!(y.sigma > 0)) {
      const double gain = at[i] - y.mean;
      if (!(gain > 0)) continue;
      level.log = std::log(gain);
      if (scale == kNothing) scale = level.log;
      level.value = std::exp(level.log - scale);
      level.by_mean = -std::exp(-scale);
      continue;
    }
    const Shortfall h = shortfall((at[i] - y.mean) / y.sigma);
    level.log = h.log + std::log(y.sigma);
    if (scale == kNothing) scale = level.log;
    level.value = std::exp(level.log - scale);
    level.by_mean = -level.value * h.cumulative / y.sigma;
    level.by_sigma = level.value * h.density / y.sigma;
  }
  return scale;
}

}  // namespace

Ehvi::Ehvi(const std::vector<Values>& front, Values reference, Rng& rng, int draws) {
  const size_t m = reference.size();
  if (m <= kExact) {
    boxes_ = nondominated_boxes(front, reference);
    return;
  }
  Values low = reference;
  for (const Values& point : front)
    for (size_t k = 0; k < m; ++k) low[k] = std::min(low[k], point[k]);
  double volume = 1;
  for (size_t k = 0; k < m; ++k) {
    const double span = reference[k] - low[k];
    low[k] -= span > 0 ? 0.1 * span : 1;  // what is better than all so far counts as well
    volume *= reference[k] - low[k];
  }
  log_volume_ = std::log(volume / draws);
  for (int i = 0; i < draws; ++i) {
    Values t(m);
    for (size_t k = 0; k < m; ++k) t[k] = rng.uniform(low[k], reference[k]);
    if (std::none_of(front.begin(), front.end(),
                     [&](const Values& point) { return dominates(point, t); }))
      draws_.push_back(std::move(t));
  }
}

double Ehvi::log_value(std::span<const Belief> y) const {
  return boxes_.levels.empty() ? over_draws(y, nullptr) : over_boxes(y, nullptr);
}

EhviSlope Ehvi::log_slope(std::span<const Belief> y) const {
  EhviSlope slope{0, std::vector<double>(y.size(), 0), std::vector<double>(y.size(), 0)};
  slope.log = boxes_.levels.empty() ? over_draws(y, &slope) : over_boxes(y, &slope);
  return slope;
}

double Ehvi::over_boxes(std::span<const Belief> y, EhviSlope* slope) const {
  const size_t m = y.size();
  assert(m == boxes_.levels.size() && m <= kExact);
  std::vector<Level> levels[kExact];
  double scale = 0;
  for (size_t k = 0; k < m; ++k) scale += levels_of(boxes_.levels[k], y[k], levels[k]);
  if (!(scale > kNothing)) return kNothing;
  double sum = 0, by_mean[kExact] = {}, by_sigma[kExact] = {};
  const size_t count = boxes_.count();
  for (size_t b = 0; b < count; ++b) {
    const uint16_t* low = &boxes_.low[b * m];
    const uint16_t* high = &boxes_.high[b * m];
    double factor[kExact], before[kExact + 1] = {1};
    for (size_t k = 0; k < m; ++k) {
      factor[k] = levels[k][high[k]].value - levels[k][low[k]].value;
      before[k + 1] = before[k] * factor[k];
    }
    sum += before[m];
    if (!slope) continue;
    double after = 1;
    for (size_t k = m; k-- > 0; after *= factor[k]) {
      const double others = before[k] * after;
      by_mean[k] += others * (levels[k][high[k]].by_mean - levels[k][low[k]].by_mean);
      by_sigma[k] += others * (levels[k][high[k]].by_sigma - levels[k][low[k]].by_sigma);
    }
  }
  if (!(sum > 1e-200)) return over_boxes_by_logs(y, slope);
  if (slope)
    for (size_t k = 0; k < m; ++k)
      slope->mean[k] = by_mean[k] / sum, slope->sigma[k] = by_sigma[k] / sum;
  return std::log(sum) + scale;
}

// The same where the sum above is no longer a number to rely on.
double Ehvi::over_boxes_by_logs(std::span<const Belief> y, EhviSlope* slope) const {
  const size_t m = y.size(), count = boxes_.count();
  std::vector<Level> levels[kExact];
  for (size_t k = 0; k < m; ++k) levels_of(boxes_.levels[k], y[k], levels[k]);
  std::vector<double> logs(count * (m + 1), 0);
  double largest = kNothing;
  for (size_t b = 0; b < count; ++b) {
    double* row = &logs[b * (m + 1)];
    for (size_t k = 0; k < m; ++k) {
      const double high = levels[k][boxes_.high[b * m + k]].log;
      const double low = levels[k][boxes_.low[b * m + k]].log;
      row[k] = high > kNothing ? high + std::log1p(-std::exp(low - high)) : kNothing;
      row[m] += row[k];
    }
    largest = std::max(largest, row[m]);
  }
  if (!(largest > kNothing)) return kNothing;
  double sum = 0;
  for (size_t b = 0; b < count; ++b) sum += std::exp(logs[b * (m + 1) + m] - largest);
  for (size_t b = 0; slope && b < count; ++b) {
    const double* row = &logs[b * (m + 1)];
    const double share = std::exp(row[m] - largest) / sum;
    if (!(share > 0)) continue;
    for (size_t k = 0; k < m; ++k) {
      if (!(y[k].sigma > 0)) continue;  // flat enough that far from any gain
      const auto part = [&](uint16_t at, bool mean) {
        const double t = boxes_.levels[k][at];
        if (std::isinf(t)) return 0.0;
        const Shortfall h = shortfall((t - y[k].mean) / y[k].sigma);
        return std::exp(levels[k][at].log - row[k]) * (mean ? -h.cumulative : h.density) /
               y[k].sigma;
      };
      const uint16_t low = boxes_.low[b * m + k], high = boxes_.high[b * m + k];
      slope->mean[k] += share * (part(high, true) - part(low, true));
      slope->sigma[k] += share * (part(high, false) - part(low, false));
    }
  }
  return largest + std::log(sum);
}

double Ehvi::over_draws(std::span<const Belief> y, EhviSlope* slope) const {
  const size_t m = y.size();
  std::vector<double> logs(draws_.size(), 0);
  double largest = kNothing;
  for (size_t i = 0; i < draws_.size(); ++i) {
    for (size_t k = 0; k < m && logs[i] > kNothing; ++k)
      logs[i] += y[k].sigma > 0 ? log_cumulative((draws_[i][k] - y[k].mean) / y[k].sigma).log
                                : (draws_[i][k] >= y[k].mean ? 0 : kNothing);
    largest = std::max(largest, logs[i]);
  }
  if (!(largest > kNothing)) return kNothing;
  double sum = 0;
  for (const double value : logs) sum += std::exp(value - largest);
  for (size_t i = 0; slope && i < draws_.size(); ++i) {
    const double share = std::exp(logs[i] - largest) / sum;
    if (!(share > 1e-12)) continue;
    for (size_t k = 0; k < m; ++k) {
      if (!(y[k].sigma > 0)) continue;
      const double z = (draws_[i][k] - y[k].mean) / y[k].sigma;
      const double by_z = share * log_cumulative(z).slope;
      slope->mean[k] -= by_z / y[k].sigma;
      slope->sigma[k] -= by_z * z / y[k].sigma;
    }
  }
  return largest + std::log(sum) + log_volume_;
}

}  // namespace sparlet::search
