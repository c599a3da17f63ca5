// The folder of a run: its files, who may use it, and which models stay.
#pragma once
#include "search/config.h"
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
  // With successive halving each rung has its own: what one training wrote no later one changes.
  // models/17.r1.spt ...; the names above are then links to those of the front's last ones.
  std::filesystem::path model(int arm, std::optional<int> rung) const;
  std::filesystem::path float_model(int arm, std::optional<int> rung) const;
  std::filesystem::path checkpoint(int arm, int rung) const;  // models/17.r1.checkpoint
};

// Keeps a second search out of the folder while this one lives. Throws Error where there is one.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock() { release(); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  void release();

 private:
  int fd_;
};

// The store of the folder: made, or the one that is there if it is of the same search. Throws Error
// naming the first key that differs.
Store open_store(const RunFolder&, const Config&);

// Deletes models that no one will ask for: those of ended trials that are neither on the front, nor
// on the front of what the next proposal sees with so many workers, nor yet to be seen, nor parents
// of waiting children, nor paused. `rungs`: trials have files a rung.
void tidy_models(const RunFolder&, const std::vector<Trial>&, const std::vector<Objective>&,
                 int workers, bool rungs = false);

}  // namespace sparlet::search
