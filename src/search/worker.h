// A worker: takes trials from the store, trains them, writes what they gave.
#pragma once
#include "search/folder.h"
#include "search/pipeline.h"

namespace sparlet::search {

// What one trial needs; shared by all trials of a process. `data` has no test part.
struct TrialContext {
  const Config& config;
  const Pipeline& pipeline;
  const Data& data;
  RunFolder folder;
};

// Trains (or trains on, from what the trial's last rung left), prunes, quantises and measures;
// models are written before this returns. The result depends on the seed, the arm, the rung and the
// weights it begins with only. Never throws Error: that is status failed.
Trial run_trial(const TrialContext&, Trial, const std::function<void()>& heartbeat = {});

// A fresh net of the point, trained and quantised: what `test` repeats with other seeds.
struct Made {
  Data data;  // as the point's net takes them
  Trained trained;
  Net shipped;
};
Made make_net(const TrialContext&, const Point&, int epochs, Rng&);

// Takes and runs one trial; false where none was waiting.
bool work_once(const TrialContext&, Store&);
// Until the store says that the run has ended, or the process that began it dies.
void work(const TrialContext&, Store&);

}  // namespace sparlet::search
