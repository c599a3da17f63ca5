// What a candidate of a search costs before it learns, and what a second worker brings.
//   first_step [CONFIG=examples/digits.toml] [points=60] [seconds=0]
// For random points of the config's space: from the proposal, written into the run's database, to
// the beginning of its first training step, in milliseconds, after as many points again have warmed
// the caches; then the slowest of them as many times over: what of it was memory that the process
// had not had before. With seconds > 0 also the training steps that one process and two processes
// make in that time (in turn, three times each): two idle cores are wanted.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <numeric>

#include "search/phases.h"
#include "search/store.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

using Clock = std::chrono::steady_clock;
double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

struct Enough {};  // thrown inside of a training whose rest is not wanted

struct Study {
  const Config config;
  const Space space;
  const Pipeline pipeline;
  const Data data;

  explicit Study(Config c)
      : config(std::move(c)),
        space(config.parameters, config.constraints),
        pipeline(default_pipeline(config)),
        data(load_data(config.data)) {}

  // A point whose net can be built.
  Point point(Rng& rng) const {
    while (true) {
      const Point p = space.sample(rng);
      try {
        Rng weights(1);
        pipeline.build(p, spec_for(pipeline, data.spec, p), pipeline.user, weights);
        return p;
      } catch (const Error&) {
      }
    }
  }

  // As the search trains, until `step` says so; `batch` is told that a batch lies ready.
  void begin_training(const Net& fresh, const Point& p, const Data& prepared, Rng& rng,
                      const std::function<void()>& batch,
                      const std::function<bool(int64_t step)>& step) const {
    const TrainJob job{.net = fresh,
                       .point = p,
                       .data = prepared,
                       .epochs = config.search.epochs1,
                       .user = pipeline.user};
    Recipe recipe = recipe_of(config.train, config.data.channels_first, job);
    recipe.options.hooks.push_back(Hook([&](const TrainState& state) -> std::optional<Net> {
      if (!step(state.step)) throw Enough{};
      return {};
    }));
    recipe.options.augment = [&](View, std::span<const int32_t>, Rng&) { batch(); };
    try {
      train(fresh, prepared, recipe.optimizer, recipe.options, rng);
    } catch (const Enough&) {
    }
  }
};

// In the order in which they pass: taken from the database, built, made ready to train.
struct Parts {
  double store = 0, build = 0, ready = 0;
  double all() const { return store + build + ready; }
};

Parts begin(const Study& s, Store& store, int arm, const Point& p) {
  Trial trial;
  trial.arm = trial.job = arm;
  trial.point = p;
  trial.epochs = s.config.search.epochs1;
  const Clock::time_point proposed = Clock::now();
  store.add({trial});
  const std::optional<Trial> taken = store.take(int(getpid()));
  require(taken.has_value(), "the trial did not reach the worker");
  const Clock::time_point has_it = Clock::now();
  Rng rng(uint64_t(arm) + 1);
  const Data prepared = data_for(s.pipeline, s.data, taken->point);
  const Net fresh = s.pipeline.build(taken->point, prepared.spec, s.pipeline.user, rng);
  const Clock::time_point built = Clock::now();
  std::optional<Clock::time_point> ready;
  const auto batch = [&] {
    ready = Clock::now();
    throw Enough{};
  };
  s.begin_training(fresh, taken->point, prepared, rng, batch, [](int64_t) { return false; });
  return {ms_between(proposed, has_it), ms_between(has_it, built), ms_between(built, *ready)};
}

void print(const char* what, std::vector<double> ms) {
  std::ranges::sort(ms);
  fmt::print("{:<28} mean {:>6.2f}  median {:>6.2f}  95 % {:>6.2f}  most {:>6.2f} ms\n", what,
             std::accumulate(ms.begin(), ms.end(), 0.0) / double(ms.size()), ms[ms.size() / 2],
             ms[ms.size() * 95 / 100], ms.back());
}

void first_steps(const Study& s, int points) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("sparlet-first-{}", getpid());
  std::filesystem::create_directories(folder);
  {
    Store store = Store::create(folder / "run.db", {});
    Rng rng(s.config.seed);
    std::vector<double> in_store, build, ready, all, again;
    Point slowest;
    for (int arm = 0; arm < 2 * points; ++arm) {
      const Point p = s.point(rng);
      const Parts parts = begin(s, store, arm, p);
      if (arm < points) continue;
      if (all.empty() || parts.all() > *std::ranges::max_element(all)) slowest = p;
      in_store.push_back(parts.store), build.push_back(parts.build);
      ready.push_back(parts.ready), all.push_back(parts.all());
    }
    fmt::print("{}: {} random points\n", s.config.name, points);
    print("database, there and back", in_store);
    print("data's form and net built", build);
    print("kernels, memory, first batch", ready);
    print("proposal to first step", all);
    for (int k = 0; k < points; ++k)
      again.push_back(begin(s, store, 2 * points + k, slowest).all());
    print("the slowest of them again", again);
  }
  std::filesystem::remove_all(folder);
}

// Steps of this process until the time is over.
int64_t steps_in(const Study& s, double seconds) {
  const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                   std::chrono::duration<double>(seconds));
  Rng rng(s.config.seed);
  int64_t steps = 0;
  while (Clock::now() < end) {
    const Point p = s.point(rng);
    const Data prepared = data_for(s.pipeline, s.data, p);
    const Net fresh = s.pipeline.build(p, prepared.spec, s.pipeline.user, rng);
    s.begin_training(
        fresh, p, prepared, rng, [] {},
        [&](int64_t) {
          ++steps;
          return Clock::now() < end;
        });
  }
  return steps;
}

double rate(const Study& s, int processes, double seconds) {
  std::vector<FILE*> ends;
  for (int i = 0; i < processes; ++i) {
    int ends_of[2];
    require(pipe(ends_of) == 0, "no pipe");
    const pid_t child = fork();
    require(child >= 0, "cannot fork");
    if (child == 0) {
      const int64_t steps = steps_in(s, seconds);
      const bool written = write(ends_of[1], &steps, sizeof steps) == sizeof steps;
      _exit(written ? 0 : 1);
    }
    close(ends_of[1]);
    ends.push_back(fdopen(ends_of[0], "r"));
  }
  int64_t all = 0;
  for (FILE* end : ends) {
    int64_t steps = 0;
    require(std::fread(&steps, sizeof steps, 1, end) == 1, "a process ended before its time");
    std::fclose(end);
    all += steps;
  }
  while (wait(nullptr) > 0) continue;
  return double(all) / seconds;
}

void scaling(const Study& s, double seconds) {
  std::vector<double> ratios;
  for (int round = 0; round < 3; ++round) {
    const double one = rate(s, 1, seconds), two = rate(s, 2, seconds);
    ratios.push_back(two / one);
    fmt::print("steps a second: one process {:.0f}, two {:.0f}: {:.3f} times\n", one, two,
               ratios.back());
    std::fflush(stdout);
  }
  std::ranges::sort(ratios);
  fmt::print("median: {:.3f} times\n", ratios[1]);
}

}  // namespace

int main(int argc, char** argv) try {
  const Study study(load_config(argc > 1 ? argv[1] : "examples/digits.toml", {}));
  const int points = argc > 2 ? std::stoi(argv[2]) : 60;
  const double seconds = argc > 3 ? std::stod(argv[3]) : 0;
  require(points >= 1, "points: {} given, wanted 1 or more", points);
  first_steps(study, points);
  if (seconds > 0) scaling(study, seconds);
} catch (const std::exception& error) {
  fmt::print(stderr, "first_step: {}\n", error.what());
  return 1;
}
