#include "search/evolve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace sparlet::search {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Crowding distance within each rank.
std::vector<double> crowding_of(const std::vector<Values>& rows, const std::vector<int>& ranks) {
  std::vector<double> distance(rows.size(), 0);
  const int last = *std::max_element(ranks.begin(), ranks.end());
  for (int rank = 0; rank <= last; ++rank) {
    std::vector<size_t> members;
    for (size_t i = 0; i < rows.size(); ++i)
      if (ranks[i] == rank && !rows[i].empty()) members.push_back(i);
    if (members.empty()) continue;
    for (size_t k = 0; k < rows[members[0]].size(); ++k) {
      std::sort(members.begin(), members.end(),
                [&](size_t a, size_t b) { return rows[a][k] < rows[b][k]; });
      const double span = rows[members.back()][k] - rows[members.front()][k];
      distance[members.front()] = distance[members.back()] = kInfinity;
      for (size_t i = 1; span > 0 && i + 1 < members.size(); ++i)
        distance[members[i]] += (rows[members[i + 1]][k] - rows[members[i - 1]][k]) / span;
    }
  }
  return distance;
}

double crossed(double a, double b, Rng& rng) {
  constexpr double kIndex = 15;
  const double u = rng.uniform();
  const double beta =
      u < 0.5 ? std::pow(2 * u, 1 / (kIndex + 1)) : std::pow(1 / (2 * (1 - u)), 1 / (kIndex + 1));
  return std::clamp(0.5 * ((1 + beta) * a + (1 - beta) * b), 0.0, 1.0);
}

double mutated(double x, Rng& rng) {
  constexpr double kIndex = 20;
  const double u = rng.uniform();
  const double delta =
      u < 0.5 ? std::pow(2 * u, 1 / (kIndex + 1)) - 1 : 1 - std::pow(2 * (1 - u), 1 / (kIndex + 1));
  return std::clamp(x + delta, 0.0, 1.0);
}

}  // namespace

std::vector<int> ranks_of(const std::vector<Values>& rows) {
  std::vector<int> rank(rows.size(), -1);
  size_t left = rows.size();
  for (int now = 0; left > 0; ++now) {
    std::vector<size_t> front;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rank[i] >= 0) continue;
      bool best = true;
      for (size_t j = 0; j < rows.size() && best; ++j) {
        if (rank[j] >= 0 || j == i || rows[j].empty()) continue;
        best = !rows[i].empty() && !dominates(rows[j], rows[i]);
      }
      if (best) front.push_back(i);
    }
    for (const size_t i : front) rank[i] = now;
    left -= front.size();
  }
  return rank;
}

std::optional<Point> nsga2_child(const Space& space, const std::vector<Observation>& all,
                                 const std::vector<Values>& rows, int population, Rng& rng) {
  const std::vector<int> rank = ranks_of(rows);
  const std::vector<double> crowding = crowding_of(rows, rank);
  const auto better = [&](size_t a, size_t b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : crowding[a] > crowding[b];
  };
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), better);
  order.resize(std::min(order.size(), size_t(population)));
  const auto parent = [&] {
    const size_t a = order[size_t(rng.below(int64_t(order.size())))];
    const size_t b = order[size_t(rng.below(int64_t(order.size())))];
    return better(b, a) ? b : a;
  };
  const size_t first = parent(), second = parent();
  const Point &a = all[first].point, &b = all[second].point;
  const bool cross = rng.uniform() < 0.9;
  const double rate = 1.0 / std::max(space.dimension(), 1);
  Point child = a;
  for (const Parameter& p : space.parameters()) {
    if (!p.varies() || (!a.has(p.name) && !b.has(p.name))) continue;
    const bool category = p.kind == Kind::choice || p.kind == Kind::flag;
    const Point& giver = a.has(p.name) && (!b.has(p.name) || !cross || rng.below(2)) ? a : b;
    if (category) {
      child.set(p.name, giver.values.find(p.name)->second);
      if (rng.uniform() < rate) child.values.erase(p.name);  // drawn anew
      continue;
    }
    double u = to_unit(p, giver.number(p.name));
    if (cross && a.has(p.name) && b.has(p.name) && rng.below(2))
      u = crossed(u, to_unit(p, (&giver == &a ? b : a).number(p.name)), rng);
    if (rng.uniform() < rate) u = mutated(u, rng);
    child.set(p.name, nearest_value(p, from_unit(p, u)));
  }
  Point point = space.complete(child, rng);
  if (space.violated(point)) return std::nullopt;
  return point;
}

size_t aging_parent(const std::vector<Values>& rows, int population, int sample, Rng& rng) {
  const size_t m =
      std::find_if(rows.begin(), rows.end(), [](const Values& r) { return !r.empty(); })->size();
  std::vector<double> weights;
  for (size_t k = 0; k < m; ++k) weights.push_back(1 - rng.uniform());
  const size_t first = rows.size() - std::min(rows.size(), size_t(population));
  size_t best = first;
  double least = kInfinity;
  for (int i = 0; i < sample; ++i) {
    const size_t at = first + size_t(rng.below(int64_t(rows.size() - first)));
    if (rows[at].empty()) continue;
    double worst = -kInfinity;
    for (size_t k = 0; k < m; ++k)
      worst = std::max(worst, std::min(rows[at][k], 10.0) / weights[k]);
    if (worst < least) least = worst, best = at;
  }
  return best;
}

}  // namespace sparlet::search
