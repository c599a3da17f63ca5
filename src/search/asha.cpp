#include "search/asha.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <queue>

#include "tensor/error.h"

namespace sparlet::search {
namespace {

bool has_nan(const Values& row) {
  return std::any_of(row.begin(), row.end(), [](double v) { return std::isnan(v); });
}

// The worst value of each objective and a tenth of its range more.
Values corner_of(const std::vector<Values>& rows, const std::vector<size_t>& which) {
  Values low(rows[which[0]].size(), std::numeric_limits<double>::infinity()), high(low.size());
  std::fill(high.begin(), high.end(), -std::numeric_limits<double>::infinity());
  for (const size_t i : which)
    for (size_t k = 0; k < low.size(); ++k) {
      low[k] = std::min(low[k], rows[i][k]);
      high[k] = std::max(high[k], rows[i][k]);
    }
  for (size_t k = 0; k < low.size(); ++k)
    high[k] += high[k] > low[k] ? 0.1 * (high[k] - low[k]) : 1;
  return high;
}

// What a point adds to the volume of others.
double gain(const Values& point, std::vector<Values> others, const Values& corner) {
  double box = 1;
  for (size_t k = 0; k < point.size(); ++k) box *= corner[k] - point[k];
  for (Values& other : others)
    for (size_t k = 0; k < point.size(); ++k) other[k] = std::max(other[k], point[k]);
  return others.empty() ? box : box - hypervolume(others, corner);
}

// Of one rank, the one that adds most to those before it first, until there are `count`. Gains only
// shrink as others are chosen: one that is out of date but no longer the greatest can wait.
void append_by_volume(const std::vector<Values>& rows, const std::vector<size_t>& rank,
                      const Values& corner, size_t count, std::vector<size_t>& order) {
  struct Waiting {
    double gain;
    size_t at, age;  // in the rank; how many were chosen when the gain was worked out
    bool operator<(const Waiting& o) const { return gain != o.gain ? gain < o.gain : at > o.at; }
  };
  std::vector<Values> chosen;
  std::priority_queue<Waiting> queue;
  for (size_t k = 0; k < rank.size(); ++k) queue.push({gain(rows[rank[k]], {}, corner), k, 0});
  while (!queue.empty() && order.size() < count) {
    Waiting best = queue.top();
    queue.pop();
    const Values& row = rows[rank[best.at]];
    if (best.age < chosen.size()) {
      queue.push({gain(row, chosen, corner), best.at, chosen.size()});
      continue;
    }
    chosen.push_back(row);
    order.push_back(rank[best.at]);
  }
}

}  // namespace

std::vector<int> rungs_of(int least, int most, double eta) {
  require(least >= 1 && least <= most, "rungs: from {} to {} epochs", least, most);
  require(eta > 1, "rungs: eta {}, wanted more than 1", eta);
  std::vector<int> rungs;
  for (double at = least; at * std::sqrt(eta) < most; at *= eta)
    if (rungs.empty() || int(std::lround(at)) > rungs.back()) rungs.push_back(int(std::lround(at)));
  if (rungs.empty() || rungs.back() < most) rungs.push_back(most);
  return rungs;
}

std::vector<size_t> promotion_order(const std::vector<Values>& rows, size_t count) {
  std::vector<size_t> order, left, last;
  for (size_t i = 0; i < rows.size(); ++i) (has_nan(rows[i]) ? last : left).push_back(i);
  if (!left.empty()) {
    const Values corner = corner_of(rows, left);
    while (!left.empty() && order.size() < count) {
      std::vector<size_t> rank, rest;
      for (const size_t i : left) {
        const bool beaten = std::any_of(left.begin(), left.end(),
                                        [&](size_t j) { return dominates(rows[j], rows[i]); });
        (beaten ? rest : rank).push_back(i);
      }
      append_by_volume(rows, rank, corner, count, order);
      left = std::move(rest);
    }
  }
  order.insert(order.end(), last.begin(), last.end());
  order.resize(std::min(count, order.size()));
  return order;
}

Asha::Asha(std::vector<int> rungs, double eta, std::vector<bool> exact)
    : rungs_(std::move(rungs)), eta_(eta), exact_(std::move(exact)) {
  assert(!rungs_.empty());
  require(eta > 1, "asha: eta {}, wanted more than 1", eta);
  reached_.resize(rungs_.size());
}

void Asha::report(int trial, size_t rung, Values values, bool promoted) {
  assert(rung < rungs_.size());
  reached_[rung].push_back({trial, std::move(values), promoted});
}

// Positions in order of promotion: first of those that can still add to the hypervolume.
std::vector<size_t> Asha::best_of(const std::vector<Entry>& entries, size_t count) const {
  std::vector<size_t> within, beyond, order;
  for (size_t i = 0; i < entries.size(); ++i) {
    bool in = !has_nan(entries[i].values);
    for (size_t k = 0; k < exact_.size(); ++k) in = in && !(exact_[k] && entries[i].values[k] >= 1);
    (in ? within : beyond).push_back(i);
  }
  for (const std::vector<size_t>& part : {within, beyond}) {
    std::vector<Values> rows;
    for (const size_t i : part) rows.push_back(entries[i].values);
    for (const size_t k : promotion_order(rows, count - order.size())) order.push_back(part[k]);
  }
  return order;
}

std::vector<Asha::Promotion> Asha::candidates() const {
  std::vector<Promotion> found;
  for (size_t rung = rungs_.size() - 1; rung-- > 0;) {
    const std::vector<Entry>& entries = reached_[rung];
    const auto quota = size_t(double(entries.size()) / eta_);
    auto gone = size_t(
        std::count_if(entries.begin(), entries.end(), [](const Entry& e) { return e.promoted; }));
    if (gone >= quota) continue;
    const std::vector<size_t> order = best_of(entries, quota);
    for (size_t k = 0; k < order.size() && gone < quota; ++k) {
      const Entry& e = entries[order[k]];
      if (e.promoted || has_nan(e.values)) continue;
      found.push_back({e.trial, rung + 1});
      ++gone;
    }
  }
  return found;
}

std::optional<Asha::Promotion> Asha::next() {
  const std::vector<Promotion> found = candidates();
  if (found.empty()) return std::nullopt;
  for (Entry& e : reached_[found[0].rung - 1])
    if (e.trial == found[0].trial) e.promoted = true;
  return found[0];
}

}  // namespace sparlet::search
