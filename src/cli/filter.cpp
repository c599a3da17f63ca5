#include "cli/filter.h"

#include <algorithm>
#include <charconv>

#include "cli/table.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

struct Unit {
  const char *name, *dimension;
  double factor;
};
constexpr Unit kUnits[] = {{"B", "bytes", 1},    {"kB", "bytes", 1e3}, {"MB", "bytes", 1e6},
                           {"us", "time", 1e-3}, {"ms", "time", 1},    {"s", "time", 1e3},
                           {"%", "share", 0.01}, {"k", "", 1e3},       {"M", "", 1e6}};

// What units a column takes; seconds are not in ms.
std::string dimension_of(const std::string& column) {
  for (const char* name : {"size", "weight_bytes", "memory", "memory_without_input", "peak_memory"})
    if (column == name) return "bytes";
  for (const char* name : {"error", "sparsity", "density"})
    if (column == name) return "share";
  return column == "latency" ? "time" : "";
}

double factor_of(const std::string& unit, const std::string& column, const std::string& part) {
  if (unit.empty()) return 1;
  std::string fitting;
  for (const Unit& u : kUnits) {
    const bool fits = dimension_of(column) == u.dimension;
    if (fits && unit == u.name) return u.factor;
    if (fits) fitting += fmt::format("{}{}", fitting.empty() ? "" : ", ", u.name);
  }
  fail("--where: '{}': {} is in {}, not '{}'", part, column, fitting, unit);
}

void check_column(const char* option, const std::string& name, const search::Trial& like) {
  try {
    column(like, name);
  } catch (const Error& error) {
    fail("{}: {}", option, error.what());
  }
}

Bound parse_bound(const std::string& part, const search::Trial& like) {
  const size_t at = part.find_first_of("<>=");
  require(at != std::string::npos && at > 0, "--where: '{}': expected a comparison as 'size<=2kB'",
          part);
  Bound bound;
  bound.column = trimmed(part.substr(0, at));
  check_column("--where", bound.column, like);
  size_t end = at;
  while (end < part.size() && std::string("<>=").find(part[end]) != std::string::npos) ++end;
  bound.relation = part.substr(at, end - at);
  if (bound.relation == "=") bound.relation = "==";
  const bool known = bound.relation == "<" || bound.relation == "<=" || bound.relation == ">" ||
                     bound.relation == ">=" || bound.relation == "==";
  require(known, "--where: '{}': '{}' is none of < <= > >= ==", part, bound.relation);
  const std::string rest = trimmed(part.substr(end));
  const char* last = rest.data() + rest.size();
  const auto [stop, error] = std::from_chars(rest.data(), last, bound.value);
  require(error == std::errc(), "--where: '{}': expected a number after '{}'", part,
          bound.relation);
  bound.value *= factor_of(trimmed(std::string(stop, last)), bound.column, part);
  return bound;
}

bool holds(const Bound& b, const search::Trial& t) {
  const double value = column(t, b.column);
  if (b.relation == "<") return value < b.value;
  if (b.relation == "<=") return value <= b.value;
  if (b.relation == ">") return value > b.value;
  return b.relation == ">=" ? value >= b.value : value == b.value;
}

}  // namespace

std::vector<Bound> parse_where(const std::string& text, const search::Trial& like) {
  std::vector<Bound> bounds;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string part = trimmed(text.substr(begin, comma - begin));
    if (!part.empty()) bounds.push_back(parse_bound(part, like));
    begin = comma + 1;
  }
  return bounds;
}

std::vector<search::Trial> filtered(std::vector<search::Trial> trials, const std::string& where) {
  const search::Trial like = trials.empty() ? search::Trial{} : trials.front();
  for (const Bound& bound : parse_where(where, like))
    std::erase_if(trials, [&](const search::Trial& t) { return !holds(bound, t); });
  return trials;
}

void sort_by(std::vector<search::Trial>& trials, const std::string& text) {
  if (text.empty()) return;
  const bool down = text[0] == '-';
  const std::string name = text.substr(down ? 1 : 0);
  check_column("--sort", name, trials.empty() ? search::Trial{} : trials.front());
  std::stable_sort(trials.begin(), trials.end(), [&](const auto& a, const auto& b) {
    const double x = column(a, name), y = column(b, name);
    return down ? x > y : x < y;
  });
}

}  // namespace sparlet::cli
