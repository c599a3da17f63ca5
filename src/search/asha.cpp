#include "search/asha.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

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

// Of one rank, the one that adds most to those before it first.
void append_by_volume(const std::vector<Values>& rows, std::vector<size_t> rank,
                      const Values& corner, std::vector<size_t>& order) {
  std::vector<Values> chosen;
  while (!rank.empty()) {
    size_t best = 0;
    double most = -1;
    for (size_t k = 0; k < rank.size(); ++k) {
      chosen.push_back(rows[rank[k]]);
      const double with = hypervolume(chosen, corner);
      chosen.pop_back();
      if (with > most) most = with, best = k;
    }
    chosen.push_back(rows[rank[best]]);
    order.push_back(rank[best]);
    rank.erase(rank.begin() + long(best));
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

std::vector<size_t> promotion_order(const std::vector<Values>& rows) {
  std::vector<size_t> order, left, last;
  for (size_t i = 0; i < rows.size(); ++i) (has_nan(rows[i]) ? last : left).push_back(i);
  if (!left.empty()) {
    const Values corner = corner_of(rows, left);
    while (!left.empty()) {
      std::vector<size_t> rank, rest;
      for (const size_t i : left) {
        const bool beaten = std::any_of(left.begin(), left.end(),
                                        [&](size_t j) { return dominates(rows[j], rows[i]); });
        (beaten ? rest : rank).push_back(i);
      }
      append_by_volume(rows, std::move(rank), corner, order);
      left = std::move(rest);
    }
  }
  order.insert(order.end(), last.begin(), last.end());
  return order;
}

Asha::Asha(std::vector<int> rungs, double eta) : rungs_(std::move(rungs)), eta_(eta) {
  assert(!rungs_.empty());
  require(eta > 1, "asha: eta {}, wanted more than 1", eta);
  reached_.resize(rungs_.size());
}

void Asha::report(int trial, size_t rung, Values values, bool promoted) {
  assert(rung < rungs_.size());
  reached_[rung].push_back({trial, std::move(values), promoted});
}

std::vector<Asha::Promotion> Asha::candidates() const {
  std::vector<Promotion> found;
  for (size_t rung = rungs_.size() - 1; rung-- > 0;) {
    const std::vector<Entry>& entries = reached_[rung];
    const auto quota = size_t(double(entries.size()) / eta_);
    auto gone = size_t(
        std::count_if(entries.begin(), entries.end(), [](const Entry& e) { return e.promoted; }));
    if (gone >= quota) continue;
    std::vector<Values> rows;
    for (const Entry& e : entries) rows.push_back(e.values);
    const std::vector<size_t> order = promotion_order(rows);
    for (size_t k = 0; k < quota && gone < quota; ++k) {
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
