// Successive halving, `auto` and the other methods in the loop.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "fake_search.h"
#include "sparse/prune.h"

using namespace fake;

namespace {

std::vector<std::string> halving(std::string method, std::vector<std::string> more = {}) {
  std::vector<std::string> set = {"search.method=" + method, "search.asha=true", "search.eta=2",
                                  "search.epochs=4"};
  if (method == "sparse")  // phases that begin with one, one and two epochs
    set.insert(set.end(), {"search.epochs2=1", "search.epochs3=2"});
  set.insert(set.end(), more.begin(), more.end());
  return set;
}

// Of each rung, at most one in eta has gone on; what went on did so from where it stood.
void check_rungs(const Result& result, const Config& config) {
  CHECK(result.complete);
  const PhasePlan plan = PhasePlan::of(config.search);
  std::map<int, int> reached, left;
  std::set<int> jobs;
  for (const Trial& t : result.trials) {
    CHECK(jobs.insert(t.job).second);
    if (t.status == Status::infeasible) continue;
    CHECK(t.epochs == plan.rungs[size_t(t.rung)]);
    if (trained(t.status))
      CHECK((t.status == Status::done) == (t.rung + 1 == int(plan.rungs.size())));
    ++reached[t.rung];
    for (const Rung& b : t.before) {
      CHECK(jobs.insert(b.job).second);
      CHECK(b.job < t.job);
      CHECK(b.epochs == plan.rungs[size_t(b.rung)]);
      CHECK(b.metrics.error > t.metrics.error);  // of the fake trainer
      ++reached[b.rung], ++left[b.rung];
    }
  }
  for (const auto& [rung, count] : left) {
    CAPTURE(rung);
    CHECK(count <= int(double(reached[rung]) / plan.eta));
    if (plan.method != "sparse") CHECK(count >= int(double(reached[rung]) / plan.eta) - 2);
  }
  CHECK(trained_count(result.trials) == config.planned());
  CHECK(*jobs.rbegin() + 1 == int(jobs.size()));
  // The models of the front are those of its last rungs.
  for (const Trial& t : result.front) {
    REQUIRE(std::filesystem::exists(result.folder.model(t.arm)));
    const Net net = deploy::load(result.folder.float_model(t.arm));
    CHECK(net.value("out.w").read()[2] == t.epochs);
    CHECK(net.value("out.w").read()[0] == float(t.metrics.error));
  }
}

}  // namespace

TEST_CASE("halving: the best of a rung go on from where they stopped, with every method") {
  const TestFolder folder;
  for (const char* method : {"sparse", "auto", "random", "ehvi", "aging"}) {
    CAPTURE(method);
    const Config config = config_with(halving(method));
    const Result result = search_in(folder / method, config, fake_pipeline());
    check_rungs(result, config);
    int paused = 0, done = 0;
    for (const Trial& t : result.trials) {
      paused += t.status == Status::paused;
      done += t.status == Status::done;
    }
    CHECK(paused > 4);
    CHECK(done >= 2);
    const std::string csv = content(result.folder.results());
    CHECK(csv.find(",paused,,1,") != std::string::npos);
    CHECK(csv.find(",done,,4,") != std::string::npos);
    // What nobody will ask for is gone: only the front's names without a rung.
    int plain = 0;
    for (const auto& file : std::filesystem::directory_iterator(result.folder.models()))
      plain += file.path().filename().string().find(".r") == std::string::npos;
    CHECK(plain == 2 * int(result.front.size()));
  }
}

TEST_CASE("halving: same seed, same results.csv, whatever the order in which workers finish") {
  for (const char* method : {"auto", "sparse"})
    for (const char* workers : {"1", "3"}) {
      CAPTURE(method);
      CAPTURE(workers);
      const TestFolder folder;
      const Config config =
          config_with(halving(method, {std::string("search.workers=") + workers}));
      Pipeline slow = fake_pipeline();
      slow.train = [train = slow.train](const TrainJob& job, Rng& rng) {
        std::this_thread::sleep_for(std::chrono::milliseconds(getpid() % 3 * 9));
        return train(job, rng);
      };
      const Result a = search_in(folder / "a", config, fake_pipeline());
      const Result b = search_in(folder / "b", config, slow);
      check_rungs(b, config);
      CHECK(content(a.folder.results()) == content(b.folder.results()));
    }
}

TEST_CASE("halving: a process killed where a trial goes on costs that training at most") {
  const TestFolder folder;
  for (const char* method : {"auto", "random"})
    for (const char* workers : {"1", "2"}) {
      CAPTURE(method);
      CAPTURE(workers);
      const std::string name = std::string(method) + workers;
      const Config config =
          config_with(halving(method, {std::string("search.workers=") + workers}));
      const Result whole = search_in(folder / ("whole" + name), config, fake_pipeline());
      const auto root = folder / ("killed" + name), mark = folder / ("mark" + name);
      Pipeline deadly = fake_pipeline();
      deadly.train = [&, train = deadly.train](const TrainJob& job, Rng& rng) {
        if (job.begun > 0 && !std::filesystem::exists(mark)) {
          std::ofstream(mark) << "dead";
          raise(SIGKILL);
        }
        return train(job, rng);
      };
      const int status = in_child([&] { search_in(root, config, deadly); });
      CHECK(WIFSIGNALED(status) == (*workers == '1'));
      REQUIRE(std::filesystem::exists(mark));
      const Result result = search_in(root, config, fake_pipeline());
      check_rungs(result, config);
      CHECK(content(result.folder.results()) == content(whole.folder.results()));
    }
}

TEST_CASE("halving: stopped by the time and resumed is as if never stopped") {
  const TestFolder folder;
  for (const char* workers : {"1", "2"}) {
    CAPTURE(workers);
    const std::string name = workers;
    const auto set = halving("auto", {"search.workers=" + name});
    Pipeline slow = fake_pipeline();
    slow.train = [train = slow.train](const TrainJob& job, Rng& rng) {
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
      return train(job, rng);
    };
    auto cut = set;
    cut.push_back("search.minutes=0.006");
    const Result part = search_in(folder / ("run" + name), config_with(cut), slow);
    CHECK_FALSE(part.complete);
    for (const Trial& t : part.trials) CHECK(terminal(t.status));
    const Config config = config_with(set);
    const Result rest = search_in(folder / ("run" + name), config, fake_pipeline());
    const Result whole = search_in(folder / ("whole" + name), config, fake_pipeline());
    check_rungs(rest, config);
    CHECK(content(rest.folder.results()) == content(whole.folder.results()));
  }
}

TEST_CASE("halving: the built-in training goes on with weights, masks and the optimiser's state") {
  const Config config = config_from_text(R"(
[data]
train = 300
validation = 100
test = 10
[[parameter]]
name = "block_1_layer_1_filters"
type = "fixed"
value = 4
[[parameter]]
name = "prune_threshold"
type = "fixed"
value = 0.5
[[parameter]]
name = "learning_rate"
type = "fixed"
value = 0.01
)",
                                         "a.toml");
  const Pipeline pipeline = default_pipeline(config);
  const Data data = load_data(config.data);
  Rng rng(1);
  const Point point = Space(config.parameters).complete(Point{}, rng);
  const Net fresh = pipeline.build(point, data.spec, pipeline.user, rng);
  Checkpoint left;
  const auto keep = [&](const Checkpoint& c) { left = c; };
  TrainJob job{.net = fresh,
               .point = point,
               .data = data,
               .epochs = 1,
               .user = pipeline.user,
               .checkpoint = keep};
  Rng first(2), second(3), third(3);
  const Trained paused = pipeline.train(job, first);
  CHECK(sparse::density(paused.net) == doctest::Approx(0.5).epsilon(0.01));
  const Checkpoint begin = left;
  CHECK(begin.epoch == 1);
  job.epochs = 4, job.begun = 1, job.parent = &paused.net, job.resume = &begin;
  const Trained on = pipeline.train(job, second);
  REQUIRE(on.history.size() == 4);
  CHECK(on.history[0].train_loss == paused.history[0].train_loss);  // not trained again
  CHECK(on.history[1].train_loss < paused.history[0].train_loss);
  CHECK(on.validation_error <= paused.validation_error);
  CHECK(sparse::density(on.net) == doctest::Approx(sparse::density(paused.net)));
  CHECK(left.epoch == 4);
  // From a file it is the same.
  const Checkpoint read = checkpoint_from(to_bytes(begin), "bytes");
  job.resume = &read;
  const Trained again = pipeline.train(job, third);
  for (size_t id = 0; id < on.net.params.size(); ++id)
    if (on.net.graph[Id(id)].op->name == "param")
      CHECK(std::ranges::equal(on.net.params[id].read(), again.net.params[id].read()));
}

TEST_CASE("auto: new designs, morphs and what is paused compete") {
  const TestFolder folder;
  const auto count = [](const Result& result, auto predicate) {
    return std::count_if(result.trials.begin(), result.trials.end(), predicate);
  };
  const auto morph = [](const Trial& t) {
    return t.phase == Phase::morphism && t.status != Status::infeasible;
  };
  const Config config = config_with(halving("auto", {"search.trials=24", "search.r2=20"}));
  const Result all = search_in(folder / "all", config, fake_pipeline());
  CHECK(count(all, morph) > 0);
  CHECK(count(all, [](const Trial& t) { return t.phase == Phase::gp; }) > 0);
  bool mixed = false;  // new ones come between those that go on
  for (const Trial& t : all.trials)
    for (const Rung& b : t.before) mixed |= b.job + 1 < t.job;
  CHECK(mixed);
  for (const Trial& t : all.trials) {
    if (!morph(t)) continue;
    REQUIRE(t.parent);
    const Trial& parent = all.trials[size_t(*t.parent)];
    CHECK(t.inherited >= parent.inherited + 1);
    CHECK(t.parent_rung <= parent.rung);
  }
  const Result none = search_in(
      folder / "none",
      config_with(halving("auto", {"search.trials=24", "search.r2=20", "search.morphisms=false"})),
      fake_pipeline());
  CHECK(count(none, morph) == 0);
  // Without pauses new designs and morphs compete at full training.
  const Config full = config_with({"search.method=auto", "search.asha=false", "search.epochs=4"});
  const Result whole = search_in(folder / "whole", full, fake_pipeline());
  CHECK(whole.complete);
  for (const Trial& t : whole.trials)
    if (t.status != Status::infeasible) CHECK((t.epochs == 4 && t.before.empty()));
}

TEST_CASE("methods: each proposes its own way; a front that stops growing ends the search") {
  const TestFolder folder;
  std::set<std::string> files;
  for (const std::string_view method : search_methods()) {
    CAPTURE(method);
    const std::string name(method);
    const Config config = config_with({"search.method=" + name});
    const Result result = search_in(folder / name, config, fake_pipeline());
    CHECK(result.complete);
    CHECK(trained_count(result.trials) == 17);
    CHECK(files.insert(content(result.folder.results())).second);
  }
  const Config still = config_with(
      {"search.method=random", "search.r2=200", "search.tolerance=0.05", "search.patience=10"});
  const Result ended = search_in(folder / "still", still, fake_pipeline());
  CHECK(ended.complete);
  CHECK(ended.note.find("hypervolume grew by less than 0.05") == 4);
  CHECK(trained_count(ended.trials) < 120);
  CHECK(trained_count(ended.trials) >= 16);
  const std::string before = content(ended.folder.results());
  CHECK(search_in(folder / "still", still, fake_pipeline()).complete);
  CHECK(content(ended.folder.results()) == before);
}

TEST_CASE("store: a paused trial goes on, and is paused again where nobody begins it") {
  const TestFolder folder;
  Store store = Store::create(folder / "run.db", {});
  Trial t;
  t.point = point_from("a=1");
  t.epochs = 1;
  store.add({t});
  Trial taken = *store.take(7);
  taken.status = Status::paused;
  taken.metrics.error = 0.1 + 0.2;
  taken.metrics.extra["recall"] = 1.0 / 3;
  taken.seconds = 2;
  REQUIRE(store.finish(taken));
  Trial on = store.trial(0);
  on.before.push_back({on.job, on.rung, on.epochs, on.metrics});
  on.job = 1, on.rung = 1, on.epochs = 3, on.status = Status::pending;
  store.add({on});
  CHECK_THROWS_AS(store.add({on}), Error);  // it is not paused now
  Trial back = store.trial(0);
  REQUIRE(back.before.size() == 1);
  CHECK(back.before[0].metrics.error == 0.1 + 0.2);
  CHECK(back.before[0].metrics.extra.at("recall") == 1.0 / 3);
  CHECK(back.status == Status::pending);
  store.drop_pending();
  back = store.trial(0);
  CHECK(back.status == Status::paused);
  CHECK((back.before.empty() && back.epochs == 1 && back.job == 0));
  CHECK(back.metrics.error == 0.1 + 0.2);
  store.add({on});
  const Trial again = *store.take(8);
  CHECK((again.attempt == 1 && again.epochs == 3 && again.seconds == 2));
  store.drop_pending();  // begun: it stays
  CHECK(store.trial(0).status == Status::running);
  const std::vector<Trial> all = trainings(store.trials());
  REQUIRE(all.size() == 2);
  CHECK((all[0].status == Status::paused && all[0].epochs == 1 && all[1].job == 1));
}
