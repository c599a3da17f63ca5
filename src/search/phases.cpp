#include "search/phases.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/check.h"
#include "search/moves.h"
#include "search/pareto.h"
#include "search/sobol.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

// Streams of random numbers, one a use: mix(mix(seed, stream), arm).
constexpr uint64_t kSobolStream = 101, kProposalStream = 102;
constexpr int kMorphRounds = 5;          // of candidates, before giving up on morphs
constexpr uint32_t kSobolTries = 20000;  // places of the sequence without anything new
constexpr size_t kRefusals = 3;          // infeasible candidates that a GP proposal records

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

PhasePlan PhasePlan::of(const PhaseOptions& o) {
  PhasePlan plan{o.r1, o.r2, o.morphisms ? o.r3 : 0, 0, o.epochs1, o.epochs2, o.epochs3};
  plan.total = plan.r1 + plan.r2 + plan.r3;
  if (o.trials > 0) plan.total = std::min(plan.total, o.trials);
  return plan;
}

Phase PhasePlan::phase(int trained) const {
  if (trained < r1) return Phase::sobol;
  return trained < r1 + r2 ? Phase::gp : Phase::morphism;
}

int PhasePlan::epochs(Phase phase) const {
  return phase == Phase::sobol ? epochs1 : phase == Phase::gp ? epochs2 : epochs3;
}

int trained_count(const std::vector<Trial>& trials) {
  return int(std::count_if(trials.begin(), trials.end(),
                           [](const Trial& t) { return t.status != Status::infeasible; }));
}

Visible visible(const std::vector<Trial>& trials, int workers) {
  Visible v;
  const int last_seen = trained_count(trials) - (workers - 1);
  int index = 0;
  for (const Trial& t : trials) {
    if (t.status == Status::infeasible) continue;
    (index++ < last_seen ? v.seen : v.pending).push_back(&t);
  }
  return v;
}

bool ready(const std::vector<Trial>& trials, const PhasePlan& plan, int workers) {
  const int trained = trained_count(trials);
  if (trained >= plan.total) return false;
  // The Sobol phase looks at no result.
  if (plan.phase(trained) == Phase::sobol) return true;
  const Visible v = visible(trials, workers);
  return std::all_of(v.seen.begin(), v.seen.end(),
                     [](const Trial* t) { return terminal(t->status); });
}

// One call of next().
struct Proposer::Round {
  const std::vector<Trial>& trials;
  Visible view;
  Phase phase;
  int arm;
  Rng rng;
  std::set<std::string> seen;       // canonical texts of all trials
  std::vector<const Trial*> front;  // Pareto arms of what may be seen
  Next out;

  Trial make(const Point& point, Status status) const {
    Trial t;
    t.arm = arm + int(out.infeasible.size());
    t.phase = phase;
    t.point = point;
    t.status = status;
    return t;
  }
  void refuse(const Point& point, const std::string& reason, const Trial* parent = nullptr) {
    Trial t = make(point, Status::infeasible);
    t.reason = reason;
    if (parent) t.parent = parent->arm;
    seen.insert(to_text(point));
    out.infeasible.push_back(std::move(t));
  }
};

Proposer::Proposer(const Config& config, const Space& space, const Pipeline& pipeline,
                   const DataSpec& spec, int workers)
    : config_(config),
      space_(space),
      pipeline_(pipeline),
      spec_(spec),
      plan_(PhasePlan::of(config.search)),
      workers_(workers) {
  check(config, pipeline);
  for (const Objective& o : config.objectives) learned_.push_back(!is_cost(o.name));
}

Metrics Proposer::predict(const Point& point) const {
  Rng rng(1);  // costs do not depend on weights
  try {
    const DataSpec spec = spec_for(pipeline_, spec_, point);
    return costs_of(pipeline_.predict(pipeline_.build(point, spec, pipeline_.user, rng), point));
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail("the net does not fit in memory");
  } catch (const std::exception& error) {
    fail("the net cannot be built: {}", error.what());
  }
}

std::optional<std::vector<double>> Proposer::known(const Point& point) {
  if (cache_.size() > 50000) cache_.clear();
  const auto [at, fresh] = cache_.try_emplace(to_text(point));
  if (!fresh) return at->second.values;
  try {
    const Metrics m = predict(point);
    std::vector<double> values;
    for (size_t k = 0; k < learned_.size(); ++k)
      values.push_back(learned_[k] ? std::numeric_limits<double>::quiet_NaN()
                                   : m.value(config_.objectives[k].name));
    at->second.values = std::move(values);
  } catch (const Error& error) {
    at->second.reason = error.what();
  }
  return at->second.values;
}

Proposer::Next Proposer::next(const std::vector<Trial>& trials) {
  const int trained = trained_count(trials);
  Round round{.trials = trials,
              .view = visible(trials, workers_),
              .phase = plan_.phase(trained),
              .arm = trials.empty() ? 0 : trials.back().arm + 1,
              .rng = Rng(0),
              .seen = {},
              .front = {},
              .out = {}};
  round.rng = Rng(mix(mix(config_.seed, kProposalStream), uint64_t(round.arm)));
  for (const Trial& t : trials) round.seen.insert(to_text(t.point));
  std::vector<Trial> ended;
  for (const Trial* t : round.view.seen) ended.push_back(*t);
  for (const int arm : front_of(ended, config_.objectives))
    round.front.push_back(*std::find_if(round.view.seen.begin(), round.view.seen.end(),
                                        [&](const Trial* t) { return t->arm == arm; }));
  // Without results there is nothing to model or to change.
  if (round.phase == Phase::sobol || round.front.empty())
    sobol(round);
  else if (round.phase == Phase::gp)
    gp(round);
  else
    morphism(round);
  if (round.out.trial) round.out.trial->epochs = plan_.epochs(round.phase);
  return std::move(round.out);
}

void Proposer::sobol(Round& round) {
  const Sobol sequence(space_.dimension(), mix(config_.seed, kSobolStream));
  // All trials so far are places of the sequence, in its order. Tries count from the last of them,
  // so that a resumed run gives up where an uninterrupted one does.
  if (!std::includes(round.seen.begin(), round.seen.end(), sobol_met_.begin(), sobol_met_.end())) {
    sobol_met_.clear();
    sobol_next_ = 0;
  }
  for (uint32_t tried = 0; tried < kSobolTries; ++tried, ++sobol_next_) {
    const Point point = space_.from_unit(sequence.at(sobol_next_));
    if (space_.violated(point)) continue;
    const std::string text = to_text(point);
    if (round.seen.contains(text)) {
      if (sobol_met_.insert(text).second) tried = 0;
      continue;
    }
    if (!known(point)) {
      round.refuse(point, cache_[text].reason);
      sobol_met_.insert(text);
      tried = 0;
      if (round.out.infeasible.size() >= 1000)
        fail("search space: the last 1000 designs were all infeasible; the last: {}",
             round.out.infeasible.back().reason);
      continue;
    }
    round.out.trial = round.make(point, Status::pending);
    return;
  }
}

Surrogate Proposer::surrogate(const Round& round) const {
  std::vector<Observation> observations;
  std::vector<Point> pending;
  for (const Trial* t : round.view.pending) pending.push_back(t->point);
  for (const Trial* t : round.view.seen) {
    if (t->status == Status::done)
      observations.push_back({t->point, values_of(*t, config_.objectives)});
    if (t->status != Status::diverged) continue;
    // A net that blew up is as bad as the box allows, at the cost it would have had.
    Metrics m;
    try {
      m = predict(t->point);
    } catch (const Error&) {
      continue;
    }
    std::vector<double> values;
    for (size_t k = 0; k < learned_.size(); ++k)
      values.push_back(learned_[k] ? config_.objectives[k].reference
                                   : m.value(config_.objectives[k].name));
    observations.push_back({t->point, std::move(values)});
  }
  Rng rng = round.rng;
  return Surrogate(space_, config_.objectives, learned_, observations, pending, rng);
}

void Proposer::gp(Round& round) {
  const Surrogate model = surrogate(round);
  Rng rng(mix(round.rng.state(), 1));
  std::vector<Point> parents;
  for (const Trial* t : round.front) parents.push_back(t->point);
  std::vector<Point> refused;
  const auto known_or_refused = [&](const Point& p) {
    auto values = known(p);
    if (!values && refused.size() < kRefusals) refused.push_back(p);
    return values;
  };
  const auto found = propose(space_, model, known_or_refused, parents, round.seen, rng);
  if (!found) return;
  for (const Point& p : refused) {
    known(p);  // its reason, should the cache have been cleared
    round.refuse(p, cache_[to_text(p)].reason);
  }
  round.out.trial = round.make(found->point, Status::pending);
}

void Proposer::morphism(Round& round) {
  const Surrogate model = surrogate(round);
  Rng rng(mix(round.rng.state(), 2));
  const std::vector<Move> moves = moves_named(space_, config_.search.moves);
  for (int attempt = 0; attempt < kMorphRounds; ++attempt) {
    std::vector<Point> points;
    std::map<std::string, std::pair<const Trial*, std::string>> origin;  // parent and moves
    for (int i = 0; i < config_.search.candidates; ++i) {
      const Trial* parent = round.front[size_t(rng.below(int64_t(round.front.size())))];
      const auto child = morph(
          space_, parent->point, moves, rng,
          {.min_changes = config_.search.min_changes, .max_changes = config_.search.max_changes});
      if (!child) continue;
      const std::string text = to_text(child->point);
      if (round.seen.contains(text) || origin.contains(text)) continue;
      if (!known(child->point)) {
        round.refuse(child->point, cache_[text].reason, parent);
        continue;
      }
      origin[text] = {parent, joined(child->moves)};
      points.push_back(child->point);
    }
    const auto best = choose(
        space_, model, [this](const Point& p) { return known(p); }, points, round.seen);
    if (!best) continue;
    Trial t = round.make(best->point, Status::pending);
    t.parent = origin[to_text(best->point)].first->arm;
    t.moves = origin[to_text(best->point)].second;
    round.out.trial = std::move(t);
    return;
  }
  gp(round);  // all near points are known: look further away
}

}  // namespace sparlet::search
