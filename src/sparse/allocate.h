// Whole numbers by shares, to the last one.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sparlet::sparse {

// What is above a cap goes to the others by their shares, or to each the same.
enum class Excess { by_share, equally };

// Parts that sum to exactly min(total, sum of caps), as near to the shares as whole numbers are
// (largest remainder; of equal ones the first), none above its cap. Shares need not sum to 1; where
// all that may still take something are 0, they count as equal. REQUIRES: total and caps >= 0.
std::vector<int64_t> allocate(int64_t total, std::span<const double> shares,
                              std::span<const int64_t> caps, Excess = Excess::by_share);

}  // namespace sparlet::sparse
