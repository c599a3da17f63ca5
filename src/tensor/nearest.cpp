#include "tensor/nearest.h"

#include <algorithm>
#include <climits>
#include <vector>

namespace sparlet {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

template <class Candidates>
std::string_view closest(std::string_view word, const Candidates& candidates) {
  std::string_view best;
  int least = INT_MAX;
  for (const auto& candidate : candidates)
    if (const int distance = edit_distance(word, candidate); distance < least) {
      least = distance;
      best = candidate;
    }
  return best;
}

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table D[i][j]: distance of the first i letters of a from the first j of b.
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = int(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = int(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  return closest(word, candidates);
}
std::string_view nearest(std::string_view word, std::span<const std::string> candidates) {
  return closest(word, candidates);
}
std::string_view nearest(std::string_view word,
                         std::initializer_list<std::string_view> candidates) {
  return closest(word, candidates);
}

}  // namespace sparlet
