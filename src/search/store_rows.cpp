#include "search/store_rows.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <nlohmann/json.hpp>

#include "tensor/error.h"

namespace sparlet::search {
namespace {

using Json = nlohmann::json;

// [[job, rung, epochs, {error ...}], ...]
std::string text_of(const std::vector<Rung>& before) {
  Json list = Json::array();
  for (const Rung& b : before) {
    const Metrics& m = b.metrics;
    list.push_back({b.job,
                    b.rung,
                    b.epochs,
                    {{"error", m.error},
                     {"size", m.size},
                     {"weight_bytes", m.weight_bytes},
                     {"memory", m.memory},
                     {"memory_without_input", m.memory_without_input},
                     {"macs", m.macs},
                     {"effective_macs", m.effective_macs},
                     {"latency", m.latency},
                     {"sparsity", m.sparsity},
                     {"extra", m.extra}}});
  }
  return list.dump();
}

std::vector<Rung> before_of(const std::string& text) {
  std::vector<Rung> before;
  for (const Json& item : Json::parse(text)) {
    const Json& m = item.at(3);
    before.push_back({.job = item.at(0),
                      .rung = item.at(1),
                      .epochs = item.at(2),
                      .metrics = {.error = m.at("error"),
                                  .size = m.at("size"),
                                  .weight_bytes = m.at("weight_bytes"),
                                  .memory = m.at("memory"),
                                  .memory_without_input = m.at("memory_without_input"),
                                  .macs = m.at("macs"),
                                  .effective_macs = m.at("effective_macs"),
                                  .latency = m.at("latency"),
                                  .sparsity = m.at("sparsity"),
                                  .extra = m.at("extra")}});
  }
  return before;
}

}  // namespace

Trial read_row(SQLite::Statement& row) try {
  Trial t;
  t.arm = row.getColumn(0);
  t.phase = phase_from(row.getColumn(1).getString());
  if (!row.getColumn(2).isNull()) t.parent = row.getColumn(2).getInt();
  t.point = point_from(row.getColumn(3).getString());
  t.moves = row.getColumn(4).getString();
  t.status = status_from(row.getColumn(5).getString());
  t.reason = row.getColumn(6).getString();
  t.epochs = row.getColumn(7);
  Metrics& m = t.metrics;
  m.error = row.getColumn(8).isNull() ? 1.0 : row.getColumn(8).getDouble();
  m.size = row.getColumn(9).getInt64();
  m.weight_bytes = row.getColumn(10).getInt64();
  m.memory = row.getColumn(11).getInt64();
  m.memory_without_input = row.getColumn(12).getInt64();
  m.macs = row.getColumn(13).getInt64();
  m.effective_macs = row.getColumn(14).getInt64();
  m.latency = row.getColumn(15).getDouble();
  m.sparsity = row.getColumn(16).getDouble();
  if (!row.getColumn(17).isNull())
    m.extra =
        nlohmann::json::parse(row.getColumn(17).getString()).get<std::map<std::string, double>>();
  t.seconds = row.getColumn(18).getDouble();
  t.peak_memory = row.getColumn(19).getInt64();
  t.attempt = row.getColumn(20);
  t.worker = row.getColumn(21);
  t.job = row.getColumn(22);
  t.rung = row.getColumn(23);
  t.parent_rung = row.getColumn(24);
  t.inherited = row.getColumn(25);
  t.before = before_of(row.getColumn(26).getString());
  return t;
} catch (const Error& error) {
  fail("trial {}: {}", row.getColumn(0).getInt(), error.what());
} catch (const nlohmann::json::exception&) {
  fail("trial {}: a metric that cannot be read", row.getColumn(0).getInt());
}

void insert_trial(SQLite::Database& db, const Trial& t) {
  SQLite::Statement insert(
      db,
      "INSERT INTO trials(arm, phase, parent, point, moves, status, reason, epochs, attempt, "
      "worker, job, rung, parent_rung, inherited, before) "
      "VALUES(?,?,?,?,?,?,?,?,0,0,?,?,?,?,'[]')");
  insert.bind(1, t.arm);
  insert.bind(2, std::string(name_of(t.phase)));
  if (t.parent) insert.bind(3, *t.parent);
  insert.bind(4, to_text(t.point));
  insert.bind(5, t.moves);
  insert.bind(6, std::string(name_of(t.status)));
  insert.bind(7, t.reason);
  insert.bind(8, t.epochs);
  insert.bind(9, t.job);
  insert.bind(10, t.rung);
  insert.bind(11, t.parent_rung);
  insert.bind(12, t.inherited);
  insert.exec();
}

// A trial that stood at another rung now stands where `t` does.
void move_trial(SQLite::Database& db, const Trial& t, Status from) {
  SQLite::Statement update(db,
                           "UPDATE trials SET status=?, epochs=?, job=?, rung=?, before=?, "
                           "attempt=0, worker=0 WHERE arm=? AND status=?");
  update.bind(1, std::string(name_of(t.status)));
  update.bind(2, t.epochs);
  update.bind(3, t.job);
  update.bind(4, t.rung);
  update.bind(5, text_of(t.before));
  update.bind(6, t.arm);
  update.bind(7, std::string(name_of(from)));
  require(update.exec() == 1, "trial {}: is not {}", t.arm, name_of(from));
}

}  // namespace sparlet::search
