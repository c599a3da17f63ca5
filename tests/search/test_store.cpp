#include <SQLiteCpp/SQLiteCpp.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "search/store.h"
#include "search_fixture.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

Trial trial(int arm, Status status = Status::pending) {
  Trial t;
  t.arm = t.job = arm;
  t.phase = Phase::gp;
  t.point = point_from("a=1 b=word");
  t.status = status;
  t.epochs = 3;
  return t;
}

}  // namespace

TEST_CASE("store: what goes in comes out") {
  const TestFolder folder;
  Store store = Store::create(folder / "run.db", {{"seed", "7"}});
  CHECK(store.meta("seed") == "7");
  CHECK(store.meta("none", "x") == "x");
  Trial a = trial(0), b = trial(1, Status::infeasible);
  a.parent = 5;
  a.moves = "a.up";
  b.reason = "too small, \"really\"";
  store.add({a, b});
  CHECK_THROWS_AS(store.add({trial(2), trial(1)}), Error);  // all or none
  REQUIRE(store.trials().size() == 2);
  CHECK(store.trials()[0].parent == 5);
  CHECK(store.trials()[0].moves == "a.up");
  CHECK(store.trials()[0].point == a.point);
  CHECK(store.trials()[1].reason == b.reason);

  std::optional<Trial> taken = store.take(42);
  REQUIRE(taken);
  CHECK(taken->arm == 0);
  CHECK(taken->attempt == 1);
  CHECK(taken->status == Status::running);
  CHECK_FALSE(store.take(43));
  taken->status = Status::done;
  taken->metrics = {.error = 0.1,
                    .size = 3000,
                    .weight_bytes = 5,
                    .memory = 6,
                    .memory_without_input = 4,
                    .macs = 7,
                    .effective_macs = 3,
                    .latency = 0.1 + 0.2,
                    .sparsity = 0.5,
                    .extra = {{"recall", 1.0 / 3}}};
  taken->seconds = 1.5;
  taken->peak_memory = 1 << 20;
  CHECK(store.finish(*taken));
  CHECK_FALSE(store.finish(*taken));  // once
  const Trial back = store.trial(0);
  CHECK(back.status == Status::done);
  CHECK(back.metrics.error == 0.1);
  CHECK(back.metrics.size == 3000);
  CHECK(back.metrics.latency == 0.1 + 0.2);
  CHECK(back.metrics.extra.at("recall") == 1.0 / 3);
  CHECK(back.metrics.memory_without_input == 4);
  CHECK(back.seconds == 1.5);
  CHECK_THROWS_WITH_AS(store.trial(9), doctest::Contains("no arm 9"), Error);
}

TEST_CASE("store: a stale worker's result is refused") {
  const TestFolder folder;
  Store store = Store::create(folder / "run.db", {});
  store.add({trial(0)});
  Trial first = *store.take(1);
  CHECK(store.release([](int) { return true; }, 3).empty());
  CHECK(store.release([](int) { return false; }, 3) == std::vector<int>{0});
  const Trial second = *store.take(1);  // the same process number, a later attempt
  CHECK(second.attempt == 2);
  first.status = Status::done;
  CHECK_FALSE(store.finish(first));
  store.release([](int) { return false; }, 3);
  store.take(2);
  store.release([](int) { return false; }, 3);  // the third death
  CHECK(store.trial(0).status == Status::failed);
  CHECK(store.trial(0).reason.find("died 3 times") != std::string::npos);
  CHECK_FALSE(store.take(3));
}

TEST_CASE("store: forgetting what nobody has begun") {
  const TestFolder folder;
  Store store = Store::create(folder / "run.db", {});
  store.add({trial(0), trial(1), trial(2, Status::infeasible), trial(3)});
  store.take(1);
  store.drop_pending();
  REQUIRE(store.trials().size() == 1);
  CHECK(store.trials()[0].arm == 0);
}

TEST_CASE("store: files that are none") {
  const TestFolder folder;
  CHECK_THROWS_WITH_AS(Store::open(folder / "none.db"), doctest::Contains("no such file"), Error);
  const auto refused = [&](const std::string& content) {
    { std::ofstream(folder / "bad.db", std::ios::binary) << content; }
    CHECK_THROWS_WITH_AS(Store::open(folder / "bad.db"), doctest::Contains("bad.db: "), Error);
    std::ifstream in(folder / "bad.db", std::ios::binary);
    const std::string now{std::istreambuf_iterator<char>(in), {}};
    CHECK(now == content);  // nothing lost
  };
  refused("");
  refused("this is no database at all, though long enough to be looked at: " +
          std::string(2000, 'x'));
  {
    Store store = Store::create(folder / "run.db", {});
    std::vector<Trial> many;
    for (int i = 0; i < 500; ++i) many.push_back(trial(i));
    store.add(many);
  }
  CHECK_THROWS_AS(Store::create(folder / "run.db", {}), Error);
  std::ifstream in(folder / "run.db", std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  REQUIRE(whole.size() > 20000);
  refused(whole.substr(0, 10));
  refused(whole.substr(0, whole.size() / 2));
  std::string later = whole;
  later[63] = 99;  // user_version, big-endian at 60
  refused(later);
}

TEST_CASE("store: content that cannot be read names the file and the trial") {
  const TestFolder folder;
  const auto path = folder / "run.db";
  Store::create(path, {}).add({trial(0), trial(1)});
  const auto complaint = [&](const std::string& change) -> std::string {
    SQLite::Database(path.string(), SQLite::OPEN_READWRITE).exec("UPDATE trials SET " + change);
    try {
      Store::open(path).trials();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(complaint("extra='{' WHERE arm=1") ==
        path.string() + ": trial 1: a metric that cannot be read");
  CHECK(complaint("status='zz' WHERE arm=1") ==
        path.string() + ": trial 1: status \"zz\" is unknown");
  CHECK(complaint("point='a=' WHERE arm=0") ==
        path.string() + ": trial 0: point: 'a=' is not name=value");
  CHECK_THROWS_WITH_AS(Store::open(path).trial(0), doctest::Contains("run.db: trial 0: "), Error);
}

// Eight processes, some killed at random moments: every trial ends exactly once. The last trials,
// one a process, wait until all kills are done: each hits a process that lives.
TEST_CASE("store: many processes, some of which die") {
  constexpr int kTrials = 120, kWorkers = 8;
  const TestFolder folder;
  {
    Store store = Store::create(folder / "run.db", {});
    std::vector<Trial> all;
    for (int i = 0; i < kTrials; ++i) all.push_back(trial(i));
    store.add(all);
  }
  const auto start = [&] {
    const pid_t child = fork();
    if (child != 0) return child;
    try {
      Store store = Store::open(folder / "run.db");
      while (std::optional<Trial> t = store.take(int(getpid()))) {
        do {
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        } while (t->arm >= kTrials - kWorkers && !std::filesystem::exists(folder / "kills over"));
        t->status = Status::done;
        t->metrics.size = t->arm;
        store.finish(*t);
      }
    } catch (...) {
      _exit(1);
    }
    _exit(0);
  };
  std::vector<pid_t> children;
  for (int i = 0; i < kWorkers; ++i) children.push_back(start());
  constexpr int kKills = 12;
  int killed = 0;
  for (int round = 0; round < kKills; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
    pid_t& victim = children[size_t(round) % children.size()];
    kill(victim, SIGKILL);
    int status = 0;
    waitpid(victim, &status, 0);
    killed += WIFSIGNALED(status);
    const int gone = int(victim);
    Store::open(folder / "run.db").release([&](int worker) { return worker != gone; }, 1000);
    victim = start();
  }
  std::ofstream(folder / "kills over");
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  Store store = Store::open(folder / "run.db");
  for (const Trial& t : store.trials()) {
    CHECK(t.status == Status::done);
    CHECK(t.metrics.size == t.arm);
  }
  CHECK(killed == kKills);
}
