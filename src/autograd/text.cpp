// The text form of a graph, and the hashes by it.
#include <charconv>
#include <cmath>

#include "autograd/op.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {
namespace {

void append_number(std::string& out, double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

void append_attr(std::string& out, const Attr& attr) {
  if (const auto* number = std::get_if<double>(&attr)) return append_number(out, *number);
  if (const auto* word = std::get_if<std::string>(&attr)) {
    out += *word;
    return;
  }
  out += '[';
  const auto& list = std::get<std::vector<double>>(attr);
  for (size_t i = 0; i < list.size(); ++i) {
    if (i) out += ',';
    append_number(out, list[i]);
  }
  out += ']';
}

std::optional<double> to_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

Attr parse_attr(std::string_view text, const std::string& place, std::string_view key) {
  if (const auto number = to_number(text)) return *number;
  require(!text.empty(), "{}: {} has no value", place, key);
  if (text.front() != '[') {
    for (unsigned char c : text)
      require(std::isalnum(c) || c == '_', "{}: {}={}, wanted a number, [a,b,c] or a word", place,
              key, text);
    require(std::isalpha((unsigned char)text[0]), "{}: {}={} is no finite number", place, key,
            text);
    require(text != "inf" && text != "nan", "{}: {}={} is no finite number", place, key, text);
    return std::string(text);
  }
  require(text.back() == ']', "{}: {}={} has no closing ]", place, key, text);
  std::vector<double> list;
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const auto number = to_number(item);
    require(number.has_value(), "{}: '{}' in {} is no finite number", place, item, key);
    list.push_back(*number);
    if (comma == text.npos) break;
    text.remove_prefix(comma + 1);
    require(!text.empty(), "{}: {} ends with a comma", place, key);
  }
  return list;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos) return words;
    line.remove_prefix(begin);
    const size_t end = line.find_first_of(" \t\r");
    words.push_back(line.substr(0, end));
    if (end == line.npos) return words;
    line.remove_prefix(end);
  }
}

void parse_line(Graph& graph, std::string_view line, const std::string& place) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.empty() || words[0].front() == '#') return;
  require(words.size() >= 2, "{}: wants `op name inputs… key=value…`, found '{}'", place, words[0]);
  const OpDef& op = find_op(words[0]);
  std::vector<Id> in;
  Attrs attrs;
  for (size_t i = 2; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == words[i].npos) {
      in.push_back(graph.at(words[i]));
      continue;
    }
    const std::string key(words[i].substr(0, equals));
    require(!key.empty(), "{}: '{}' has no key", place, words[i]);
    const bool fresh =
        attrs.emplace(key, parse_attr(words[i].substr(equals + 1), place, key)).second;
    require(fresh, "{}: {} is given twice", place, key);
  }
  graph.add(op, std::string(words[1]), std::move(in), std::move(attrs));
}

uint64_t hash_bytes(const void* data, size_t size, uint64_t hash) {  // FNV-1a
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string out;
  for (const Node& node : graph.nodes) {
    out += node.op->name;
    out.append(" ").append(node.name);
    for (Id id : node.in) out.append(" ").append(graph[id].name);
    for (const auto& [key, value] : node.attrs) {
      out.append(" ").append(key).append("=");
      append_attr(out, value);
    }
    out += '\n';
  }
  return out;
}

Graph from_text(std::string_view text, std::string_view where) {
  Graph graph;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string place = fmt::format("{}:{}", where, number);
    try {
      parse_line(graph, text.substr(0, end), place);
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with(place)) throw;
      fail("{}: {}", place, error.what());
    }
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  require(!graph.nodes.empty(), "{}: no nodes", where);
  return graph;
}

uint64_t hash(const Graph& graph) {
  const std::string text = to_text(graph);
  return hash_bytes(text.data(), text.size(), 0xcbf29ce484222325);
}

uint64_t hash(const Net& net) {
  uint64_t h = hash(net.graph);
  for (const Tensor& value : net.params)
    if (value) h = hash_bytes(value.raw(), size_t(value.bytes()), h);
  return h;
}

}  // namespace sparlet
