// New designs: Sobol points, those of a model, morphs, and what evolution makes.
#include <cmath>

#include "search/evolve.h"
#include "search/moves.h"
#include "search/round.h"
#include "search/sobol.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr int kMorphRounds = 5;          // of candidates, before giving up on morphs
constexpr uint32_t kSobolTries = 20000;  // places of the sequence without anything new
constexpr size_t kRefusals = 3;          // infeasible candidates that a proposal records
constexpr int kTries = 200;              // for a random or evolved design that is new
constexpr int kPopulation = 50, kSample = 15;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

void Proposer::sobol(Round& round) {
  const Sobol sequence(space_.dimension(), mix(config_.seed, kSobolStream));
  // All trials so far are places of the sequence, in its order. Tries count from the last of them,
  // so that a resumed run gives up where an uninterrupted one does.
  if (!std::includes(round.seen.begin(), round.seen.end(), sobol_met_.begin(), sobol_met_.end())) {
    sobol_met_.clear();
    sobol_next_ = 0;
    pass_over_.taken();
  }
  const bool choosy = plan_.by_model_alone();
  for (uint32_t tried = 0; tried < kSobolTries; ++tried, ++sobol_next_) {
    const Point point = space_.from_unit(sequence.at(sobol_next_));
    if (space_.violated(point)) continue;
    const std::string text = to_text(point);
    if (round.seen.contains(text)) {
      if (sobol_met_.insert(text).second) tried = 0;
      pass_over_.taken();
      continue;
    }
    const auto values = known(point);
    if (!values) {
      round.refuse(point, cache_[text].reason);
      sobol_met_.insert(text);
      tried = 0;
      if (round.out.infeasible.size() >= 1000)
        fail("search space: the last 1000 designs were all infeasible; the last: {}",
             round.out.infeasible.back().reason);
      continue;
    }
    if (choosy && pass_over_(config_.objectives, *values)) continue;
    pass_over_.taken();
    round.out.trial = round.make(point, Status::pending);
    return;
  }
}

Surrogate Proposer::surrogate(const Round& round, bool achieved) {
  std::vector<Observation> observations;
  std::vector<Point> pending;
  for (const Trial* t : round.view.pending) pending.push_back(t->point);
  for (const Trial* t : round.view.seen) {
    const double fidelity = std::min(1.0, double(t->inherited + t->epochs) / plan_.full);
    if (trained(t->status))
      observations.push_back({t->point, values_of(*t, config_.objectives), fidelity});
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
    observations.push_back({t->point, std::move(values), fidelity});
  }
  SurrogateOptions options{.achieved = achieved,
                           .known = [this](const Point& p) { return known(p); }};
  if (plan_.method == "chebyshev") options.acquisition = Acquisition::chebyshev;
  if (plan_.method == "thompson") options.acquisition = Acquisition::thompson;
  if (!models_) models_.emplace(space_, config_.objectives, learned_, options);
  models_->learn(observations, mix(config_.seed, kFitStream));
  Rng rng = round.rng;
  return Surrogate(*models_, observations, pending, rng, options);
}

std::optional<Proposal> Proposer::propose_new(Round& round, const Surrogate& model) {
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
  if (!found) return found;
  for (const Point& p : refused) {
    known(p);  // its reason, should the cache have been cleared
    round.refuse(p, cache_[to_text(p)].reason);
  }
  return found;
}

void Proposer::gp(Round& round) {
  const Surrogate model = surrogate(round);
  if (const auto found = propose_new(round, model))
    round.out.trial = round.make(found->point, Status::pending);
}

// Changed Pareto points that can be built and are new.
Proposer::Morphs Proposer::morphs(Round& round, Rng& rng) {
  const std::vector<Move> moves = moves_named(space_, config_.search.moves);
  Morphs made;
  for (int i = 0; i < config_.search.candidates; ++i) {
    const Trial* parent = round.front[size_t(rng.below(int64_t(round.front.size())))];
    const auto child = morph(
        space_, parent->point, moves, rng,
        {.min_changes = config_.search.min_changes, .max_changes = config_.search.max_changes});
    if (!child) continue;
    const std::string text = to_text(child->point);
    if (round.seen.contains(text) || made.origin.contains(text)) continue;
    if (!known(child->point)) {
      round.refuse(child->point, cache_[text].reason, parent);
      continue;
    }
    made.origin[text] = {parent, joined(child->moves)};
    made.points.push_back(child->point);
  }
  return made;
}

void Proposer::morphism(Round& round) {
  const Surrogate model = surrogate(round);
  Rng rng(mix(round.rng.state(), 2));
  for (int attempt = 0; attempt < kMorphRounds; ++attempt) {
    const Morphs made = morphs(round, rng);
    const auto best = choose(
        space_, model, [this](const Point& p) { return known(p); }, made.points, round.seen);
    if (!best) continue;
    const auto& [parent, moves] = made.origin.at(to_text(best->point));
    return round.inherit(best->point, *parent, moves);
  }
  gp(round);  // all near points are known: look further away
}

// What looks at values alone: of each trial its last training that may be seen.
void Proposer::evolution(Round& round) {
  std::map<int, const Trial*> last;
  for (const Trial* t : round.view.seen) last[t->arm] = t;
  std::vector<Observation> observations;
  std::vector<Values> rows;
  for (const auto& [arm, t] : last) {
    observations.push_back({t->point, {}});
    rows.emplace_back();
    if (!trained(t->status)) continue;
    observations.back().values = values_of(*t, config_.objectives);
    rows.back() = normalised(config_.objectives, observations.back().values);
  }
  Rng rng(mix(round.rng.state(), 3));
  const std::vector<Move> moves = moves_named(space_, config_.search.moves);
  const auto changed = [&](const Point& parent) -> std::optional<Point> {
    const auto child = morph(space_, parent, moves, rng, {.min_changes = 1, .max_changes = 1});
    return child ? std::optional(child->point) : std::nullopt;
  };
  const auto make = [&]() -> std::optional<Point> {
    if (round.phase == Phase::random) return space_.try_sample(rng, kTries);
    if (plan_.method == "nsga2") return nsga2_child(space_, observations, rows, kPopulation, rng);
    if (plan_.method == "local")
      return changed(round.front[size_t(rng.below(int64_t(round.front.size())))]->point);
    return changed(observations[aging_parent(rows, kPopulation, kSample, rng)].point);
  };
  for (int tries = 0; tries < kTries; ++tries) {
    const auto point = make();
    if (!point || round.seen.contains(to_text(*point))) continue;
    if (known(*point)) {
      round.out.trial = round.make(*point, Status::pending);
      return;
    }
    if (round.out.infeasible.size() < kRefusals)
      round.refuse(*point, cache_[to_text(*point)].reason);
  }
  sobol(round);  // little is new nearby: anything else
}

}  // namespace sparlet::search
