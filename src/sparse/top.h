// The greatest of a stream of scores, in memory for twice as many.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace sparlet::sparse {

class Top {
 public:
  explicit Top(int64_t k) : k_(size_t(k)) {}

  struct Item {
    float score;
    int32_t weight, at;
  };
  // NaN counts as the least. Offered in ascending order of (weight, at): of equal scores the first stay.
  void offer(float score, int32_t weight, int32_t at) {
    if (k_ == 0) return;
    if (std::isnan(score)) score = -std::numeric_limits<float>::infinity();
    if (full_ && score <= least_) return;
    items_.push_back({score, weight, at});
    if (items_.size() >= 2 * k_ + 1024) cut();
  }
  // At most k, in ascending order of (weight, at).
  std::vector<Item> take() {
    cut();
    std::ranges::sort(items_, [](const Item& a, const Item& b) {
      return std::pair(a.weight, a.at) < std::pair(b.weight, b.at);
    });
    return std::move(items_);
  }

 private:
  void cut() {
    if (items_.size() <= k_) return;
    const auto before = [](const Item& a, const Item& b) {
      if (a.score != b.score) return a.score > b.score;
      return std::pair(a.weight, a.at) < std::pair(b.weight, b.at);
    };
    const auto last = items_.begin() + int64_t(k_) - 1;
    std::ranges::nth_element(items_, last, before);
    least_ = last->score;
    full_ = true;
    items_.resize(k_);
  }

  size_t k_;
  std::vector<Item> items_;
  float least_ = 0;
  bool full_ = false;
};

}  // namespace sparlet::sparse
