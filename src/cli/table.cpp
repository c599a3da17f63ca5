#include "cli/table.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::cli {
namespace {

using search::Trial;

// Two to three digits that matter.
std::string short_number(double value) {
  if (value >= 100 || value == 0) return fmt::format("{:.0f}", value);
  return value >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}

std::string scaled(double value) {
  if (value >= 1e6) return short_number(value / 1e6) + "M";
  return value >= 1e3 ? short_number(value / 1e3) + "k" : short_number(value);
}

bool numeric(const std::string& cell) {
  return !cell.empty() && (isdigit(static_cast<unsigned char>(cell[0])) || cell == "-");
}

}  // namespace

std::string Table::text() const {
  std::vector<size_t> width(header.size());
  for (size_t c = 0; c < header.size(); ++c) {
    width[c] = header[c].size();
    for (const auto& row : rows) width[c] = std::max(width[c], row[c].size());
  }
  std::vector<bool> right(header.size());
  for (size_t c = 0; c < header.size(); ++c)
    right[c] = std::all_of(rows.begin(), rows.end(), [&](const auto& r) { return numeric(r[c]); });
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (size_t c = 0; c < cells.size(); ++c) {
      if (c) text += "  ";
      text += right[c] ? fmt::format("{:>{}}", cells[c], width[c])
                       : fmt::format("{:<{}}", cells[c], width[c]);
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  };
  line(header);
  for (const auto& row : rows) line(row);
  return out;
}

double column(const Trial& t, const std::string& name) {
  if (name == "arm") return t.arm;
  if (name == "epochs") return t.epochs;
  if (name == "seconds") return t.seconds;
  if (name == "peak_memory") return double(t.peak_memory);
  if (name == "density") return 1 - t.metrics.sparsity;
  std::vector<std::string> known = {"arm",          "epochs",
                                    "seconds",      "peak_memory",
                                    "density",      "error",
                                    "size",         "macs",
                                    "latency",      "memory",
                                    "weight_bytes", "effective_macs",
                                    "sparsity",     "memory_without_input"};
  for (const auto& [metric, value] : t.metrics.extra) known.push_back(metric);
  if (std::find(known.begin(), known.end(), name) == known.end())
    fail("column \"{}\" is unknown{}", name, did_you_mean(name, known));
  return t.metrics.value(name);
}

Table trial_table(const std::vector<Trial>& trials) {
  Table table{{"arm", "phase", "parent", "error %", "size B", "memory B", "macs", "latency ms",
               "density", "epochs"},
              {}};
  std::vector<std::string> extra;
  for (const Trial& t : trials)
    for (const auto& [name, value] : t.metrics.extra)
      if (std::find(extra.begin(), extra.end(), name) == extra.end()) extra.push_back(name);
  table.header.insert(table.header.end(), extra.begin(), extra.end());
  for (const Trial& t : trials) {
    const search::Metrics& m = t.metrics;
    std::vector<std::string> row = {fmt::format("{}", t.arm),
                                    std::string(name_of(t.phase)),
                                    t.parent ? fmt::format("{}", *t.parent) : "-",
                                    fmt::format("{:.2f}", m.error * 100),
                                    fmt::format("{}", m.size),
                                    fmt::format("{}", m.memory),
                                    scaled(double(m.macs)),
                                    short_number(m.latency),
                                    fmt::format("{:.3f}", 1 - m.sparsity),
                                    fmt::format("{}", t.epochs)};
    for (const std::string& name : extra) {
      const auto at = m.extra.find(name);
      row.push_back(at == m.extra.end() ? "-" : fmt::format("{:.4g}", at->second));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

nlohmann::json to_json(const Trial& t) {
  nlohmann::json point = nlohmann::json::object();
  for (const auto& [name, value] : t.point.values)
    std::visit([&, &name = name](const auto& v) { point[name] = v; }, value);
  nlohmann::json out = {{"arm", t.arm},
                        {"phase", name_of(t.phase)},
                        {"parent", t.parent ? nlohmann::json(*t.parent) : nlohmann::json()},
                        {"status", name_of(t.status)},
                        {"reason", t.reason},
                        {"moves", t.moves},
                        {"epochs", t.epochs},
                        {"seconds", t.seconds},
                        {"peak_memory", t.peak_memory},
                        {"attempt", t.attempt},
                        {"point", point}};
  if (!search::trained(t.status)) return out;
  const search::Metrics& m = t.metrics;
  out["error"] = m.error;
  out["size"] = m.size;
  out["weight_bytes"] = m.weight_bytes;
  out["memory"] = m.memory;
  out["memory_without_input"] = m.memory_without_input;
  out["macs"] = m.macs;
  out["effective_macs"] = m.effective_macs;
  out["latency"] = m.latency;
  out["sparsity"] = m.sparsity;
  for (const auto& [name, value] : m.extra) out[name] = value;
  return out;
}

Table layer_table(const cost::Cost& cost) {
  Table table{{"layer", "op", "out", "weights", "non-zero", "encoding", "bytes", "macs",
               "effective", "live B"},
              {}};
  for (const cost::LayerCost& l : cost.layers)
    table.rows.push_back(
        {l.name, l.op, to_string(l.out), l.weights ? fmt::format("{}", l.weights) : "-",
         l.weights ? fmt::format("{}", l.nonzeros) : "-", l.encoding.empty() ? "-" : l.encoding,
         fmt::format("{}", l.bytes), fmt::format("{}", l.macs), fmt::format("{}", l.effective_macs),
         fmt::format("{}", l.live_bytes)});
  return table;
}

std::string cost_summary(const cost::Cost& c) {
  return fmt::format(
      "size {} B (non-zero weights {} B), memory {} B ({} B without the input), {} MACs ({} on "
      "non-zeros), latency {} ms, density {:.3f}\n",
      c.size, c.weight_bytes, c.memory, c.memory_without_input, c.macs, c.effective_macs,
      short_number(c.latency), 1 - c.sparsity);
}

nlohmann::json to_json(const cost::Cost& c) {
  nlohmann::json layers = nlohmann::json::array();
  for (const cost::LayerCost& l : c.layers)
    layers.push_back({{"name", l.name},
                      {"op", l.op},
                      {"out", std::vector<int64_t>(l.out.begin(), l.out.end())},
                      {"weights", l.weights},
                      {"nonzeros", l.nonzeros},
                      {"encoding", l.encoding},
                      {"bytes", l.bytes},
                      {"macs", l.macs},
                      {"effective_macs", l.effective_macs},
                      {"live_bytes", l.live_bytes}});
  return {{"size", c.size},       {"weight_bytes", c.weight_bytes},
          {"memory", c.memory},   {"memory_without_input", c.memory_without_input},
          {"macs", c.macs},       {"effective_macs", c.effective_macs},
          {"latency", c.latency}, {"sparsity", c.sparsity},
          {"layers", layers}};
}

std::string front_table(const std::vector<search::Trial>& front,
                        const std::vector<search::Objective>& objectives) {
  std::vector<search::Trial> within = front;
  std::erase_if(within, [&](const search::Trial& t) { return !within_references(t, objectives); });
  if (within.empty() || within.size() == front.size()) return trial_table(front).text();
  return trial_table(within).text() +
         fmt::format("(and {} on the front beyond a reference: show --all)\n",
                     front.size() - within.size());
}

}  // namespace sparlet::cli
