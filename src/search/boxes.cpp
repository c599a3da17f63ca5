#include "search/boxes.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace sparlet::search {

namespace {

using Levels = std::vector<uint16_t>;

// An open box of all objectives but the last, free from level `start` of the last one on.
struct Open {
  Levels low, high;
  uint16_t start = 0;
};

bool cuts(const Levels& point, const Open& box) {
  for (size_t k = 0; k < box.high.size(); ++k)
    if (point[k] >= box.high[k]) return false;
  return true;
}

// The box without what `point` dominates: at most one piece an objective.
void split(const Open& box, const Levels& point, std::vector<Open>& pieces) {
  Open rest = box;
  rest.start = point.back();
  for (size_t k = 0; k < box.low.size(); ++k) {
    if (rest.low[k] >= point[k]) continue;
    Open piece = rest;
    piece.high[k] = point[k];
    pieces.push_back(std::move(piece));
    rest.low[k] = point[k];
  }
}

// Joins two boxes that differ in one objective only and touch there.
bool join(Open& a, const Open& b) {
  size_t differs = a.low.size();
  for (size_t k = 0; k < a.low.size(); ++k) {
    if (a.low[k] == b.low[k] && a.high[k] == b.high[k]) continue;
    if (differs != a.low.size()) return false;
    differs = k;
  }
  if (differs == a.low.size()) return false;
  if (a.high[differs] == b.low[differs]) {
    a.high[differs] = b.high[differs];
  } else if (b.high[differs] == a.low[differs]) {
    a.low[differs] = b.low[differs];
  } else {
    return false;
  }
  return true;
}

void join_all(std::vector<Open>& pieces) {
  for (bool joined = true; joined;) {
    joined = false;
    for (size_t i = 0; i < pieces.size(); ++i)
      for (size_t j = i + 1; j < pieces.size();) {
        if (join(pieces[i], pieces[j])) {
          pieces[j] = std::move(pieces.back());
          pieces.pop_back();
          joined = true;
        } else {
          ++j;
        }
      }
  }
}

void emit(const Open& box, uint16_t end, Boxes& out) {
  if (box.start >= end) return;
  out.low.insert(out.low.end(), box.low.begin(), box.low.end());
  out.low.push_back(box.start);
  out.high.insert(out.high.end(), box.high.begin(), box.high.end());
  out.high.push_back(end);
}

}  // namespace

Boxes nondominated_boxes(const std::vector<Values>& points, const Values& reference) {
  const size_t m = reference.size();
  std::vector<Values> front;
  for (const Values& point : points) {
    bool better = true;
    for (size_t k = 0; k < m; ++k) better = better && point[k] < reference[k];
    if (better) front.push_back(point);
  }
  std::vector<Values> kept;
  for (const size_t i : pareto_front(front)) kept.push_back(front[i]);
  // Rising in the last objective, ties by the others: the sweep's order.
  std::sort(kept.begin(), kept.end(), [](const Values& a, const Values& b) {
    return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  });

  Boxes out;
  for (size_t k = 0; k < m; ++k) {
    Values levels = {-std::numeric_limits<double>::infinity(), reference[k]};
    for (const Values& point : kept) levels.push_back(point[k]);
    std::sort(levels.begin(), levels.end());
    levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
    assert(levels.size() < 65536);
    out.levels.push_back(std::move(levels));
  }
  std::vector<Open> open(1);
  for (size_t k = 0; k + 1 < m; ++k) {
    open[0].low.push_back(0);
    open[0].high.push_back(uint16_t(out.levels[k].size() - 1));
  }
  std::vector<Open> pieces;
  Levels point(m);
  for (const Values& values : kept) {
    for (size_t k = 0; k < m; ++k)
      point[k] = uint16_t(std::lower_bound(out.levels[k].begin(), out.levels[k].end(), values[k]) -
                          out.levels[k].begin());
    pieces.clear();
    for (size_t b = 0; b < open.size();) {
      if (!cuts(point, open[b])) {
        ++b;
        continue;
      }
      emit(open[b], point.back(), out);
      split(open[b], point, pieces);
      open[b] = std::move(open.back());
      open.pop_back();
    }
    join_all(pieces);
    open.insert(open.end(), pieces.begin(), pieces.end());
  }
  for (const Open& box : open) emit(box, uint16_t(out.levels[m - 1].size() - 1), out);
  return out;
}

}  // namespace sparlet::search
