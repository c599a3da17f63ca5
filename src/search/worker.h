// A worker: takes trials from the store, trains them, writes what they gave.
#pragma once
#include "search/pipeline.h"
#include "search/store.h"

namespace sparlet::search {

// Files of one run. Models are kept for Pareto arms, float ones also for parents of waiting
// children.
struct RunFolder {
  std::filesystem::path root;
  std::filesystem::path store() const { return root / "run.db"; }
  std::filesystem::path config() const { return root / "config.toml"; }
  std::filesystem::path results() const { return root / "results.csv"; }
  std::filesystem::path models() const { return root / "models"; }
  std::filesystem::path model(int arm) const;        // models/17.spt
  std::filesystem::path float_model(int arm) const;  // models/17.float.spt
};

// What one trial needs; shared by all trials of a process. `data` has no test part.
struct TrialContext {
  const Config& config;
  const Pipeline& pipeline;
  const Data& data;
  RunFolder folder;
};

// Trains, prunes, quantises and measures; models are written before this returns. The result
// depends on the seed, the arm and the parent's weights only. Never throws Error: that is status
// failed.
Trial run_trial(const TrialContext&, Trial, const std::function<void()>& heartbeat = {});

// A fresh net of the point, trained and quantised: what `test` repeats with other seeds.
struct Made {
  Trained trained;
  Net shipped;
};
Made make_net(const TrialContext&, const Point&, const Net* parent, int epochs, Rng&,
              const std::function<void()>& heartbeat = {});

// Takes and runs one trial; false where none was waiting.
bool work_once(const TrialContext&, Store&);
// Until the store says that the run has ended, or the process that began it dies.
void work(const TrialContext&, Store&);

}  // namespace sparlet::search
