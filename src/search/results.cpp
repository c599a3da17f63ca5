#include "search/results.h"

#include <fmt/format.h>

#include <fstream>
#include <set>

#include "tensor/error.h"

namespace sparlet::search {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

}  // namespace

std::string results_csv(const std::vector<Trial>& trials, const Space& space) {
  std::set<std::string> extra;
  for (const Trial& t : trials)
    for (const auto& [name, value] : t.metrics.extra) extra.insert(name);
  std::string out =
      "arm,phase,parent,status,reason,epochs,error,size,weight_bytes,memory,macs,effective_macs,"
      "latency,sparsity";
  for (const std::string& name : extra) out += "," + quoted(name);
  for (const Parameter& p : space.parameters()) out += "," + quoted(p.name);
  out += "\n";
  for (const Trial& t : trials) {
    if (!terminal(t.status)) continue;
    out += fmt::format("{},{},{},{},{},{}", t.arm, name_of(t.phase),
                       t.parent ? fmt::format("{}", *t.parent) : "", name_of(t.status),
                       quoted(t.reason), t.epochs);
    const Metrics& m = t.metrics;
    if (trained(t.status))
      out += fmt::format(",{},{},{},{},{},{},{},{}", m.error, m.size, m.weight_bytes, m.memory,
                         m.macs, m.effective_macs, m.latency, m.sparsity);
    else
      out += ",,,,,,,,";
    for (const std::string& name : extra) {
      const auto at = m.extra.find(name);
      out += at == m.extra.end() ? "," : fmt::format(",{}", at->second);
    }
    for (const Parameter& p : space.parameters()) {
      const auto at = t.point.values.find(p.name);
      out += "," + (at == t.point.values.end() ? "" : quoted(to_text(at->second)));
    }
    out += "\n";
  }
  return out;
}

void replace_file(const std::filesystem::path& path, const std::string& content) {
  const std::filesystem::path fresh = path.string() + ".new";
  {
    std::ofstream out(fresh, std::ios::binary);
    out << content;
    out.flush();
    require(bool(out), "{}: cannot be written", path.string());
  }
  std::filesystem::rename(fresh, path);
}

}  // namespace sparlet::search
