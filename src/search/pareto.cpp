#include "search/pareto.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace sparlet::search {

namespace {

// a is nowhere worse than b (so equal counts).
bool covers(std::span<const double> a, std::span<const double> b) {
  for (size_t k = 0; k < a.size(); ++k)
    if (!(a[k] <= b[k])) return false;
  return true;
}

double box(const Values& point, const Values& reference) {
  double volume = 1;
  for (size_t k = 0; k < point.size(); ++k) volume *= reference[k] - point[k];
  return volume;
}

// REQUIRES: sorted by the first value, non-dominated.
double sweep(const std::vector<Values>& front, const Values& reference) {
  double volume = 0, last = reference[1];
  for (const Values& point : front) {
    if (point[1] >= last) continue;
    volume += (reference[0] - point[0]) * (last - point[1]);
    last = point[1];
  }
  return volume;
}

std::vector<Values> front_of(const std::vector<Values>& points) {
  std::vector<Values> front;
  for (size_t i : pareto_front(points)) front.push_back(points[i]);
  return front;
}

// WFG: the sum of exclusive volumes, each point's limited by those after it.
double wfg(std::vector<Values> front, const Values& reference) {
  // Worst in the last objective first: then later points limit early ones the most.
  std::sort(front.begin(), front.end(), [](const Values& a, const Values& b) {
    return std::lexicographical_compare(b.rbegin(), b.rend(), a.rbegin(), a.rend());
  });
  if (reference.size() == 2) {
    std::sort(front.begin(), front.end());
    return sweep(front, reference);
  }
  double volume = 0;
  for (size_t i = 0; i < front.size(); ++i) {
    std::vector<Values> limited(front.begin() + ptrdiff_t(i) + 1, front.end());
    for (Values& point : limited)
      for (size_t k = 0; k < point.size(); ++k) point[k] = std::max(point[k], front[i][k]);
    volume += box(front[i], reference) - (limited.empty() ? 0 : wfg(front_of(limited), reference));
  }
  return volume;
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b) {
  assert(a.size() == b.size());
  return covers(a, b) && !covers(b, a);
}

bool ParetoArchive::add(int64_t id, const Values& values) {
  for (double value : values)
    if (std::isnan(value)) return false;
  for (const Entry& entry : entries_)
    if (covers(entry.values, values)) return false;
  std::erase_if(entries_, [&](const Entry& entry) { return covers(values, entry.values); });
  entries_.push_back({id, values});
  return true;
}

bool ParetoArchive::contains(int64_t id) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.id == id; });
}

std::vector<Values> ParetoArchive::values() const {
  std::vector<Values> result;
  for (const Entry& entry : entries_) result.push_back(entry.values);
  return result;
}

std::vector<size_t> pareto_front(const std::vector<Values>& rows) {
  ParetoArchive archive;
  for (size_t i = 0; i < rows.size(); ++i) archive.add(int64_t(i), rows[i]);
  std::vector<size_t> front;
  for (const auto& entry : archive.entries()) front.push_back(size_t(entry.id));
  return front;
}

double hypervolume(const std::vector<Values>& points, const Values& reference) {
  std::vector<Values> inside;
  for (const Values& point : points) {
    assert(point.size() == reference.size());
    bool better = true;
    for (size_t k = 0; k < reference.size(); ++k) better = better && point[k] < reference[k];
    if (better) inside.push_back(point);
  }
  if (inside.empty()) return 0;
  const std::vector<Values> front = front_of(inside);
  return reference.size() == 1 ? box(front.front(), reference) : wfg(front, reference);
}

}  // namespace sparlet::search
