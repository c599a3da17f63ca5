// run(): a whole search, from a config to a Pareto front in a run folder. Resumes what is there.
#pragma once
#include "search/phases.h"
#include "search/worker.h"

namespace sparlet::search {

struct Progress {
  Phase phase = Phase::sobol;
  int done = 0, total = 0;  // designs trained, at least to their first rung
  int infeasible = 0, paused = 0;
  double best_error = 1;
  int front = 0;
  double hypervolume = 0;
  double elapsed = 0, eta = 0;  // seconds; eta < 0: unknown
};

struct RunOptions {
  std::filesystem::path folder = {};                   // empty: runs/NAME
  std::function<void(const Progress&)> progress = {};  // after every trial, and now and then
  // Starts a worker process on the folder that dies with this one, and gives its id. None: one
  // worker is this process itself, several are its forks.
  std::function<int(const RunFolder&)> spawn = {};
};

struct Result {
  RunFolder folder;
  std::vector<Trial> trials;  // by arm
  std::vector<Trial> front;   // by arm
  std::vector<Objective> objectives;
  double hypervolume = 0;
  bool complete = false;  // false: the time was up, or the space had nothing new
  std::string note;       // why it is not complete, or has ended early
};

// Throws Error for a bad config, missing data, a folder of another config (naming the first key
// that differs) or in use, or where no trial succeeds. Search never sees data.test.
Result run(const Config&, const RunOptions& = {});
Result run(const Config&, const Pipeline&, const Data&, const RunOptions& = {});

// A run folder as it stands. Throws Error beginning with the file that is missing or bad.
struct OpenRun {
  RunFolder folder;
  Config config;
  Space space;
  Store store;
  std::vector<Trial> trials;
  std::vector<int> front;
};
OpenRun open_run(const std::filesystem::path& folder);

// What a spawned worker process does.
void run_worker(const std::filesystem::path& folder);

}  // namespace sparlet::search
