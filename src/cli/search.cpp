#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "search/run.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

using namespace sparlet::search;

Config config_of(const SearchArgs& a) {
  std::vector<std::string> set = a.set;
  if (a.seed) set.push_back(fmt::format("seed={}", *a.seed));
  if (a.workers) set.push_back(fmt::format("search.workers={}", *a.workers));
  if (a.trials) set.push_back(fmt::format("search.trials={}", *a.trials));
  if (a.method) set.push_back(fmt::format("search.method={}", *a.method));
  if (a.minutes) set.push_back(fmt::format("search.minutes={}", *a.minutes));
  return load_config(a.config, set);
}

// A worker is this program again: one thread, and dead when this process is.
int spawn_worker(const RunFolder& folder) {
  const pid_t parent = getpid(), child = fork();
  require(child >= 0, "search: cannot start a worker process");
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  setenv("OMP_NUM_THREADS", "1", 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
#if defined(__x86_64__)
  // OpenBLAS takes newer cores for Haswell, at half the speed, and asks only before main().
  if (__builtin_cpu_supports("avx512f")) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
#endif
  execl("/proc/self/exe", "sparlet", "worker", folder.root.c_str(), static_cast<char*>(nullptr));
  _exit(127);
}

// Number of designs as a power of ten, activity and constraints apart; reals count as 100 values.
double log10_size(const Space& space) {
  double sum = 0;
  for (const Parameter& p : space.parameters()) {
    double values = 100;
    if (p.kind == Kind::fixed) values = 1;
    if (p.kind == Kind::flag) values = 2;
    if (p.kind == Kind::choice) values = double(p.values.size());
    if (p.kind == Kind::integer || p.kind == Kind::log_integer)
      values = std::floor((p.high - p.low) / (p.step > 0 ? p.step : 1)) + 1;
    else if (p.step > 0)
      values = std::floor((p.high - p.low) / p.step) + 1;
    sum += std::log10(values);
  }
  return sum;
}

void dry_run(const Config& config) {
  const Space space(config.parameters, config.constraints);
  const Pipeline pipeline = default_pipeline(config);
  const Data data = load_data(config.data);
  const Proposer proposer(config, space, pipeline, data.spec, 1);
  Table table{{"parameter", "type", "values", "when"}, {}};
  for (const Parameter& p : space.parameters()) {
    std::string values = fmt::format("{} .. {}", p.low, p.high);
    if (p.step > 0) values += fmt::format(" by {}", p.step);
    if (p.kind == Kind::choice) values = fmt::format("{}", fmt::join(p.values, " "));
    if (p.kind == Kind::flag) values = "0 1";
    if (p.kind == Kind::fixed) values = to_text(p.fixed);
    table.rows.push_back({p.name, std::string(name_of(p.kind)), values, p.when});
  }
  fmt::print("{}", table.text());
  for (const Constraint& c : space.constraints()) fmt::print("constraint: {}\n", c.expression);
  fmt::print("{} parameters, {} that vary; about 10^{:.0f} designs\n\n", space.parameters().size(),
             space.dimension(), log10_size(space));

  constexpr int kSamples = 100, kShown = 5;
  Rng rng(config.seed);
  int infeasible = 0;
  std::string reason;
  std::vector<std::pair<Point, Metrics>> shown;
  for (int i = 0; i < kSamples; ++i) {
    const Point point = space.sample(rng);
    try {
      const Metrics m = proposer.predict(point);
      if (int(shown.size()) < kShown) shown.emplace_back(point, m);
    } catch (const Error& error) {
      ++infeasible;
      reason = error.what();
    }
  }
  for (const auto& [point, m] : shown)
    fmt::print("{}\n  size {} B, memory {} B, {} MACs, latency {:.2f} ms\n", to_text(point), m.size,
               m.memory, m.macs, m.latency);
  fmt::print("{} of {} random designs are infeasible{}\n", infeasible, kSamples,
             reason.empty() ? "" : "; the last: " + reason);
  const PhasePlan plan = PhasePlan::of(config.search);
  if (plan.method == "sparse")
    fmt::print("planned: {} trials ({} sobol, {} gp, {} morphism)\n", plan.total,
               std::min(plan.r1, plan.total), std::clamp(plan.total - plan.r1, 0, plan.r2),
               std::clamp(plan.total - plan.r1 - plan.r2, 0, plan.r3));
  else
    fmt::print("planned: {} trials by method {}\n", plan.total, plan.method);
  if (!plan.rungs.empty())
    fmt::print("paused after {} epochs, one in {} goes on\n",
               fmt::join(plan.rungs.begin(), plan.rungs.end() - 1, ", "), plan.eta);
}

void print_json(const Result& result) {
  nlohmann::json front = nlohmann::json::array();
  for (const Trial& t : result.front) {
    front.push_back(to_json(t));
    front.back()["model"] = result.folder.model(t.arm).string();
  }
  const nlohmann::json out = {{"run", result.folder.root.string()},
                              {"trials", result.trials.size()},
                              {"complete", result.complete},
                              {"hypervolume", result.hypervolume},
                              {"front", front}};
  fmt::print("{}\n", out.dump(2));
}

}  // namespace

void search(const SearchArgs& args) {
  const Config config = config_of(args);
  if (args.dry_run) return dry_run(config);
  Result result;
  {
    ProgressLine line;
    result = run(config, {.folder = args.out,
                          .progress = [&line](const Progress& p) { line(p); },
                          .spawn = spawn_worker});
  }
  if (args.json) return print_json(result);
  if (!result.note.empty())
    fmt::print("{}: {}.\n", result.complete ? "Ended" : "Not complete", result.note);
  fmt::print("{}\nhypervolume {:.4f}, {} trials; models: {}/ARM.spt\n",
             front_table(result.front, result.objectives), result.hypervolume, result.trials.size(),
             result.folder.models().string());
}

}  // namespace sparlet::cli
