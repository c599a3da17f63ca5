// The loop: phases, workers, killed processes, folders.
#include <fmt/format.h>

#include <set>
#include <thread>

#include "fake_search.h"

using namespace fake;

namespace {

void check_whole(const Result& result, const Config& config) {
  CHECK(result.complete);
  std::set<std::string> points;
  int trained = 0, infeasible = 0;
  for (size_t i = 0; i < result.trials.size(); ++i) {
    const Trial& t = result.trials[i];
    CHECK(t.arm == int(i));
    CHECK(terminal(t.status));
    CHECK(points.insert(to_text(t.point)).second);  // no design twice
    const bool bad = t.point.word("kind") == "b" && t.point.integer("n") == 3;
    CHECK((t.status == Status::infeasible) == bad);
    if (bad) {
      ++infeasible;
      CHECK(t.reason == "out (linear): three is not a number");
      continue;
    }
    const PhasePlan plan = PhasePlan::of(config.search);
    CHECK(t.phase == plan.phase(trained++));
    CHECK(t.epochs == plan.epochs(t.phase));
    if (t.phase != Phase::morphism) CHECK_FALSE(t.parent);
    CHECK((t.status == Status::diverged) ==
          (t.point.word("kind") == "b" && t.point.integer("n") == 8));
  }
  CHECK(trained == config.planned());
  // Models of the front, and no others.
  std::set<int> front;
  for (const Trial& t : result.front) front.insert(t.arm);
  for (const Trial& t : result.trials) {
    CHECK(std::filesystem::exists(result.folder.model(t.arm)) == front.contains(t.arm));
    CHECK(std::filesystem::exists(result.folder.float_model(t.arm)) == front.contains(t.arm));
  }
}

}  // namespace

TEST_CASE("loop: auto begins with designs within the box of what is known, sparse as it says") {
  const auto beyond = [](const char* method) {
    const TestFolder folder;
    const std::string box =
        std::string(kConfig) + "[[objective]]\nname = \"size\"\nreference = 350\n";
    Config config = config_from_text(
        box, "fake.toml", {std::string("search.method=\"") + method + "\"", "search.trials=12"});
    int count = 0;
    for (const Trial& t : search_in(folder / "run", config, fake_pipeline()).trials)
      count +=
          t.phase == Phase::sobol && t.status != Status::infeasible && t.point.integer("n") > 3;
    return count;
  };
  CHECK(beyond("auto") == 0);
  CHECK(beyond("sparse") > 0);
}

TEST_CASE("loop: three phases, one record of each, models of the front") {
  const TestFolder folder;
  const Config config = config_with({});
  const Result result = search_in(folder / "run", config, fake_pipeline());
  check_whole(result, config);
  int children = 0;
  for (const Trial& t : result.trials)
    if (t.parent && t.status != Status::infeasible) {
      ++children;
      CHECK(*t.parent < t.arm);
      CHECK_FALSE(t.moves.empty());
    }
  CHECK(children > 0);
  const std::string csv = content(result.folder.results());
  CHECK(
      csv.starts_with("arm,phase,parent,status,reason,epochs,error,size,weight_bytes,memory,macs,"
                      "effective_macs,latency,sparsity,x,n,kind\n"));
  CHECK(std::count(csv.begin(), csv.end(), '\n') == long(result.trials.size()) + 1);
}

TEST_CASE("loop: same seed, same results.csv, in whatever order workers finish") {
  for (const char* workers : {"1", "2", "3"}) {
    CAPTURE(workers);
    const TestFolder folder;
    const Config config = config_with({std::string("search.workers=") + workers});
    Pipeline slow = fake_pipeline();
    slow.train = [train = slow.train](const TrainJob& job, Rng& rng) {
      std::this_thread::sleep_for(std::chrono::milliseconds((getpid() * 7 + rng.below(5)) % 13));
      return train(job, rng);
    };
    const Result a = search_in(folder / "a", config, fake_pipeline());
    Pipeline other = slow;
    other.train = [train = fake_pipeline().train](const TrainJob& job, Rng& rng) {
      std::this_thread::sleep_for(std::chrono::milliseconds(getpid() % 3 * 10));
      return train(job, rng);
    };
    const Result b = search_in(folder / "b", config, other);
    check_whole(a, config);
    CHECK(content(a.folder.results()) == content(b.folder.results()));
    const Result c =
        search_in(folder / "c", config_with({"seed=4", std::string("search.workers=") + workers}),
                  fake_pipeline());
    CHECK(content(a.folder.results()) != content(c.folder.results()));
  }
}

TEST_CASE("loop: stopped and resumed is as if never stopped") {
  const TestFolder folder;
  for (const int workers : {1, 2}) {
    const std::string n = "search.workers=" + std::to_string(workers);
    const Config config = config_with({n});
    const Result whole =
        search_in(folder / ("whole" + std::to_string(workers)), config, fake_pipeline());
    for (const int stop : {3, 8, 12, 14, 16}) {
      CAPTURE(workers);
      CAPTURE(stop);
      const auto root = folder / fmt::format("part{}-{}", workers, stop);
      const Result part =
          search_in(root, config_with({n, fmt::format("search.trials={}", stop)}), fake_pipeline());
      CHECK(part.complete);
      const Result rest = search_in(root, config, fake_pipeline());
      check_whole(rest, config);
      CHECK(content(rest.folder.results()) == content(whole.folder.results()));
    }
  }
}

TEST_CASE("loop: a finished run is not run again") {
  const TestFolder folder;
  const Result whole = search_in(folder / "whole", config_with({}), fake_pipeline());
  const std::string before = content(whole.folder.results());
  Pipeline never = fake_pipeline();
  never.train = [](const TrainJob&, Rng&) -> Trained { fail("must not be called"); };
  CHECK(search_in(folder / "whole", config_with({}), never).complete);
  CHECK(content(whole.folder.results()) == before);
}

TEST_CASE("loop: a killed process costs its trial at most") {
  const TestFolder folder;
  for (const char* workers : {"1", "2"}) {
    CAPTURE(workers);
    const Config config = config_with({std::string("search.workers=") + workers});
    const std::string name = workers;
    const Result whole = search_in(folder / ("whole" + name), config, fake_pipeline());
    const auto root = folder / ("killed" + name), mark = folder / ("mark" + name);
    Pipeline deadly = fake_pipeline();
    int calls = 0;
    deadly.train = [&, train = deadly.train](const TrainJob& job, Rng& rng) {
      // The first time that a point of the later phases is trained, its process dies. With one
      // worker that is the search itself.
      if (job.epochs == 2 && !std::filesystem::exists(mark)) {
        std::ofstream(mark) << "dead";
        raise(SIGKILL);
      }
      ++calls;
      return train(job, rng);
    };
    const int status = in_child([&] { search_in(root, config, deadly); });
    if (*workers == '1') {
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == SIGKILL);
    } else {
      CHECK(status == 0);  // the worker died, the search lived
    }
    REQUIRE(std::filesystem::exists(mark));
    const Result result = search_in(root, config, fake_pipeline());
    check_whole(result, config);
    CHECK(content(result.folder.results()) == content(whole.folder.results()));
    int again = 0;
    for (const Trial& t : result.trials) again += t.attempt == 2;
    CHECK(again == 1);
  }
}

TEST_CASE("loop: the searching process killed while its workers train") {
  const TestFolder folder;
  const Config config = config_with({"search.workers=2"});
  const Result whole = search_in(folder / "whole", config, fake_pipeline());
  Pipeline slow = fake_pipeline();
  slow.train = [train = slow.train](const TrainJob& job, Rng& rng) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return train(job, rng);
  };
  const auto root = folder / "killed";
  const pid_t parent = fork();
  if (parent == 0) {
    search_in(root, config, slow);
    _exit(0);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  kill(parent, SIGKILL);
  int status = 0;
  waitpid(parent, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  const Result result = search_in(root, config, fake_pipeline());
  check_whole(result, config);
  CHECK(content(result.folder.results()) == content(whole.folder.results()));
}

TEST_CASE("loop: what a folder refuses") {
  const TestFolder folder;
  search_in(folder / "run", config_with({"search.trials=2"}), fake_pipeline());
  const auto complaint = [&](std::vector<std::string> set) -> std::string {
    try {
      search_in(folder / "run", config_with(set), fake_pipeline());
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(complaint({"seed=9"}).find("seed: 3 before, now 9") != std::string::npos);
  CHECK(complaint({"search.workers=4"}).find("search.workers: 1 before, now 4") !=
        std::string::npos);
  CHECK(complaint({"parameter.n.bounds=[1,4]"}).find("parameter[1].bounds") != std::string::npos);
  CHECK(complaint({"search.trials=3"}) == "");
  Store::open(folder / "run" / "run.db").set_meta("workers", "x");
  CHECK(complaint({"search.workers=0"}).find("run.db: workers \"x\"") != std::string::npos);
  std::ofstream(folder / "run" / "run.db", std::ios::binary) << "broken";
  CHECK(complaint({}).find("run.db") != std::string::npos);
  CHECK(content(folder / "run" / "run.db") == "broken");
}

TEST_CASE("loop: troubles are told") {
  const TestFolder folder;
  Pipeline failing = fake_pipeline();
  failing.train = [](const TrainJob&, Rng&) -> Trained { fail("out: no luck"); };
  CHECK_THROWS_WITH_AS(search_in(folder / "a", config_with({}), failing),
                       doctest::Contains("out: no luck"), Error);
  Pipeline impossible = fake_pipeline();
  impossible.build = [](const Point&, const DataSpec&, const UserTable&, Rng&) -> Net {
    fail("c1: smaller than its kernel");
  };
  CHECK_THROWS_WITH_AS(search_in(folder / "b", config_with({}), impossible),
                       doctest::Contains("c1: smaller than its kernel"), Error);
  CHECK_THROWS_WITH_AS(
      search_in(folder / "c", config_with({"objectives=[\"beauty\"]"}), fake_pipeline()),
      doctest::Contains("beauty"), Error);
  // A space of few designs ends the search early.
  const Result few = search_in(
      folder / "d",
      config_with({"parameter.x.bounds=[0.5,1]", "parameter.x.step=1", "parameter.n.bounds=[1,2]"}),
      fake_pipeline());
  CHECK_FALSE(few.complete);
  CHECK(few.trials.size() == 4);
  CHECK(few.note.find("nothing new") != std::string::npos);
}

TEST_CASE("loop: one objective, and a metric of one's own") {
  const TestFolder folder;
  const Result one = search_in(folder / "one", config_with({"objectives=1"}), fake_pipeline());
  CHECK(one.front.size() == 1);
  Pipeline p = fake_pipeline();
  p.user["offset"] = {0.5};
  p.metrics["wisdom"] = [](const Net& net, const Dataset&, const UserTable& user) {
    return *user.at("offset").get<double>() + net.value("out.w").read()[0];
  };
  const Result two =
      search_in(folder / "two", config_with({"objectives=[\"wisdom\",\"size\"]"}), p);
  CHECK(two.complete);
  for (const Trial& t : two.front)
    CHECK(t.metrics.extra.at("wisdom") == doctest::Approx(0.5 + t.metrics.error));
  CHECK(content(two.folder.results()).find("sparsity,wisdom,x") != std::string::npos);
}

TEST_CASE("loop: no time, nothing proposed; what was begun is kept") {
  const TestFolder folder;
  Pipeline slow = fake_pipeline();
  slow.train = [train = slow.train](const TrainJob& job, Rng& rng) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    return train(job, rng);
  };
  const Result cut = search_in(folder / "run", config_with({"search.minutes=0.003"}), slow);
  CHECK_FALSE(cut.complete);
  CHECK(cut.note.find("time") != std::string::npos);
  CHECK(cut.trials.size() < 17);
  const Result rest = search_in(folder / "run", config_with({}), fake_pipeline());
  const Result whole = search_in(folder / "whole", config_with({}), fake_pipeline());
  CHECK(content(rest.folder.results()) == content(whole.folder.results()));
}

TEST_CASE("phases: proposal t sees the trials up to t-N") {
  std::vector<Trial> trials(5);
  for (int i = 0; i < 5; ++i) {
    trials[size_t(i)].arm = i;
    trials[size_t(i)].status = i < 3 ? Status::done : Status::running;
  }
  trials[1].status = Status::infeasible;
  // Trained: 0 2 3 4. With three workers the next one sees 0 and 2.
  const Visible v = visible(trials, 3);
  REQUIRE(v.seen.size() == 2);
  CHECK(v.seen[1]->arm == 2);
  REQUIRE(v.pending.size() == 2);
  const PhasePlan plan{.r1 = 1, .r2 = 9, .r3 = 0, .total = 10};
  CHECK(ready(trials, plan, 3));
  CHECK_FALSE(ready(trials, plan, 2));
  CHECK(ready(trials, PhasePlan{.r1 = 9, .r2 = 0, .r3 = 0, .total = 9}, 2));  // Sobol sees nothing
  CHECK_FALSE(ready(trials, PhasePlan{.r1 = 4, .r2 = 0, .r3 = 0, .total = 4}, 5));  // all proposed
}
