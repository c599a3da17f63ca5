#include "search/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "search/phases.h"
#include "search/results.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

int resolved_workers(const Config& config) {
  if (config.search.workers > 0) return config.search.workers;
  return std::max(1, int(std::thread::hardware_concurrency()));
}

}  // namespace

std::filesystem::path RunFolder::model(int arm) const {
  return models() / fmt::format("{}.spt", arm);
}
std::filesystem::path RunFolder::float_model(int arm) const {
  return models() / fmt::format("{}.float.spt", arm);
}

std::filesystem::path RunFolder::model(int arm, std::optional<int> rung) const {
  return rung ? models() / fmt::format("{}.r{}.spt", arm, *rung) : model(arm);
}
std::filesystem::path RunFolder::float_model(int arm, std::optional<int> rung) const {
  return rung ? models() / fmt::format("{}.r{}.float.spt", arm, *rung) : float_model(arm);
}
std::filesystem::path RunFolder::checkpoint(int arm, int rung) const {
  return models() / fmt::format("{}.r{}.checkpoint", arm, rung);
}

FolderLock::FolderLock(const std::filesystem::path& folder)
    : fd_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  release();
  fail("{}: another search runs here", folder.string());
}

void FolderLock::release() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

Store open_store(const RunFolder& folder, const Config& config) {
  if (!std::filesystem::exists(folder.store())) {
    std::filesystem::create_directories(folder.models());
    replace_file(folder.config(), config.text);
    return Store::create(folder.store(),
                         {{"seed", fmt::format("{}", config.seed)},
                          {"workers", fmt::format("{}", resolved_workers(config))}});
  }
  Store store = Store::open(folder.store());
  const std::string difference = first_difference(load_config(folder.config()), config);
  require(difference.empty(), "{}: holds a search with another config: {}", folder.root.string(),
          difference);
  const std::string workers = store.meta("workers");
  require(config.search.workers == 0 || fmt::format("{}", config.search.workers) == workers,
          "{}: holds a search with another config: search.workers: {} before, now {}",
          folder.root.string(), workers, config.search.workers);
  std::filesystem::create_directories(folder.models());
  replace_file(folder.config(), config.text);  // trials and minutes may differ
  return store;
}

namespace {

// The files that somebody may ask for.
class Kept {
 public:
  Kept(const RunFolder& folder, bool rungs) : folder_(folder), rungs_(rungs) {}
  void model(const Trial& t) { keep(folder_.model(t.arm, rung(t.rung))); }
  void floats(int arm, int at) {
    keep(folder_.float_model(arm, rung(at)));
    if (rungs_) keep(folder_.checkpoint(arm, at));
  }
  void keep(const std::filesystem::path& path) { names_.insert(path.filename().string()); }
  bool contains(const std::string& name) const { return names_.contains(name); }

 private:
  std::optional<int> rung(int at) const { return rungs_ ? std::optional(at) : std::nullopt; }
  const RunFolder& folder_;
  bool rungs_;
  std::set<std::string> names_;
};

bool is_model(const std::string& name) {
  return !name.empty() && isdigit(static_cast<unsigned char>(name[0])) &&
         (name.ends_with(".spt") || name.ends_with(".checkpoint"));
}

// `to` is the same file as `from`, if that is there.
void publish(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  if (!std::filesystem::exists(from) || std::filesystem::equivalent(from, to, error)) return;
  const std::filesystem::path fresh = to.string() + ".new";
  std::filesystem::remove(fresh, error);
  std::filesystem::create_hard_link(from, fresh, error);
  if (error) std::filesystem::copy_file(from, fresh);
  std::filesystem::rename(fresh, to);
}

}  // namespace

void tidy_models(const RunFolder& folder, const std::vector<Trial>& trials,
                 const std::vector<Objective>& objectives, int workers, bool rungs) {
  Kept kept(folder, rungs);
  std::map<int, const Trial*> by_arm;
  for (const Trial& t : trials) by_arm[t.arm] = &t;
  for (const int arm : front_of(trials, objectives)) {
    const Trial& t = *by_arm[arm];
    kept.model(t), kept.floats(arm, t.rung);
    if (!rungs) continue;
    publish(folder.model(arm, t.rung), folder.model(arm));
    publish(folder.float_model(arm, t.rung), folder.float_model(arm));
    kept.keep(folder.model(arm)), kept.keep(folder.float_model(arm));
  }
  const std::vector<Trial> all = trainings(trials);
  const Visible view = visible(all, workers);
  std::vector<Trial> seen;
  for (const Trial* t : view.seen) seen.push_back(*t);
  for (const Trial* t : front_trials(seen, objectives)) kept.floats(t->arm, t->rung);
  for (const Trial* t : view.pending) kept.floats(t->arm, t->rung);
  for (const Trial& t : trials) {
    if (t.status == Status::paused) kept.floats(t.arm, t.rung);
    if (terminal(t.status)) continue;
    kept.model(t), kept.floats(t.arm, t.rung);  // being written
    if (t.parent) kept.floats(*t.parent, t.parent_rung);
    if (!t.before.empty()) kept.floats(t.arm, t.before.back().rung);
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder.models(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (is_model(name) && !kept.contains(name)) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace sparlet::search
