#include "sparse/criteria.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sparse/magnitude.h"

namespace sparlet::sparse {
namespace {

std::vector<float> magnitudes(std::span<const float> values) {
  std::vector<float> out;
  for (const float v : values) out.push_back(magnitude(v));
  return out;
}

double mean_magnitude(std::span<const float> values) {
  double sum = 0;
  for (const float v : values) sum += std::abs(v);
  return values.empty() ? 0 : sum / double(values.size());
}

// What the dense rows hold at the connections.
std::vector<float> at_connections(const Seen& seen,
                                  const std::function<Tensor(int64_t, int64_t)>& rows) {
  const int64_t row = seen.weight.size() / seen.weight.shape[0];
  std::vector<float> out;
  constexpr int64_t kRows = 64;
  for (int64_t begin = 0; begin < seen.weight.shape[0]; begin += kRows) {
    const int64_t end = std::min(begin + kRows, seen.weight.shape[0]);
    const Tensor part = rows(begin, end);
    while (out.size() < seen.at.size() && seen.at[out.size()] < end * row)
      out.push_back(part.read()[size_t(seen.at[out.size()] - begin * row)]);
  }
  return out;
}

}  // namespace

Keep keep_magnitude() {
  return [](const Seen& seen) { return magnitudes(seen.value); };
}

// The rank among those of the same sign, as a share: so the same fraction of either goes.
Keep keep_by_sign() {
  return [](const Seen& seen) {
    std::vector<float> score(seen.at.size(), 0);
    for (const bool negative : {false, true}) {
      std::vector<size_t> mine;
      for (size_t i = 0; i < seen.value.size(); ++i)
        if (std::signbit(seen.value[i]) == negative) mine.push_back(i);
      std::ranges::stable_sort(mine, {}, [&](size_t i) { return magnitude(seen.value[i]); });
      for (size_t r = 0; r < mine.size(); ++r)
        score[mine[r]] = (float(r) + 0.5f) / float(mine.size());
    }
    return score;
  };
}

Keep keep_sensitive() {
  return [](const Seen& seen) {
    std::vector<float> score = at_connections(seen, seen.gradient);
    for (size_t i = 0; i < score.size(); ++i) score[i] = magnitude(score[i] * seen.value[i]);
    return score;
  };
}

Grow grow_random() {
  return [](const Seen& seen, int64_t begin, int64_t end) {
    // A hash of the place: the same however the rows are cut.
    const int64_t row = seen.weight.size() / seen.weight.shape[0];
    const uint64_t seed = seen.rng.state();
    std::vector<float> score;
    for (int64_t i = begin * row; i < end * row; ++i)
      score.push_back(float(mix(seed, uint64_t(i)) >> 40));
    return score;
  };
}

Grow grow_gradient() {
  return [](const Seen& seen, int64_t begin, int64_t end) {
    return magnitudes(seen.gradient(begin, end).read());
  };
}

Grow grow_flat() {
  return [](const Seen& seen, int64_t begin, int64_t end) {
    std::vector<float> score = magnitudes(seen.gradient(begin, end).read());
    for (float& s : score) s = -s;
    return score;
  };
}

Grow grow_momentum() {
  return [](const Seen& seen, int64_t begin, int64_t end) {
    return magnitudes(seen.momentum(begin, end).read());
  };
}

Grow grow_busy_neurons() {
  return [](const Seen& seen, int64_t begin, int64_t end) {
    std::vector<float> score = magnitudes(seen.momentum(begin, end).read());
    const size_t row = size_t(seen.weight.size() / seen.weight.shape[0]);
    for (size_t r = 0; r < score.size(); r += row) {
      const float mean = float(mean_magnitude({&score[r], row}));
      for (size_t i = r; i < r + row; ++i) score[i] *= mean;
    }
    return score;
  };
}

Share share_momentum() {
  return [](const Seen& seen) { return mean_magnitude(at_connections(seen, seen.momentum)); };
}

Share share_magnitude() {
  return [](const Seen& seen) { return mean_magnitude(seen.value); };
}

Share share_connections() {
  return [](const Seen& seen) { return double(seen.at.size()); };
}

Share share_variance() {
  return [](const Seen& seen) { return mean_magnitude(seen.slot(1)); };
}

}  // namespace sparlet::sparse
