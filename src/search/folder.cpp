#include "search/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

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

void tidy_models(const RunFolder& folder, const std::vector<Trial>& trials,
                 const std::vector<Objective>& objectives, int workers) {
  std::set<int> models, floats;
  for (const int arm : front_of(trials, objectives)) models.insert(arm);
  floats = models;
  const Visible view = visible(trials, workers);
  std::vector<Trial> seen;
  for (const Trial* t : view.seen) seen.push_back(*t);
  for (const int arm : front_of(seen, objectives)) floats.insert(arm);
  for (const Trial* t : view.pending) floats.insert(t->arm);
  for (const Trial& t : trials) {
    if (terminal(t.status)) continue;
    floats.insert(t.arm), models.insert(t.arm);  // being written
    if (t.parent) floats.insert(*t.parent);
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder.models(), ignored)) {
    const std::string name = entry.path().filename().string();
    int arm = 0;
    size_t digits = 0;
    while (digits < name.size() && digits < 9 && isdigit(static_cast<unsigned char>(name[digits])))
      arm = arm * 10 + (name[digits++] - '0');
    const std::string rest = name.substr(digits);
    if (digits == 0) continue;
    if ((rest == ".spt" && !models.contains(arm)) ||
        (rest == ".float.spt" && !floats.contains(arm)))
      std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace sparlet::search
