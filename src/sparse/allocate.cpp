#include "sparse/allocate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparlet::sparse {
namespace {

// Adds `rest` to the parts by these shares, no part beyond its cap; what does not fit comes round
// again.
void pour(double rest, std::span<const double> shares, std::span<const int64_t> caps,
          std::vector<double>& parts) {
  for (size_t round = 0; round <= parts.size() && rest > 1e-9; ++round) {
    double open = 0, count = 0;
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i] < double(caps[i])) open += shares[i], count += 1;
    if (count == 0) return;
    double left = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] >= double(caps[i])) continue;
      const double wanted = parts[i] + rest * (open > 0 ? shares[i] / open : 1 / count);
      parts[i] = std::min(wanted, double(caps[i]));
      left += wanted - parts[i];
    }
    rest = left;
  }
}

// Whole numbers that sum to `total`: rounded down, then up in the order of what was cut off.
std::vector<int64_t> whole(int64_t total, const std::vector<double>& parts,
                           std::span<const int64_t> caps) {
  std::vector<int64_t> out;
  for (const double part : parts) out.push_back(int64_t(std::floor(part + 1e-9)));
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return parts[a] - double(out[a]) > parts[b] - double(out[b]);
  });
  int64_t left = total - std::accumulate(out.begin(), out.end(), int64_t(0));
  while (left > 0) {
    const int64_t before = left;
    for (const size_t i : order) {
      if (left == 0) break;
      if (out[i] < caps[i]) ++out[i], --left;
    }
    if (left == before) break;
  }
  return out;
}

}  // namespace

std::vector<int64_t> allocate(int64_t total, std::span<const double> shares,
                              std::span<const int64_t> caps, Excess excess) {
  total = std::min(total, std::accumulate(caps.begin(), caps.end(), int64_t(0)));
  std::vector<double> clean, parts(shares.size(), 0);
  for (const double share : shares) clean.push_back(share > 0 && std::isfinite(share) ? share : 0);
  const std::vector<double> equal(shares.size(), 1);
  if (excess == Excess::by_share) {
    pour(double(total), clean, caps, parts);
  } else {
    const double sum = std::accumulate(clean.begin(), clean.end(), 0.0);
    double rest = double(total);
    for (size_t i = 0; i < parts.size(); ++i) {
      const double wanted = sum > 0 ? double(total) * clean[i] / sum : 0;
      parts[i] = std::min(wanted, double(caps[i]));
      rest -= parts[i];
    }
    pour(rest, equal, caps, parts);
  }
  // Those of share 0 take what the others cannot hold.
  const double poured = std::accumulate(parts.begin(), parts.end(), 0.0);
  if (poured < double(total)) pour(double(total) - poured, equal, caps, parts);
  return whole(total, parts, caps);
}

}  // namespace sparlet::sparse
