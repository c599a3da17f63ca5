#include "search/run.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <thread>

#include "search/check.h"
#include "search/results.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr int kTries = 3;  // of a trial whose worker dies
constexpr int kQueue = 2;  // waiting Sobol trials
constexpr std::chrono::milliseconds kPoll(2);

bool alive(int process) { return process > 0 && (kill(process, 0) == 0 || errno == EPERM); }

int stored_workers(const Store& store, const RunFolder& folder) {
  const std::string text = store.meta("workers", "1");
  int workers = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), workers);
  require(status == std::errc() && end == text.data() + text.size() && workers >= 1,
          "{}: workers \"{}\" is not a number", folder.store().string(), text);
  return workers;
}

class Search {
 public:
  Search(const Config& config, const Pipeline& pipeline, const Data& data,
         const RunOptions& options, RunFolder folder)
      : config_(config),
        pipeline_(pipeline),
        options_(options),
        data_(data),
        folder_(std::move(folder)),
        lock_(folder_.root),
        space_(config.parameters, config.constraints),
        store_(open_store(folder_, config)),
        workers_(stored_workers(*store_, folder_)),
        proposer_(config_, space_, pipeline_, data_.spec, workers_),
        plan_(PhasePlan::of(config.search)),
        inline_(!options.spawn && workers_ == 1),
        start_(std::chrono::steady_clock::now()) {
    data_.test = {};  // a search never sees it
    store_->set_meta("state", "running");
    // Of a run that was killed. A worker of it may still be dying: what it writes then is refused.
    store_->release([](int) { return false; }, std::numeric_limits<int>::max());
    absorb();
  }

  ~Search() { stop_workers(); }

  Result run() {
    double reported = -1;
    while (true) {
      if (store_->changed()) absorb();
      const bool more = !time_up() && propose();
      if (!more && outstanding() == 0) break;
      if (time_up() && !dropped_) {
        store_->drop_pending();
        dropped_ = true;
        absorb();
        continue;
      }
      if (inline_) {
        if (work_once({config_, pipeline_, data_, folder_}, *store_)) absorb();
        continue;
      }
      supervise();
      if (elapsed() - reported > 1) {
        reported = elapsed();
        report();
      }
      std::this_thread::sleep_for(kPoll);
    }
    return finish();
  }

 private:
  double elapsed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  bool time_up() const {
    return config_.search.minutes > 0 && elapsed() > config_.search.minutes * 60;
  }
  int outstanding() const {
    return int(std::count_if(trials_.begin(), trials_.end(), [&](const Trial& t) {
      return t.status == Status::running || (t.status == Status::pending && !dropped_);
    }));
  }
  int waiting() const {
    return int(std::count_if(trials_.begin(), trials_.end(),
                             [](const Trial& t) { return t.status == Status::pending; }));
  }

  // Takes in what the workers did.
  void absorb() {
    trials_ = store_->trials();
    const std::vector<Trial> all = trainings(trials_);
    const auto ended =
        std::count_if(all.begin(), all.end(), [](const Trial& t) { return terminal(t.status); });
    if (ended == ended_) return;
    ended_ = ended;
    replace_file(folder_.results(), results_csv(trials_, space_));
    // Once nothing more can come, not even in a longer run, all that has ended is seen.
    const bool over = trained_count(trials_) >= plan_.r1 + plan_.r2 + plan_.r3;
    tidy_models(folder_, trials_, config_.objectives, over && plan_.rungs.empty() ? 1 : workers_,
                !plan_.rungs.empty());
    check_failures();
    report();
  }

  // Adds what may be proposed now; false where nothing more will come.
  bool propose() {
    while (!exhausted_ && (!plan_.rungs.empty() || trained_count(trials_) < plan_.total)) {
      if (idle_ == ended_) return true;  // nothing has changed since nothing could be proposed
      if (waiting() >= std::max(kQueue, workers_)) return true;
      idle_ = ended_;
      if (!ready(trials_, plan_, workers_)) return true;
      Proposer::Next next = proposer_.next(trials_);
      if (next.wait && next.infeasible.empty()) return true;
      idle_ = -1;
      exhausted_ = !next.trial && !next.wait;
      converged_ = next.converged;
      std::vector<Trial> fresh = std::move(next.infeasible);
      if (next.trial) fresh.push_back(std::move(*next.trial));
      store_->add(fresh);
      absorb();
    }
    return false;
  }

  void check_failures() const {
    int failed = 0;
    const Trial* first = nullptr;
    for (const Trial& t : trials_) {
      if (trained(t.status) || t.status == Status::diverged) return;
      if (t.status == Status::failed && failed++ == 0) first = &t;
    }
    require(failed < std::max(5, 2 * workers_),
            "search: the first {} trials all failed; arm {}: {}", failed, first ? first->arm : 0,
            first ? first->reason : "");
  }

  // Buries dead workers, gives their trials back, starts new ones.
  void supervise() {
    for (auto worker = children_.begin(); worker != children_.end();) {
      int status = 0;
      if (waitpid(*worker, &status, WNOHANG) != *worker) {
        ++worker;
        continue;
      }
      const bool had_trial = std::any_of(trials_.begin(), trials_.end(), [&](const Trial& t) {
        return t.status == Status::running && t.worker == *worker;
      });
      if (!had_trial && ++idle_deaths_ >= 3 * workers_ && ended_ == 0)
        fail("search: worker processes end at once (status {})", status);
      worker = children_.erase(worker);
    }
    if (elapsed() - released_ > 0.2) {
      released_ = elapsed();
      for (const int arm : store_->release(alive, kTries)) {
        store_->log("worker died", fmt::format("arm {}", arm));
        absorb();
      }
    }
    while (int(children_.size()) < workers_) start_worker();
  }

  void start_worker() {
    if (options_.spawn) {
      children_.push_back(options_.spawn(folder_));
      return;
    }
    // SQLite's connections do not survive a fork.
    store_.reset();
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      lock_.release();
      children_.clear();
      try {
        Store store = Store::open(folder_.store());
        work({config_, pipeline_, data_, folder_}, store);
      } catch (...) {
        _exit(1);
      }
      _exit(0);
    }
    store_.emplace(Store::open(folder_.store()));
    require(child > 0, "search: cannot start a worker process");
    children_.push_back(child);
  }

  void stop_workers() {
    for (const int child : children_) kill(child, SIGKILL);
    for (const int child : children_) waitpid(child, nullptr, 0);
    children_.clear();
  }

  void report() const {
    if (!options_.progress) return;
    Progress p;
    p.total = plan_.total;
    double seconds = 0;
    int64_t epochs = 0;
    double planned = 0;
    for (const Trial& t : trials_) {
      if (t.status == Status::infeasible) ++p.infeasible;
      if (trained(t.status)) p.best_error = std::min(p.best_error, t.metrics.error);
      if (!terminal(t.status) || t.status == Status::infeasible) continue;
      ++p.done;
      seconds += t.seconds;
      epochs += t.epochs;
    }
    for (int i = p.done; i < plan_.total; ++i) planned += plan_.expected_epochs(plan_.phase(i));
    p.phase = plan_.phase(std::clamp(p.done, 0, std::max(plan_.total - 1, 0)));
    p.paused = int(std::count_if(trials_.begin(), trials_.end(),
                                 [](const Trial& t) { return t.status == Status::paused; }));
    p.front = int(front_of(trials_, config_.objectives).size());
    p.hypervolume = hypervolume_of(trials_, config_.objectives);
    p.elapsed = elapsed();
    p.eta = epochs ? seconds / double(epochs) * planned / workers_ : -1;
    if (config_.search.minutes > 0)
      p.eta = std::min(p.eta < 0 ? 1e9 : p.eta, config_.search.minutes * 60 - p.elapsed);
    options_.progress(p);
  }

  Result finish() {
    stop_workers();
    absorb();
    Result result;
    result.folder = folder_;
    result.trials = trials_;
    result.objectives = config_.objectives;
    result.hypervolume = hypervolume_of(trials_, config_.objectives);
    for (const int arm : front_of(trials_, config_.objectives))
      result.front.push_back(*std::find_if(trials_.begin(), trials_.end(),
                                           [&](const Trial& t) { return t.arm == arm; }));
    const bool all = trained_count(trials_) >= plan_.total && waiting() == 0 &&
                     (plan_.rungs.empty() || exhausted_);
    result.complete = all || converged_;
    if (converged_ && !all)
      result.note = fmt::format("the hypervolume grew by less than {} of it in {} trainings",
                                plan_.tolerance, plan_.patience);
    else if (!all)
      result.note = exhausted_ ? "the space holds nothing new" : "the time was up";
    store_->set_meta("state", "ended");
    replace_file(folder_.results(), results_csv(trials_, space_));
    return result;
  }

  const Config config_;
  const Pipeline& pipeline_;
  const RunOptions& options_;
  Data data_;
  RunFolder folder_;
  FolderLock lock_;
  Space space_;
  std::optional<Store> store_;
  int workers_;
  Proposer proposer_;
  PhasePlan plan_;
  bool inline_;
  std::chrono::steady_clock::time_point start_;
  std::vector<Trial> trials_;
  std::vector<int> children_;
  int64_t ended_ = -1, idle_ = -1;  // trainings; so many when nothing could be proposed
  int idle_deaths_ = 0;
  double released_ = 0;
  bool exhausted_ = false, dropped_ = false, converged_ = false;
};

}  // namespace

Result run(const Config& config, const Pipeline& pipeline, const Data& data,
           const RunOptions& options) {
  check(config, pipeline);  // before there is a folder of this config
  RunFolder folder{options.folder.empty() ? std::filesystem::path("runs") / config.name
                                          : options.folder};
  std::error_code error;
  std::filesystem::create_directories(folder.root, error);
  require(!error, "{}: cannot be made: {}", folder.root.string(), error.message());
  return Search(config, pipeline, data, options, folder).run();
}

Result run(const Config& config, const RunOptions& options) {
  const Pipeline pipeline = default_pipeline(config);
  check(config, pipeline);
  return run(config, pipeline, load_data(config.data), options);
}

OpenRun open_run(const std::filesystem::path& root) {
  const RunFolder folder{root};
  require(std::filesystem::exists(folder.store()), "{}: no run here (there is no run.db)",
          root.string());
  Config config = load_config(folder.config());
  Space space(config.parameters, config.constraints);
  Store store = Store::open(folder.store());
  std::vector<Trial> trials = store.trials();
  std::vector<int> front = front_of(trials, config.objectives);
  return {folder,           std::move(config), std::move(space),
          std::move(store), std::move(trials), std::move(front)};
}

void run_worker(const std::filesystem::path& root) {
  const RunFolder folder{root};
  const Config config = load_config(folder.config());
  const Pipeline pipeline = default_pipeline(config);
  Data data = load_data(config.data);
  data.test = {};
  Store store = Store::open(folder.store());
  work({config, pipeline, data, folder}, store);
}

}  // namespace sparlet::search
