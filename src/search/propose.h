// From a surrogate to the next point to try: which candidates are scored, and how the best are
// refined.
#pragma once
#include <functional>
#include <set>

#include "search/surrogate.h"

namespace sparlet::search {

struct ProposeOptions {
  int random = 80;       // fresh points
  int mutants = 80;      // of the parents
  int starts = 4;        // candidates whose numbers climb the acquisition by gradients
  int evaluations = 40;  // of one climb
  // Known objectives cost microseconds: where there are some, climb all the same, and look at five
  // times as many points.
  bool cheap_known = false;
  int survivors = 5;             // that are refined by mutation, where nothing climbs
  int rounds = 3, children = 8;  // of that, a survivor
};

struct Proposal {
  Point point;
  double score = 0;
};

// The best-scoring point found: fresh points, mutants of `parents` (the Pareto points) and `extra`
// ones (morphs), then refinement. Never one of `seen` (canonical texts), one that breaks a
// constraint, or one that `known` refuses. None if nothing is left.
std::optional<Proposal> propose(const Space&, const Surrogate&, const Known&,
                                const std::vector<Point>& parents,
                                const std::set<std::string>& seen, Rng&, const ProposeOptions& = {},
                                const std::vector<Point>& extra = {});
// The same among given candidates (morphs).
std::optional<Proposal> choose(const Space&, const Surrogate&, const Known&,
                               const std::vector<Point>& candidates,
                               const std::set<std::string>& seen);

// Climbs from a point: real parameters by L-BFGS on the acquisition's gradient, the others by their
// best single step, in turn until neither gains. Known objectives' gradients are differences.
// REQUIRES: surrogate.has_slopes().
Proposal climb(const Space&, const Surrogate&, const Known&, const Proposal& start, Rng&,
               int evaluations);

}  // namespace sparlet::search
