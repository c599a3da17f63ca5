// Processor time of one proposal in network spaces: proposal_cost CONFIG.toml [METHOD] [TRIALS]
// [COUNT]. Trials are made up (their costs are predicted, their error falls with size), so that
// nothing is trained; proposals are those of `search`, of the phase that the method is in after so
// many trials.
#include <cmath>

#include "search/phases.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

void finish(Trial& t, const Proposer& proposer, const PhasePlan& plan, Rng& rng) {
  t.metrics = proposer.predict(t.point);
  const double epochs = t.inherited + t.epochs;
  t.metrics.error =
      0.9 * std::pow(double(t.metrics.size), -0.1) * (1 + 0.3 / epochs) + 0.02 * rng.uniform();
  const bool more = t.rung + 1 < int(plan.rungs.size());
  t.status = more ? Status::paused : Status::done;
}

void take(std::vector<Trial>& trials, Proposer::Next next) {
  for (Trial& t : next.infeasible) trials.push_back(std::move(t));
  require(next.trial.has_value(), "nothing is left to propose");
  if (next.trial->before.empty())
    trials.push_back(std::move(*next.trial));
  else
    for (Trial& t : trials)
      if (t.arm == next.trial->arm) t = std::move(*next.trial);
}

}  // namespace

int main(int argc, char** argv) try {
  require(argc > 1, "proposal_cost CONFIG.toml [METHOD] [TRIALS] [COUNT]");
  const std::string method = argc > 2 ? argv[2] : "auto";
  const int first = argc > 3 ? std::stoi(argv[3]) : 60, count = argc > 4 ? std::stoi(argv[4]) : 20;
  const Config config =
      load_config(argv[1], {"search.method=" + method, "search.r1=" + std::to_string(first / 2),
                            "search.trials=" + std::to_string(10 * (first + count))});
  const Space space(config.parameters, config.constraints);
  const Pipeline pipeline = default_pipeline(config);
  const Data data = load_data(config.data);
  const PhasePlan plan = PhasePlan::of(config.search);
  Proposer proposer(config, space, pipeline, data.spec, 1);
  Rng rng(1);
  std::vector<Trial> trials;
  double seconds = 0, most = 0;
  for (int job = 0; job < first + count; ++job) {
    const double begin = study::processor_seconds();
    take(trials, proposer.next(trials));
    const double spent = study::processor_seconds() - begin;
    if (job >= first) seconds += spent, most = std::max(most, spent);
    for (Trial& t : trials)
      if (t.status == Status::pending) finish(t, proposer, plan, rng);
  }
  fmt::print(
      "{} {}: {} parameters, trainings {} to {}: {:.0f} ms a proposal, at most {:.0f}; {:.0f} MB\n",
      config.name, method, space.dimension(), first, first + count, 1e3 * seconds / count,
      1e3 * most, study::peak_megabytes());
} catch (const Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
