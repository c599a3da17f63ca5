// What the two halves of the engine share: a weight during an update.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>

#include "sparse/engine.h"
#include "sparse/units.h"

namespace sparlet::sparse {

constexpr int64_t kRows = 64;  // of a dense gradient at a time

// Calls f(begin, end) for the rows of a weight, a few at a time, a multiple of `block`.
template <class F>
void by_rows(const Weight& weight, const F& f, int64_t block = 1) {
  const int64_t step = std::max(kRows / block * block, block);
  for (int64_t begin = 0; begin < weight.shape[0]; begin += step)
    f(begin, std::min(begin + step, weight.shape[0]));
}

inline int64_t row_size(const Weight& weight) { return weight.size() / weight.shape[0]; }

// A weight during an update.
struct Engine::Layer {
  const Weight* weight;
  Connections old;
  Units units;
  Grouped groups;  // of the old connections
  std::unique_ptr<Rng> rng;
  std::unique_ptr<Seen> seen;
  std::vector<float> score = {};  // of the old connections
  std::vector<bool> kept = {};    // of the old connections
  double share = 0;
  int64_t dropped = 0, regrown = 0;  // connections
  std::vector<int32_t> grown = {};   // places
  Connections now = {};
  std::vector<bool> fresh = {};  // of the new connections: was none before

  std::span<const int32_t> members(int32_t group) const {
    const auto begin = size_t(groups.begin[size_t(group)]);
    return std::span(groups.member).subspan(begin, size_t(groups.begin[size_t(group) + 1]) - begin);
  }
  // NaN counts as the greatest: it stays, and shows.
  float mean_score(int32_t group) const {
    double sum = 0;
    for (const int32_t member : members(group)) sum += double(score[size_t(member)]);
    const auto mean = float(sum / double(units.places()));
    return std::isnan(mean) ? std::numeric_limits<float>::infinity() : mean;
  }
};

}  // namespace sparlet::sparse
