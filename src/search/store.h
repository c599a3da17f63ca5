// The store of a run: its trials, in one SQLite file that many processes may use at once.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "search/trial.h"

namespace sparlet::search {

// One connection; not to be used across fork(). Every call is one transaction (BEGIN IMMEDIATE, 60
// s busy timeout, write-ahead log). Throws Error that begins with the file's path.
class Store {
 public:
  // Throws Error where the file exists.
  static Store create(const std::filesystem::path&, const std::map<std::string, std::string>& meta);
  // Throws Error where there is no file, or it is truncated, damaged, or of another version.
  // Changes nothing then. A file that cannot be written is opened to read.
  static Store open(const std::filesystem::path&);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  // Facts of the whole run: seed, workers, state ...
  std::string meta(const std::string& key, const std::string& fallback = "") const;
  void set_meta(const std::string& key, const std::string& value);

  // All trials, by arm.
  std::vector<Trial> trials() const;
  Trial trial(int arm) const;  // throws Error naming it

  // --- the proposing side
  // New ones, and paused ones that go on (with a last entry in `before`); all or none.
  void add(const std::vector<Trial>&);
  // Running trials whose worker is dead (by `alive`) go back to pending; after `tries` attempts
  // they have failed. Returns their arms.
  std::vector<int> release(const std::function<bool(int worker)>& alive, int tries);
  // Forgets the trials at the end that nobody has begun, infeasible ones among them; those that were
  // to go on are paused again.
  void drop_pending();
  // Whether another connection has written since the last call (true the first time).
  bool changed();
  void log(const std::string& kind, const std::string& text);

  // --- a worker's side
  // The pending trial of the first job, now running as `worker`'s; none where there is none.
  std::optional<Trial> take(int worker);
  void heartbeat(const Trial&);
  // Status, reason, metrics, seconds and peak memory. False, and nothing is written, where the
  // trial is no longer this worker's attempt.
  bool finish(const Trial&);

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sparlet::search
