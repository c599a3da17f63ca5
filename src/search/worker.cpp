#include "search/worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "deploy/spt.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr uint64_t kTrialStream = 103;
constexpr std::chrono::milliseconds kPoll(10);

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

Made make_net(const TrialContext& context, const Point& point, const Net* parent, int epochs,
              Rng& rng, const std::function<void()>& heartbeat) {
  Made made;
  made.data = data_for(context.pipeline, context.data, point);
  const Net fresh = context.pipeline.build(point, made.data.spec, context.pipeline.user, rng);
  const auto progress = [&](const EpochReport&) {
    if (heartbeat) heartbeat();
    return true;
  };
  made.trained = context.pipeline.train({.net = fresh,
                                         .parent = parent,
                                         .point = point,
                                         .data = made.data,
                                         .epochs = epochs,
                                         .user = context.pipeline.user,
                                         .progress = progress},
                                        rng);
  if (!made.trained.diverged)
    made.shipped = context.pipeline.quantize(made.trained.net, point, made.data);
  return made;
}

Trial run_trial(const TrialContext& context, Trial trial, const std::function<void()>& heartbeat) {
  const auto start = std::chrono::steady_clock::now();
  reset_peak();
  Rng rng(mix(mix(context.config.seed, kTrialStream), uint64_t(trial.arm)));
  try {
    std::optional<Net> parent;
    if (trial.parent) parent = deploy::load(context.folder.float_model(*trial.parent));
    const Made made =
        make_net(context, trial.point, parent ? &*parent : nullptr, trial.epochs, rng, heartbeat);
    if (made.trained.diverged) {
      trial.status = Status::diverged;
    } else {
      trial.metrics = measure(context.pipeline, made.shipped, made.data.validation);
      deploy::save(made.trained.net, context.folder.float_model(trial.arm));
      deploy::save(made.shipped, context.folder.model(trial.arm));
      trial.status = Status::done;
    }
  } catch (const std::exception& error) {
    trial.status = Status::failed;
    trial.reason = error.what();
  }
  trial.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  trial.peak_memory = peak_memory();
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
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace sparlet::search
