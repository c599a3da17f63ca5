#include "search/phases.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/check.h"
#include "search/round.h"
#include "tensor/error.h"

namespace sparlet::search {

PhasePlan PhasePlan::of(const PhaseOptions& o) {
  const bool sparse = o.method == "sparse";
  PhasePlan plan{.r1 = o.r1,
                 .r2 = o.r2,
                 .r3 = o.morphisms || !sparse ? o.r3 : 0,
                 .epochs1 = o.epochs1,
                 .epochs2 = o.epochs2,
                 .epochs3 = o.epochs3,
                 .method = o.method,
                 .eta = o.eta,
                 .tolerance = o.tolerance,
                 .patience = o.patience};
  plan.total = plan.r1 + plan.r2 + plan.r3;
  if (o.trials > 0) plan.total = sparse ? std::min(plan.total, o.trials) : o.trials;
  plan.full = std::max({o.epochs1, o.epochs2, plan.r3 > 0 ? o.epochs3 : 1});
  const bool halving = o.asha.value_or(o.method == "auto");
  if (o.epochs > 0 && (halving || !sparse)) plan.full = o.epochs;
  if (halving) {
    const int least = sparse ? std::min({o.epochs1, o.epochs2, o.epochs3}) : o.min_epochs;
    plan.rungs = rungs_of(std::min(least, plan.full), plan.full, o.eta);
  }
  return plan;
}

Phase PhasePlan::phase(int designs) const {
  if (method == "random") return Phase::random;
  if (method == "sobol" || designs < r1) return Phase::sobol;
  if (method == "nsga2" || method == "aging" || method == "local") return Phase::evolution;
  if (method != "sparse") return Phase::gp;
  return designs < r1 + r2 ? Phase::gp : Phase::morphism;
}

bool PhasePlan::by_model_alone() const {
  return method == "auto" || method == "ehvi" || method == "chebyshev" || method == "thompson";
}

int PhasePlan::first_rung(Phase phase) const {
  if (method != "sparse") return 0;
  const int least = phase == Phase::sobol ? epochs1 : phase == Phase::gp ? epochs2 : epochs3;
  const auto at = std::lower_bound(rungs.begin(), rungs.end(), least);
  return int(at - rungs.begin()) - int(at == rungs.end());
}

int PhasePlan::epochs(Phase phase) const {
  if (!rungs.empty()) return rungs[size_t(first_rung(phase))];
  if (method != "sparse") return full;
  return phase == Phase::sobol ? epochs1 : phase == Phase::gp ? epochs2 : epochs3;
}

double PhasePlan::expected_epochs(Phase phase) const {
  double expected = epochs(phase), share = 1;
  for (size_t r = rungs.empty() ? 0 : size_t(first_rung(phase)); r + 1 < rungs.size(); ++r)
    expected += (share /= eta) * (rungs[r + 1] - rungs[r]);
  return expected;
}

int trained_count(const std::vector<Trial>& trials) {
  return int(std::count_if(trials.begin(), trials.end(),
                           [](const Trial& t) { return t.status != Status::infeasible; }));
}

Visible visible(const std::vector<Trial>& trainings, int workers) {
  Visible v;
  const int last_seen = trained_count(trainings) - (workers - 1);
  int index = 0;
  for (const Trial& t : trainings) {
    if (t.status == Status::infeasible) continue;
    (index++ < last_seen ? v.seen : v.pending).push_back(&t);
  }
  return v;
}

bool ready(const std::vector<Trial>& trials, const PhasePlan& plan, int workers) {
  const int designs = trained_count(trials);
  if (plan.rungs.empty() && designs >= plan.total) return false;
  const Phase phase = plan.phase(designs);
  // These look at no result.
  const bool blind = phase == Phase::sobol || phase == Phase::random;
  if (blind && plan.rungs.empty() && plan.tolerance == 0) return true;
  const std::vector<Trial> all = trainings(trials);
  const Visible v = visible(all, workers);
  return std::all_of(v.seen.begin(), v.seen.end(),
                     [](const Trial* t) { return terminal(t->status); });
}

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
    at->second.macs = m.macs;
  } catch (const Error& error) {
    at->second.reason = error.what();
  }
  return at->second.values;
}

Proposer::Next Proposer::next(const std::vector<Trial>& trials) {
  const std::vector<Trial> all = trainings(trials);
  // With successive halving what may be seen can hold nothing to go on with, though more is known
  // or soon will be: then all that trains is awaited and seen.
  for (int workers = workers_;; workers = 1) {
    Round round{.trials = trials,
                .view = visible(all, workers),
                .phase = plan_.phase(trained_count(trials)),
                .arm = trials.empty() ? 0 : trials.back().arm + 1,
                .job = all.empty() ? 0 : all.back().job + 1,
                .rng = Rng(0),
                .seen = {},
                .front = {},
                .out = {}};
    round.rng = Rng(mix(mix(config_.seed, kProposalStream), uint64_t(round.job)));
    for (const Trial& t : trials) round.seen.insert(to_text(t.point));
    std::vector<Trial> ended;
    for (const Trial* t : round.view.seen) ended.push_back(*t);
    for (const Trial* t : front_trials(ended, config_.objectives))
      round.front.push_back(round.view.seen[size_t(t - ended.data())]);
    std::sort(round.front.begin(), round.front.end(),
              [](const Trial* a, const Trial* b) { return a->job < b->job; });
    if (converged(round)) return {.converged = true};
    fill(round);
    if (round.out.trial || plan_.rungs.empty() || round.view.pending.empty())
      return std::move(round.out);
    const bool ended_all = std::all_of(round.view.pending.begin(), round.view.pending.end(),
                                       [](const Trial* t) { return terminal(t->status); });
    if (!ended_all || !round.out.infeasible.empty()) {
      round.out.wait = true;
      return std::move(round.out);
    }
  }
}

void Proposer::fill(Round& round) {
  const bool more = trained_count(round.trials) < plan_.total;
  const bool blind = round.phase == Phase::sobol || round.front.empty();
  const bool competing = plan_.method == "auto";
  if (competing && !(more && blind)) return automatic(round);
  if (const auto promoted = promotions(round); !promoted.empty() && !competing)
    return round.promote(promoted.front(), plan_.rungs);
  if (!more) return;
  // Without results there is nothing to model or to change.
  if (round.phase == Phase::random)
    evolution(round);
  else if (blind)
    sobol(round);
  else if (round.phase == Phase::gp)
    gp(round);
  else if (round.phase == Phase::morphism)
    morphism(round);
  else
    evolution(round);
  if (!round.out.trial) return;
  round.out.trial->epochs = plan_.epochs(round.phase);
  if (!plan_.rungs.empty()) round.out.trial->rung = plan_.first_rung(round.phase);
}

}  // namespace sparlet::search
