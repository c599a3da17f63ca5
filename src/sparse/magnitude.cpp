#include "sparse/magnitude.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sparlet::sparse {
namespace {

Tensor ones(const Shape& shape) {
  Tensor tensor(shape);
  std::ranges::fill(tensor.write(), 1.f);
  return tensor;
}

int64_t open(const Tensor& mask) { return mask.size() - std::ranges::count(mask.read(), 0.f); }

}  // namespace

float magnitude(float w) {
  return std::isnan(w) ? std::numeric_limits<float>::infinity() : std::abs(w);
}

void close_smallest(std::vector<Tensor>& masks, const std::vector<Tensor>& values, int64_t drop) {
  if (drop <= 0) return;
  std::vector<float> alive;
  for (size_t k = 0; k < masks.size(); ++k) {
    const auto w = values[k].read(), m = masks[k].read();
    for (size_t i = 0; i < w.size(); ++i)
      if (m[i] != 0) alive.push_back(magnitude(w[i]));
  }
  if (alive.empty()) return;
  drop = std::min(drop, int64_t(alive.size()));
  std::ranges::nth_element(alive, alive.begin() + (drop - 1));
  const float limit = alive[size_t(drop - 1)];
  int64_t ties = drop - std::ranges::count_if(alive, [&](float a) { return a < limit; });
  for (size_t k = 0; k < masks.size(); ++k) {
    const auto w = values[k].read();
    const auto m = masks[k].write();
    for (size_t i = 0; i < w.size(); ++i) {
      const float a = magnitude(w[i]);
      if (m[i] == 0 || a > limit || (a == limit && ties == 0)) continue;
      ties -= a == limit;
      m[i] = 0;
    }
  }
}

std::vector<Tensor> greatest(const Net& net, const std::vector<Weight>& weights,
                             const Greatest& o) {
  std::vector<Tensor> masks, values;
  int64_t total = 0, there = 0;
  for (const Weight& weight : weights) {
    const bool kept = weight.has_pattern() && !o.regrow;
    masks.push_back(kept ? open_mask(net, weight) : ones(weight.shape));
    values.push_back(dense_values(net, weight));
    total += weight.size();
    there += open(masks.back());
  }
  if (!o.distribution) {
    close_smallest(masks, values, there - (total - std::llround(o.sparsity * double(total))));
    return masks;
  }
  const std::vector<int64_t> wanted = connection_counts(weights, o.sparsity, o.distribution);
  for (size_t k = 0; k < weights.size(); ++k) {
    std::vector<Tensor> one{std::move(masks[k])};
    const int64_t drop = open(one[0]) - wanted[k];
    close_smallest(one, {values[k]}, drop);
    masks[k] = std::move(one[0]);
  }
  return masks;
}

}  // namespace sparlet::sparse
