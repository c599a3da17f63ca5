#include "sparse/units.h"

#include <algorithm>
#include <numeric>

#include "tensor/error.h"

namespace sparlet::sparse {

Grouped grouped(const Units& units, const std::vector<int32_t>& at, const std::string& weight) {
  Grouped out;
  const int64_t places = units.places();
  if (places == 1) {
    out.member.resize(at.size());
    out.begin.resize(at.size() + 1);
    std::iota(out.member.begin(), out.member.end(), 0);
    std::iota(out.begin.begin(), out.begin.end(), 0);
    return out;
  }
  for (size_t i = 0; i < at.size(); ++i)
    if (units.of(at[i]) >= 0) out.member.push_back(int32_t(i));
  std::ranges::stable_sort(out.member, {},
                           [&](int32_t i) { return units.of(at[static_cast<size_t>(i)]); });
  out.begin.push_back(0);
  for (size_t k = 0; k < out.member.size(); k += size_t(places)) {
    const size_t last = k + size_t(places) - 1;
    require(last < out.member.size() &&
                units.of(at[size_t(out.member[k])]) == units.of(at[size_t(out.member[last])]),
            "dynamic sparse training: {}: the block of {} places from place {} on is open in part "
            "(mask_blocks() makes whole ones)",
            weight, places, at[size_t(out.member[k])]);
    out.begin.push_back(int32_t(last + 1));
  }
  return out;
}

}  // namespace sparlet::sparse
