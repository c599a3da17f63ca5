#include <algorithm>
#include <array>

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/svg.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "search/results.h"
#include "search/run.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

using namespace sparlet::search;

std::vector<Trial> done_of(const OpenRun& run) {
  std::vector<Trial> done;
  for (const Trial& t : run.trials)
    if (trained(t.status)) done.push_back(t);
  return done;
}

bool on_front(const OpenRun& run, int arm) {
  return std::find(run.front.begin(), run.front.end(), arm) != run.front.end();
}

// The stored model; of an arm that keeps none, the net as it was before training.
Net net_of(const OpenRun& run, const Trial& trial, bool stored) {
  if (stored) return deploy::load(run.folder.model(trial.arm));
  const Pipeline pipeline = default_pipeline(run.config);
  Rng rng(1);
  const DataSpec spec = spec_for(pipeline, load_data(run.config.data).spec, trial.point);
  return pipeline.build(trial.point, spec, run.config.user, rng);
}

void show_arm(const OpenRun& run, const ShowArgs& args) {
  const Trial trial = run.store.trial(*args.arm);
  const bool stored = std::filesystem::exists(run.folder.model(trial.arm));
  nlohmann::json out = to_json(trial);
  out["front"] = on_front(run, trial.arm);
  if (!args.json) {
    fmt::print("arm {} ({}, {}){}\n", trial.arm, name_of(trial.phase), name_of(trial.status),
               trial.reason.empty() ? "" : ": " + trial.reason);
    for (const auto& [name, value] : trial.point.values)
      fmt::print("  {} = {}\n", name, to_text(value));
    if (!trial.moves.empty()) fmt::print("  from arm {} by {}\n", *trial.parent, trial.moves);
    if (trained(trial.status)) fmt::print("\n{}", trial_table({trial}).text());
  }
  if (trial.status != Status::infeasible) {
    const Net net = net_of(run, trial, stored);
    const cost::Cost cost = cost::measure(net, run.config.device);
    if (args.json) {
      out["model"] =
          stored ? nlohmann::json(run.folder.model(trial.arm).string()) : nlohmann::json();
      out["layers"] = to_json(cost)["layers"];
      out["text"] = to_text(net.graph);
    } else {
      fmt::print("\n{}{}{}\n{}", layer_table(cost).text(), cost_summary(cost),
                 stored ? "model: " + run.folder.model(trial.arm).string() + "\n"
                        : "(untrained and in float: only arms on the front keep their models)\n",
                 to_text(net.graph));
    }
  }
  if (args.json) fmt::print("{}\n", out.dump(2));
}

// Trials, seconds and memory of each phase.
nlohmann::json phases_of(const OpenRun& run) {
  nlohmann::json list = nlohmann::json::array();
  for (const Phase phase :
       {Phase::sobol, Phase::gp, Phase::morphism, Phase::random, Phase::evolution}) {
    int trials = 0;
    double seconds = 0;
    int64_t peak = 0;
    std::array<int, 7> by_status{};
    for (const Trial& t : run.trials) {
      if (t.phase != phase) continue;
      ++by_status[size_t(t.status)];
      trials += t.status != Status::infeasible;
      seconds += t.seconds;
      peak = std::max(peak, t.peak_memory);
    }
    if (trials == 0 && (phase == Phase::random || phase == Phase::evolution)) continue;
    nlohmann::json entry = {
        {"phase", name_of(phase)}, {"trials", trials}, {"seconds", seconds}, {"peak_memory", peak}};
    for (size_t s = 0; s < by_status.size(); ++s)
      entry[std::string(name_of(Status(s)))] = by_status[s];
    list.push_back(entry);
  }
  return list;
}

void print_phases(const nlohmann::json& phases) {
  for (const auto& p : phases) {
    if (p["trials"] == 0) continue;
    std::string troubles;
    for (const char* name : {"paused", "infeasible", "diverged", "failed", "pending", "running"})
      if (p[name] != 0) troubles += fmt::format(", {} {}", p[name].get<int>(), name);
    fmt::print("{}: {} trials, {:.1f} s, peak {:.0f} MB{}\n", p["phase"].get<std::string>(),
               p["trials"].get<int>(), p["seconds"].get<double>(),
               p["peak_memory"].get<double>() / 1e6, troubles);
  }
}

}  // namespace

void show(const ShowArgs& args) {
  const OpenRun run = open_run(args.run);
  if (args.arm) return show_arm(run, args);
  std::vector<Trial> list = done_of(run);
  if (!args.svg.empty()) replace_file(args.svg, front_svg(list, run.front, run.config.name));
  if (!args.all) std::erase_if(list, [&](const Trial& t) { return !on_front(run, t.arm); });
  const size_t before = list.size();
  list = filtered(std::move(list), args.where);
  sort_by(list, args.sort);
  const double volume = hypervolume_of(run.trials, run.config.objectives);
  if (args.json) {
    nlohmann::json arms = nlohmann::json::array();
    for (const Trial& t : list) {
      arms.push_back(to_json(t));
      arms.back()["front"] = on_front(run, t.arm);
      arms.back()["model"] = on_front(run, t.arm) ? nlohmann::json(run.folder.model(t.arm).string())
                                                  : nlohmann::json();
    }
    const nlohmann::json out = {{"run", run.folder.root.string()},
                                {"arms", arms},
                                {"hypervolume", volume},
                                {"phases", phases_of(run)}};
    fmt::print("{}\n", out.dump(2));
    return;
  }
  if (list.empty()) {
    fmt::print("no arm{}\n", before ? fmt::format(" meets '{}' ({} on the {})", args.where, before,
                                                  args.all ? "list" : "front")
                                    : " has been trained yet");
  } else {
    const bool plain = !args.all && args.where.empty();
    fmt::print("{}", plain ? front_table(list, run.config.objectives) : trial_table(list).text());
  }
  fmt::print("\n");
  print_phases(phases_of(run));
  fmt::print("hypervolume {:.4f}; models: {}/ARM.spt\n", volume, run.folder.models().string());
}

}  // namespace sparlet::cli
