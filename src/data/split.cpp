// Class-wise random splits.
#include <algorithm>
#include <cmath>

#include "data/dataset.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

using Classes = std::vector<std::vector<int32_t>>;  // positions by label

Classes by_class(const Dataset& all) {
  Classes classes;
  for (int64_t i = 0; i < all.size(); ++i) {
    const size_t label = size_t(all.label(i));
    if (label >= classes.size()) classes.resize(label + 1);
    classes[label].push_back(int32_t(i));
  }
  return classes;
}

// quota[c] random members of each class, and the others; both in the order they had.
std::pair<Dataset, Dataset> draw(const Dataset& all, Classes classes,
                                 const std::vector<int64_t>& quota, Rng& rng) {
  std::vector<char> drawn(size_t(all.size()), 0);
  for (size_t c = 0; c < classes.size(); ++c) {
    rng.shuffle(classes[c]);
    for (int64_t i = 0; i < quota[c]; ++i) drawn[size_t(classes[c][size_t(i)])] = 1;
  }
  std::vector<int32_t> first, second;
  for (int64_t i = 0; i < all.size(); ++i)
    (drawn[size_t(i)] ? first : second).push_back(int32_t(i));
  return {all.subset(first), all.subset(second)};
}

}  // namespace

std::pair<Dataset, Dataset> stratified_split(const Dataset& all, double fraction, Rng& rng) {
  require(fraction >= 0 && fraction <= 1, "split: a fraction of {}, wanted 0 to 1", fraction);
  Classes classes = by_class(all);
  std::vector<int64_t> quota;
  for (const std::vector<int32_t>& members : classes) {
    const int64_t size = int64_t(members.size());
    const int64_t share = int64_t(std::floor(fraction * double(size) + 0.5));
    quota.push_back(share == 0 && fraction > 0 && size >= 2 ? 1 : share);
  }
  auto [second, first] = draw(all, std::move(classes), quota, rng);
  return {std::move(first), std::move(second)};
}

std::pair<Dataset, Dataset> stratified_take(const Dataset& all, int64_t n, Rng& rng) {
  require(n >= 0 && n <= all.size(), "split: {} samples wanted, there are {}", n, all.size());
  Classes classes = by_class(all);
  std::vector<int64_t> quota, remainder;
  int64_t left = n;
  for (const std::vector<int32_t>& members : classes) {
    const int64_t share = n * int64_t(members.size());
    quota.push_back(share / all.size());
    remainder.push_back(share % all.size());
    left -= quota.back();
  }
  for (; left > 0; --left) {
    const auto largest = std::max_element(remainder.begin(), remainder.end());
    ++quota[size_t(largest - remainder.begin())];
    *largest = -1;
  }
  return draw(all, std::move(classes), quota, rng);
}

}  // namespace sparlet
