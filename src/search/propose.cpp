#include "search/propose.h"

#include <algorithm>
#include <cmath>

namespace sparlet::search {

namespace {

constexpr int kTries = 500;      // for one fresh point under tight constraints
constexpr int kMoreOfCheap = 5;  // candidates whose known objectives cost nothing

// Scores candidates once each, many at a time, and keeps the good ones, best first.
class Pool {
 public:
  Pool(const Space& space, const Surrogate& surrogate, const Known& known,
       const std::set<std::string>& seen)
      : space_(space), surrogate_(surrogate), known_(known), taken_(seen) {}

  void offer(const Point& point) {
    if (!space_.contains(point)) return;
    offer_good(point);
  }
  // REQUIRES: in the space and within its constraints.
  void offer_good(const Point& point) {
    if (!taken_.insert(to_text(point)).second) return;
    auto values = known_(point);
    if (!values) return;
    waiting_.push_back(point);
    values_.push_back(std::move(*values));
  }
  // The first offered wins among equals.
  const std::vector<Proposal>& sorted() {
    const std::vector<double> scores = surrogate_.scores(waiting_, values_);
    for (size_t i = 0; i < scores.size(); ++i)
      if (!std::isnan(scores[i])) candidates_.push_back({std::move(waiting_[i]), scores[i]});
    waiting_.clear();
    values_.clear();
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Proposal& a, const Proposal& b) { return a.score > b.score; });
    return candidates_;
  }
  std::optional<Proposal> best() {
    if (sorted().empty()) return std::nullopt;
    return candidates_.front();
  }

 private:
  const Space& space_;
  const Surrogate& surrogate_;
  const Known& known_;
  std::set<std::string> taken_;
  std::vector<Point> waiting_;
  std::vector<std::vector<double>> values_;
  std::vector<Proposal> candidates_;
};

bool any_known(const Surrogate& surrogate) {
  const auto& learned = surrogate.models().learned();
  return std::find(learned.begin(), learned.end(), false) != learned.end();
}

// The best, then ones from evenly further down the upper fifth: not all in one basin.
std::vector<Proposal> starts_of(const std::vector<Proposal>& sorted, int count) {
  std::vector<Proposal> starts;
  const size_t span = std::max(sorted.size() / 5, std::min(sorted.size(), size_t(count)));
  for (int i = 0; i < count && size_t(i) < sorted.size(); ++i)
    starts.push_back(sorted[size_t(i) * span / size_t(count)]);
  return starts;
}

void mutate_best(const Space& space, Pool& pool, Rng& rng, const ProposeOptions& options) {
  double scale = 0.1;
  for (int round = 0; round < options.rounds; ++round, scale /= 2) {
    std::vector<Proposal> leaders = pool.sorted();
    leaders.resize(std::min(leaders.size(), size_t(options.survivors)));
    for (const Proposal& leader : leaders)
      for (int i = 0; i < options.children; ++i)
        if (const auto child = space.mutate(leader.point, scale, rng)) pool.offer_good(*child);
  }
}

}  // namespace

std::optional<Proposal> propose(const Space& space, const Surrogate& surrogate, const Known& known,
                                const std::vector<Point>& parents,
                                const std::set<std::string>& seen, Rng& rng,
                                const ProposeOptions& options, const std::vector<Point>& extra) {
  Pool pool(space, surrogate, known, seen);
  for (const Point& point : extra) pool.offer(point);
  const int more = options.cheap_known && any_known(surrogate) ? kMoreOfCheap : 1;
  for (int i = 0; i < options.random * more; ++i)
    if (const auto point = space.try_sample(rng, kTries)) pool.offer_good(*point);
  if (!parents.empty())
    for (int i = 0; i < options.mutants * more; ++i) {
      const Point& parent = parents[size_t(rng.below(int64_t(parents.size())))];
      const double scale = i % 2 ? 0.2 : 0.05;  // far and near
      if (const auto child = space.mutate(parent, scale, rng)) pool.offer_good(*child);
    }
  if (!surrogate.has_slopes() || (any_known(surrogate) && !options.cheap_known)) {
    mutate_best(space, pool, rng, options);
    return pool.best();
  }
  for (const Proposal& start : starts_of(pool.sorted(), options.starts))
    pool.offer(climb(space, surrogate, known, start, rng, options.evaluations).point);
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
