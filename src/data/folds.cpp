#include "data/folds.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tensor/error.h"

namespace sparlet {
namespace {

std::vector<int32_t> groups_of(const Dataset& data, size_t least) {
  require(bool(data.group), "split: the samples have no groups to split by");
  std::set<int32_t> seen;
  for (int64_t i = 0; i < data.size(); ++i) seen.insert(data.group_of(i));
  require(seen.size() >= least, "split: {} groups, wanted {} or more", seen.size(), least);
  return {seen.begin(), seen.end()};
}

Dataset members(const Dataset& data, const std::set<int32_t>& groups) {
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < data.size(); ++i)
    if (groups.contains(data.group_of(i))) positions.push_back(int32_t(i));
  return data.subset(positions);
}

// About `fraction` of a list, drawn; not none and not all.
std::pair<std::set<int32_t>, std::set<int32_t>> draw(std::vector<int32_t> groups, double fraction,
                                                     Rng& rng) {
  require(fraction > 0 && fraction < 1, "split: a fraction of {}, wanted more than 0, less than 1",
          fraction);
  rng.shuffle(groups);
  const int64_t n = int64_t(groups.size());
  const int64_t share = std::clamp<int64_t>(std::llround(fraction * double(n)), 1, n - 1);
  return {{groups.begin() + share, groups.end()}, {groups.begin(), groups.begin() + share}};
}

}  // namespace

std::vector<Fold> k_folds(const Dataset& all, int k, double validation_fraction, Rng& rng) {
  require(k >= 2 && k <= all.size(), "split: {} folds of {} samples, wanted 2 to {}", k, all.size(),
          all.size());
  std::vector<int32_t> order(size_t(all.size()));
  for (size_t i = 0; i < order.size(); ++i) order[i] = int32_t(i);
  rng.shuffle(order);
  // Dealt class by class like cards, on and on, so that folds differ by one sample of a class.
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return all.label(a) < all.label(b); });
  std::vector<int> fold_of(order.size());
  for (size_t i = 0; i < order.size(); ++i) fold_of[size_t(order[i])] = int(i % size_t(k));
  std::vector<Fold> folds;
  for (int fold = 0; fold < k; ++fold) {
    std::vector<int32_t> held, rest;
    for (size_t i = 0; i < fold_of.size(); ++i)
      (fold_of[i] == fold ? held : rest).push_back(int32_t(i));
    auto [train, validation] = stratified_split(all.subset(rest), validation_fraction, rng);
    folds.push_back({std::move(train), std::move(validation), all.subset(held)});
  }
  return folds;
}

std::pair<Dataset, Dataset> group_split(const Dataset& all, double fraction, Rng& rng) {
  const auto [first, second] = draw(groups_of(all, 2), fraction, rng);
  return {members(all, first), members(all, second)};
}

std::vector<Fold> leave_one_group_out(const Dataset& all, double validation_fraction, Rng& rng) {
  const std::vector<int32_t> groups = groups_of(all, 3);
  std::vector<Fold> folds;
  for (const int32_t left_out : groups) {
    std::vector<int32_t> others = groups;
    std::erase(others, left_out);
    const auto [train, validation] = draw(std::move(others), validation_fraction, rng);
    folds.push_back(
        {members(all, train), members(all, validation), members(all, {left_out}), left_out});
  }
  return folds;
}

}  // namespace sparlet
