#include "search/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "search/store_rows.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

constexpr int kVersion = 2;

constexpr const char* kSchema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE trials(
  arm INTEGER PRIMARY KEY, phase TEXT NOT NULL, parent INTEGER, point TEXT NOT NULL, moves TEXT NOT NULL,
  status TEXT NOT NULL, reason TEXT NOT NULL, epochs INTEGER NOT NULL,
  error REAL, size INTEGER, weight_bytes INTEGER, memory INTEGER, memory_without_input INTEGER,
  macs INTEGER, effective_macs INTEGER, latency REAL, sparsity REAL, extra TEXT,
  seconds REAL, peak_memory INTEGER, attempt INTEGER NOT NULL, worker INTEGER NOT NULL, heartbeat REAL,
  job INTEGER NOT NULL UNIQUE, rung INTEGER NOT NULL, parent_rung INTEGER NOT NULL, inherited INTEGER NOT NULL,
  before TEXT NOT NULL);
CREATE INDEX trials_by_status ON trials(status, job);
CREATE TABLE events(id INTEGER PRIMARY KEY, time REAL NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
)";

double now() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

// WAL writes beside the file, even to read it.
bool can_write(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  return ::access(path.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
}

// As a URI. Without a log all is in the file: then it is read without one.
std::string read_only_name(const std::filesystem::path& path) {
  std::string uri = "file:";
  for (const char c : path.string())
    uri += c == '%' || c == '?' || c == '#' ? fmt::format("%{:02X}", int(c)) : std::string(1, c);
  const bool log = std::filesystem::exists(path.string() + "-wal");
  return uri + (log ? "?mode=ro" : "?mode=ro&immutable=1");
}

}  // namespace

struct Store::Impl {
  Impl(const std::filesystem::path& path, int flags) : Impl(path, path.string(), flags) {}
  Impl(const std::filesystem::path& path, const std::string& opened, int flags)
      : name(path.string()), db(opened, flags, 60000) {}

  // Runs `body` and turns SQLite's troubles into ours.
  template <class Body>
  auto guarded(Body body) const {
    return guarded(name, body);
  }
  template <class Body>
  static auto guarded(const std::string& name, Body body) {
    try {
      return body();
    } catch (const SQLite::Exception& error) {
      fail("{}: {}", name, error.what());
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("trial ")) fail("{}: {}", name, error.what());
      throw;
    }
  }
  template <class Body>
  auto transaction(Body body) {
    return guarded([&] {
      SQLite::Transaction t(db, SQLite::TransactionBehavior::IMMEDIATE);
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        t.commit();
      } else {
        auto result = body();
        t.commit();
        return result;
      }
    });
  }
  void prepare() {
    db.exec("PRAGMA journal_mode=WAL");
    // Enough against killed processes; after a power cut the last trials may run again.
    db.exec("PRAGMA synchronous=NORMAL");
  }

  std::string name;
  SQLite::Database db;
  int64_t version = -1;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::create(const std::filesystem::path& path,
                    const std::map<std::string, std::string>& meta) {
  require(!std::filesystem::exists(path), "{}: exists already", path.string());
  // Made under another name, so that a half-made store is never taken for a run.
  const std::filesystem::path fresh = path.string() + ".new";
  std::filesystem::remove(fresh);
  Impl::guarded(path.string(), [&] {
    SQLite::Database db(fresh.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 60000);
    SQLite::Transaction t(db, SQLite::TransactionBehavior::IMMEDIATE);
    db.exec(kSchema);
    for (const auto& [key, value] : meta) {
      SQLite::Statement insert(db, "INSERT INTO meta VALUES(?, ?)");
      insert.bind(1, key);
      insert.bind(2, value);
      insert.exec();
    }
    db.exec(fmt::format("PRAGMA user_version={}", kVersion));
    t.commit();
  });
  std::filesystem::rename(fresh, path);
  return open(path);
}

Store Store::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  require(std::filesystem::is_regular_file(path), "{}: no such file", name);
  return Impl::guarded(name, [&] {
    int version = 0;
    std::string health;
    try {
      const bool writable = can_write(path);
      auto impl = writable ? std::make_unique<Impl>(path, SQLite::OPEN_READWRITE)
                           : std::make_unique<Impl>(path, read_only_name(path),
                                                    SQLite::OPEN_READONLY | SQLite::OPEN_URI);
      version = impl->db.execAndGet("PRAGMA user_version").getInt();
      health = impl->db.execAndGet("PRAGMA quick_check(1)").getString();
      if (version == kVersion && health == "ok") {
        if (writable) impl->prepare();
        return Store(std::move(impl));
      }
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() == SQLITE_CANTOPEN)
        fail("{}: cannot be opened: {}", name,
             ::access(path.c_str(), R_OK) == 0 ? "its folder cannot be written" : "no permission");
      health = error.what();
    }
    if (health != "ok") fail("{}: is no store of a run, or is damaged ({})", name, health);
    fail("{}: a store of version {}, and this program reads version {}", name, version, kVersion);
  });
}

std::string Store::meta(const std::string& key, const std::string& fallback) const {
  return impl_->guarded([&] {
    SQLite::Statement query(impl_->db, "SELECT value FROM meta WHERE key=?");
    query.bind(1, key);
    return query.executeStep() ? query.getColumn(0).getString() : fallback;
  });
}

void Store::set_meta(const std::string& key, const std::string& value) {
  impl_->transaction([&] {
    SQLite::Statement insert(impl_->db, "INSERT OR REPLACE INTO meta VALUES(?, ?)");
    insert.bind(1, key);
    insert.bind(2, value);
    insert.exec();
  });
}

std::vector<Trial> Store::trials() const {
  return impl_->guarded([&] {
    SQLite::Statement query(impl_->db,
                            fmt::format("SELECT {} FROM trials ORDER BY arm", kTrialColumns));
    std::vector<Trial> all;
    while (query.executeStep()) all.push_back(read_row(query));
    return all;
  });
}

Trial Store::trial(int arm) const {
  return impl_->guarded([&] {
    SQLite::Statement query(impl_->db,
                            fmt::format("SELECT {} FROM trials WHERE arm=?", kTrialColumns));
    query.bind(1, arm);
    require(query.executeStep(), "{}: there is no arm {}", impl_->name, arm);
    return read_row(query);
  });
}

void Store::add(const std::vector<Trial>& fresh) {
  impl_->transaction([&] {
    for (const Trial& t : fresh)
      t.before.empty() ? insert_trial(impl_->db, t) : move_trial(impl_->db, t, Status::paused);
  });
}

std::vector<int> Store::release(const std::function<bool(int worker)>& alive, int tries) {
  std::vector<Trial> lost;
  for (const Trial& t : trials())
    if (t.status == Status::running && !alive(t.worker)) lost.push_back(t);
  if (lost.empty()) return {};
  return impl_->transaction([&] {
    std::vector<int> arms;
    for (const Trial& t : lost) {
      SQLite::Statement update(impl_->db,
                               "UPDATE trials SET status=?, reason=?, worker=0 WHERE arm=? AND "
                               "status='running' AND worker=? AND attempt=?");
      const bool again = t.attempt < tries;
      update.bind(1, again ? "pending" : "failed");
      update.bind(2, again ? "" : fmt::format("its worker died {} times", t.attempt));
      update.bind(3, t.arm);
      update.bind(4, t.worker);
      update.bind(5, t.attempt);
      if (update.exec() == 1) arms.push_back(t.arm);
    }
    return arms;
  });
}

void Store::drop_pending() {
  impl_->transaction([&] {
    const std::vector<Trial> all = trials();
    int begun = -1;  // the last job that somebody has begun
    for (const Trial& t : trainings(all))
      if (t.status != Status::pending && t.status != Status::infeasible)
        begun = std::max(begun, t.job);
    // With them goes what their proposals refused on the way: those will be made anew.
    for (Trial t : all) {
      if (t.job <= begun) continue;
      if (t.before.empty()) {
        SQLite::Statement remove(
            impl_->db,
            "DELETE FROM trials WHERE arm=? AND job=? AND status IN ('pending', 'infeasible')");
        remove.bind(1, t.arm);
        remove.bind(2, t.job);
        remove.exec();
      } else if (t.status == Status::pending) {  // its figures still stand in their columns
        const Rung last = t.before.back();
        t.before.pop_back();
        t.job = last.job, t.rung = last.rung, t.epochs = last.epochs;
        t.status = Status::paused;
        move_trial(impl_->db, t, Status::pending);
      }
    }
  });
}

bool Store::changed() {
  return impl_->guarded([&] {
    const int64_t version = impl_->db.execAndGet("PRAGMA data_version").getInt64();
    return std::exchange(impl_->version, version) != version;
  });
}

void Store::log(const std::string& kind, const std::string& text) {
  impl_->transaction([&] {
    SQLite::Statement insert(impl_->db, "INSERT INTO events(time, kind, text) VALUES(?,?,?)");
    insert.bind(1, now());
    insert.bind(2, kind);
    insert.bind(3, text);
    insert.exec();
  });
}

std::optional<Trial> Store::take(int worker) {
  // A look first: waiting workers must not take the write lock many times a second.
  const bool any = impl_->guarded([&] {
    SQLite::Statement query(impl_->db, "SELECT 1 FROM trials WHERE status='pending' LIMIT 1");
    return query.executeStep();
  });
  if (!any) return {};
  return impl_->transaction([&]() -> std::optional<Trial> {
    SQLite::Statement update(
        impl_->db,
        fmt::format("UPDATE trials SET status='running', worker=?, attempt=attempt+1, heartbeat=? "
                    "WHERE arm=(SELECT arm FROM trials WHERE status='pending' "
                    "ORDER BY job LIMIT 1) RETURNING {}",
                    kTrialColumns));
    update.bind(1, worker);
    update.bind(2, now());
    if (!update.executeStep()) return {};
    Trial t = read_row(update);
    while (update.executeStep()) continue;
    return t;
  });
}

void Store::heartbeat(const Trial& t) {
  impl_->transaction([&] {
    SQLite::Statement update(
        impl_->db, "UPDATE trials SET heartbeat=? WHERE arm=? AND worker=? AND attempt=?");
    update.bind(1, now());
    update.bind(2, t.arm);
    update.bind(3, t.worker);
    update.bind(4, t.attempt);
    update.exec();
  });
}

bool Store::finish(const Trial& t) {
  return impl_->transaction([&] {
    SQLite::Statement update(
        impl_->db,
        "UPDATE trials SET status=?, reason=?, seconds=?, peak_memory=?, error=?, size=?, "
        "weight_bytes=?, memory=?, memory_without_input=?, macs=?, effective_macs=?, latency=?, "
        "sparsity=?, extra=?, worker=0 WHERE arm=? AND status='running' AND worker=? AND "
        "attempt=?");
    const Metrics& m = t.metrics;
    update.bind(1, std::string(name_of(t.status)));
    update.bind(2, t.reason);
    update.bind(3, t.seconds);
    update.bind(4, t.peak_memory);
    if (trained(t.status)) {
      update.bind(5, m.error);
      update.bind(6, m.size);
      update.bind(7, m.weight_bytes);
      update.bind(8, m.memory);
      update.bind(9, m.memory_without_input);
      update.bind(10, m.macs);
      update.bind(11, m.effective_macs);
      update.bind(12, m.latency);
      update.bind(13, m.sparsity);
      if (!m.extra.empty()) update.bind(14, nlohmann::json(m.extra).dump());
    }
    update.bind(15, t.arm);
    update.bind(16, t.worker);
    update.bind(17, t.attempt);
    return update.exec() == 1;
  });
}

}  // namespace sparlet::search
