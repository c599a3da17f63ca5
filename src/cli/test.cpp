#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/commands.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "search/run.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

using namespace sparlet::search;

constexpr uint64_t kTestStream = 104;

// What the arm's net has been trained for, ancestors included.
int lineage_epochs(const OpenRun& run, int arm) {
  int epochs = 0;
  std::set<int> visited;
  for (std::optional<int> at = arm; at;) {
    require(visited.insert(*at).second, "{}: arm {} descends from itself",
            run.folder.store().string(), *at);
    const Trial t = run.store.trial(*at);
    epochs += t.epochs;
    at = t.parent;
  }
  return epochs;
}

struct Repeat {
  double validation = 1, test = 1;
  int64_t size = 0, memory = 0;
  bool diverged = false;
};

struct Spread {
  double mean = 0, deviation = 0;
};

Spread spread_of(const std::vector<double>& values) {
  Spread s;
  for (const double v : values) s.mean += v / double(values.size());
  double squares = 0;
  for (const double v : values) squares += (v - s.mean) * (v - s.mean);
  if (values.size() > 1) s.deviation = std::sqrt(squares / double(values.size() - 1));
  return s;
}

nlohmann::json json_of(const Repeat& r) {
  if (r.diverged) return {{"diverged", true}};
  return {{"validation_error", r.validation},
          {"test_error", r.test},
          {"size", r.size},
          {"memory", r.memory}};
}

}  // namespace

void test(const TestArgs& args) {
  require(args.seeds >= 0 && args.seeds <= 1000, "--seeds: {} is not in 0 .. 1000", args.seeds);
  require(args.epochs >= 0, "--epochs: {} is below 0", args.epochs);
  require(args.save.empty() || args.seeds > 0, "--save: needs --seeds of 1 or more");
  if (!args.save.empty()) deploy::check_target(args.save);
  const OpenRun run = open_run(args.run);
  const Trial trial = run.store.trial(args.arm);
  require(trained(trial.status), "arm {}: is {}{}; a trained one is wanted", trial.arm,
          name_of(trial.status), trial.reason.empty() ? "" : " (" + trial.reason + ")");
  const Data data = load_data(run.config.data);
  Data training = data;
  training.test = {};
  const Pipeline pipeline = default_pipeline(run.config);
  const Data prepared = data_for(pipeline, data, trial.point);
  nlohmann::json out = {
      {"arm", trial.arm}, {"stored", nullptr}, {"repeats", nlohmann::json::array()}};

  if (std::filesystem::exists(run.folder.model(trial.arm))) {
    const Net stored = deploy::load(run.folder.model(trial.arm));
    const double error = measure(pipeline, stored, prepared.test).error;
    out["stored"] = {{"test_error", error},
                     {"validation_error", trial.metrics.error},
                     {"size", trial.metrics.size},
                     {"memory", trial.metrics.memory}};
    if (!args.json)
      fmt::print(
          "arm {}, stored model: test error {:.2f} % (accuracy {:.2f} %), size {} B, memory {} "
          "B\n",
          trial.arm, 100 * error, 100 * (1 - error), trial.metrics.size, trial.metrics.memory);
  } else if (!args.json) {
    fmt::print("arm {}: not on the front, so its model was not kept\n", trial.arm);
  }

  const int epochs = args.epochs > 0 ? args.epochs : lineage_epochs(run, trial.arm);
  const TrialContext context{run.config, pipeline, training, run.folder};
  std::vector<double> errors;
  double best = 2;
  for (int seed = 1; seed <= args.seeds; ++seed) {
    Rng rng(mix(mix(run.config.seed, kTestStream), uint64_t(seed)));
    const Made made = make_net(context, trial.point, epochs, rng);
    Repeat r;
    r.diverged = made.trained.diverged;
    if (!r.diverged) {
      const Metrics m = measure(pipeline, made.shipped, prepared.validation);
      r.validation = m.error;
      r.test = measure(pipeline, made.shipped, prepared.test).error;
      r.size = m.size;
      r.memory = m.memory;
      if (r.validation < best && !args.save.empty()) deploy::save(made.shipped, args.save);
      best = std::min(best, r.validation);
    }
    errors.push_back(r.test);
    out["repeats"].push_back(json_of(r));
    if (!args.json)
      fmt::print("seed {}: {}\n", seed,
                 r.diverged
                     ? "diverged"
                     : fmt::format("validation error {:.2f} %, test error {:.2f} %, size {} B",
                                   100 * r.validation, 100 * r.test, r.size));
    std::fflush(stdout);
  }
  if (args.seeds > 0) {
    const Spread s = spread_of(errors);
    out["epochs"] = epochs;
    out["mean_test_error"] = s.mean;
    out["deviation"] = s.deviation;
    require(args.save.empty() || best <= 1, "--save: every seed diverged");
    if (!args.json)
      fmt::print(
          "trained anew ({} epochs, {} seeds): test error {:.2f} ± {:.2f} % (accuracy {:.2f} %)\n",
          epochs, args.seeds, 100 * s.mean, 100 * s.deviation, 100 * (1 - s.mean));
    if (!args.json && !args.save.empty())
      fmt::print("{}: the seed that is best on validation ({:.2f} %)\n", args.save.string(),
                 100 * best);
  }
  if (args.json) fmt::print("{}\n", out.dump(2));
}

}  // namespace sparlet::cli
