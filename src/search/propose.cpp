// Which candidates are scored, and how the best are refined.
#include <algorithm>

#include "search/acquisition.h"

namespace sparlet::search {

namespace {

constexpr int kTries = 500;  // for one fresh point under tight constraints

// Scores candidates once each and keeps the good ones, best first.
class Pool {
 public:
  Pool(const Space& space, const Surrogate& surrogate, const Known& known,
       const std::set<std::string>& seen)
      : space_(space), surrogate_(surrogate), known_(known), taken_(seen) {}

  void offer(const Point& point) {
    if (!space_.contains(point) || !taken_.insert(to_text(point)).second) return;
    const auto values = known_(point);
    if (!values) return;
    const double score = surrogate_.score(point, *values);
    if (score >= 0) candidates_.push_back({point, score});  // not NaN
  }
  // The first offered wins among equals.
  const std::vector<Proposal>& sorted() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Proposal& a, const Proposal& b) { return a.score > b.score; });
    return candidates_;
  }
  std::optional<Proposal> best() {
    if (candidates_.empty()) return std::nullopt;
    return sorted().front();
  }

 private:
  const Space& space_;
  const Surrogate& surrogate_;
  const Known& known_;
  std::set<std::string> taken_;
  std::vector<Proposal> candidates_;
};

}  // namespace

std::optional<Proposal> propose(const Space& space, const Surrogate& surrogate, const Known& known,
                                const std::vector<Point>& parents,
                                const std::set<std::string>& seen, Rng& rng,
                                const ProposeOptions& options) {
  Pool pool(space, surrogate, known, seen);
  for (int i = 0; i < options.random; ++i)
    if (const auto point = space.try_sample(rng, kTries)) pool.offer(*point);
  if (!parents.empty())
    for (int i = 0; i < options.mutants; ++i) {
      const Point& parent = parents[size_t(rng.below(int64_t(parents.size())))];
      const double scale = i % 2 ? 0.2 : 0.05;  // far and near
      if (const auto child = space.mutate(parent, scale, rng)) pool.offer(*child);
    }
  double scale = 0.1;
  for (int round = 0; round < options.rounds; ++round, scale /= 2) {
    std::vector<Proposal> leaders = pool.sorted();
    leaders.resize(std::min(leaders.size(), size_t(options.survivors)));
    for (const Proposal& leader : leaders)
      for (int i = 0; i < options.children; ++i)
        if (const auto child = space.mutate(leader.point, scale, rng)) pool.offer(*child);
  }
  return pool.best();
}

std::optional<Proposal> choose(const Space& space, const Surrogate& surrogate, const Known& known,
                               const std::vector<Point>& candidates,
                               const std::set<std::string>& seen) {
  Pool pool(space, surrogate, known, seen);
  for (const Point& point : candidates) pool.offer(point);
  return pool.best();
}

}  // namespace sparlet::search
