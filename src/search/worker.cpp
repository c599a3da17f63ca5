#include "search/worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <thread>

#include "deploy/spt.h"
#include "nn/checkpoint.h"
#include "search/phases.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr uint64_t kTrialStream = 103;
constexpr std::chrono::milliseconds kPoll(1);

// Highest resident memory of this process since reset_peak(), where the system can tell.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }
int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t(usage.ru_maxrss) * 1024;
}

}  // namespace

namespace {

// How training begins and what it leaves.
struct Start {
  std::optional<Net> parent = {};
  std::optional<Checkpoint> resume = {};
  int begun = 0;
  bool keep = false;  // a checkpoint
};

Made make(const TrialContext& context, const Point& point, int epochs, const Start& start,
          std::optional<Checkpoint>& left, Rng& rng, const std::function<void()>& heartbeat) {
  Made made;
  made.data = data_for(context.pipeline, context.data, point);
  const Net fresh = context.pipeline.build(point, made.data.spec, context.pipeline.user, rng);
  TrainJob job{.net = fresh,
               .parent = start.parent ? &*start.parent : nullptr,
               .point = point,
               .data = made.data,
               .epochs = epochs,
               .user = context.pipeline.user,
               .progress =
                   [&](const EpochReport&) {
                     if (heartbeat) heartbeat();
                     return true;
                   },
               .begun = start.begun,
               .resume = start.resume ? &*start.resume : nullptr};
  if (start.keep) job.checkpoint = [&](const Checkpoint& c) { left = c; };
  made.trained = context.pipeline.train(job, rng);
  // What blows up only now is as good as it was.
  if (made.trained.diverged && start.begun > 0) made.trained.net = *start.parent;
  if (!made.trained.diverged || start.begun > 0)
    made.shipped = context.pipeline.quantize(made.trained.net, point, made.data);
  return made;
}

Start start_of(const TrialContext& context, const Trial& trial, bool rungs) {
  Start start{.keep = rungs};
  const RunFolder& folder = context.folder;
  const auto at = [&](int rung) { return rungs ? std::optional(rung) : std::nullopt; };
  if (!trial.before.empty()) {
    const Rung& last = trial.before.back();
    start.parent = deploy::load(folder.float_model(trial.arm, last.rung));
    start.begun = last.epochs;
    if (const auto path = folder.checkpoint(trial.arm, last.rung); std::filesystem::exists(path))
      start.resume = load_checkpoint(path);
  } else if (trial.parent) {
    start.parent = deploy::load(folder.float_model(*trial.parent, at(trial.parent_rung)));
  }
  return start;
}

}  // namespace

Made make_net(const TrialContext& context, const Point& point, int epochs, Rng& rng) {
  std::optional<Checkpoint> none;
  return make(context, point, epochs, {}, none, rng, {});
}

Trial run_trial(const TrialContext& context, Trial trial, const std::function<void()>& heartbeat) {
  const auto begin = std::chrono::steady_clock::now();
  reset_peak();
  const std::vector<int> rungs = PhasePlan::of(context.config.search).rungs;
  Rng rng(mix(mix(context.config.seed, kTrialStream), uint64_t(trial.arm)));
  if (!trial.before.empty()) rng = Rng(mix(rng.state(), uint64_t(trial.rung)));
  try {
    const Start start = start_of(context, trial, !rungs.empty());
    std::optional<Checkpoint> left;
    const Made made = make(context, trial.point, trial.epochs, start, left, rng, heartbeat);
    if (made.trained.diverged && start.begun == 0) {
      trial.status = Status::diverged;
    } else {
      trial.metrics = measure(context.pipeline, made.shipped, made.data.validation);
      const std::optional<int> rung = rungs.empty() ? std::nullopt : std::optional<int>(trial.rung);
      deploy::save(made.trained.net, context.folder.float_model(trial.arm, rung));
      deploy::save(made.shipped, context.folder.model(trial.arm, rung));
      if (left) save(*left, context.folder.checkpoint(trial.arm, trial.rung));
      const bool more = trial.rung + 1 < int(rungs.size()) && !made.trained.diverged;
      trial.status = more ? Status::paused : Status::done;
    }
  } catch (const std::exception& error) {
    trial.status = Status::failed;
    trial.reason = error.what();
  }
  trial.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  trial.peak_memory = std::max(trial.peak_memory, peak_memory());
  return trial;
}

bool work_once(const TrialContext& context, Store& store) {
  const std::optional<Trial> taken = store.take(int(getpid()));
  if (!taken) return false;
  const auto heartbeat = [&] {
    try {
      store.heartbeat(*taken);
    } catch (const Error&) {  // news only: finish() is what counts
    }
  };
  const Trial done = run_trial(context, *taken, heartbeat);
  store.finish(done);
  return true;
}

void work(const TrialContext& context, Store& store) {
  const pid_t parent = getppid();
  while (getppid() == parent) {
    if (work_once(context, store)) continue;
    if (store.meta("state") == "ended") return;
    while (!store.changed() && getppid() == parent) std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace sparlet::search
