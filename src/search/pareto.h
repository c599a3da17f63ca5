// Non-dominated sets and hypervolume. Everything is minimised.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sparlet::search {

using Values = std::vector<double>;

// a is nowhere worse than b and somewhere better.
bool dominates(std::span<const double> a, std::span<const double> b);

// The non-dominated ones of all that were offered. Of equal values the first stays.
class ParetoArchive {
 public:
  struct Entry {
    int64_t id = 0;
    Values values;
  };

  // Whether it was taken (then what it dominates is dropped). NaN is never taken.
  bool add(int64_t id, const Values&);
  const std::vector<Entry>& entries() const { return entries_; }  // in order of arrival
  bool contains(int64_t id) const;
  std::vector<Values> values() const;

 private:
  std::vector<Entry> entries_;
};

// Positions of the non-dominated rows; of equal rows the first.
std::vector<size_t> pareto_front(const std::vector<Values>&);

// Volume dominated by the points and bounded by `reference`; exact. While, Bradstreet & Barone, "A
// fast way of calculating exact hypervolumes", IEEE TEC 16(1), 2012 (WFG). Meant for 1 to 5
// objectives. Points that are not better than the reference everywhere add nothing.
double hypervolume(const std::vector<Values>&, const Values& reference);

}  // namespace sparlet::search
