#include "autograd/graph.h"

#include <algorithm>
#include <cmath>

#include "autograd/op.h"
#include "autograd/ops/check.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {
namespace {

bool is_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

int64_t whole(const Node& node, std::string_view key, double value) {
  require(value == std::floor(value), "{}: {} is {}, wanted a whole number", place(node), key,
          value);
  require(std::abs(value) <= INT32_MAX, "{}: {} is {}, wanted at most 2147483647", place(node), key,
          value);
  return int64_t(value);
}

// Sizes whose products and sums any int64 holds: infer functions need not fear for theirs.
void check_elements(const Node& node, const Shape& shape) {
  double elements = 1;
  for (int64_t size : shape) elements *= double(size);
  if (!(elements <= kMostElements))
    fail("{}: {} has more than {} elements", place(node), to_string(shape), kMostElements);
}

int64_t leaf_bytes(const Node& node) {
  const bool kept = is_leaf(*node.op) && node.op != &input_op;
  return kept ? count(node.type.shape) * bytes_of(node.type.dtype) : 0;
}

void check_weights(const std::vector<Node>& nodes, const Node& leaf) {
  int64_t total = leaf_bytes(leaf);
  if (total == 0) return;
  if (total > kMostLeafBytes)
    fail("{}: {} of {} is {} bytes, at most {} fit a leaf", place(leaf), to_string(leaf.type.shape),
         name_of(leaf.type.dtype), total, kMostLeafBytes);
  for (const Node& node : nodes) total += leaf_bytes(node);
  require(total <= kMostWeightBytes,
          "{}: with it the net's weights are {} bytes, wanted at most {}", place(leaf), total,
          kMostWeightBytes);
}

// What infer says of a shape it could not make begins with "shape:": here it gets the node's name.
Type inferred(const Node& node, std::span<const Type> in) {
  try {
    return node.op->infer(node, in);
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with("shape:"))
      fail("{}: {}", place(node), error.what());
    throw;
  }
}

std::vector<double> list_of(const Node& node, std::string_view key) {
  const auto found = node.attrs.find(key);
  if (found == node.attrs.end()) return {};
  if (const auto* one = std::get_if<double>(&found->second)) return {*one};
  if (const auto* list = std::get_if<std::vector<double>>(&found->second)) return *list;
  fail("{}: {} is a word, wanted numbers", place(node), key);
}

}  // namespace

Attr attr(const Shape& shape) { return std::vector<double>(shape.begin(), shape.end()); }

double Node::number(std::string_view key) const {
  const std::vector<double> list = list_of(*this, key);
  require(list.size() == 1, "{}: wants one number as attribute {}", place(*this), key);
  return list[0];
}

double Node::number(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

int64_t Node::integer(std::string_view key, int64_t fallback) const {
  return has(key) ? whole(*this, key, number(key)) : fallback;
}

Shape Node::shape(std::string_view key) const {
  require(has(key), "{}: wants a shape as attribute {}", place(*this), key);
  Shape shape;
  for (double size : list_of(*this, key)) {
    const int64_t n = whole(*this, key, size);
    require(n >= 1 && n <= INT32_MAX, "{}: a size of {} in {}", place(*this), n, key);
    require(shape.rank() < Shape::kMaxRank, "{}: {} has more than {} sizes", place(*this), key,
            Shape::kMaxRank);
    shape.push_back(n);
  }
  check_elements(*this, shape);
  return shape;
}

std::string Node::word(std::string_view key, std::string_view fallback) const {
  const auto found = attrs.find(key);
  if (found == attrs.end()) return std::string(fallback);
  const auto* word = std::get_if<std::string>(&found->second);
  require(word, "{}: {} is a number, wanted a word", place(*this), key);
  return *word;
}

std::array<int64_t, 2> Node::pair(std::string_view key, int64_t fallback) const {
  if (!has(key)) return {fallback, fallback};
  const std::vector<double> list = list_of(*this, key);
  require(list.size() == 1 || list.size() == 2, "{}: {} has {} numbers, wanted n or [h,w]",
          place(*this), key, list.size());
  return {whole(*this, key, list.front()), whole(*this, key, list.back())};
}

std::array<int64_t, 4> Node::sides(std::string_view key) const {
  if (!has(key)) return {0, 0, 0, 0};
  std::vector<double> list = list_of(*this, key);
  if (list.size() == 1) list.assign(4, list[0]);
  if (list.size() == 2) list = {list[0], list[0], list[1], list[1]};
  require(list.size() == 4, "{}: {} has {} numbers, wanted n, [h,w] or [top,bottom,left,right]",
          place(*this), key, list.size());
  std::array<int64_t, 4> sides;
  for (int i = 0; i < 4; ++i) {
    sides[size_t(i)] = whole(*this, key, list[size_t(i)]);
    require(sides[size_t(i)] >= 0, "{}: {} is negative", place(*this), key);
  }
  return sides;
}

Id Graph::add(const OpDef& op, std::string name, std::vector<Id> in, Attrs attrs) {
  require(is_name(name), "'{}' ({}): a name is made of letters, digits, _ . and -", name, op.name);
  require(!find(name), "{} ({}): the name is taken", name, op.name);
  for (Id id : in)
    require(id >= 0 && id < Id(nodes.size()), "{} ({}): input {} does not stand before it", name,
            op.name, id);
  Node node{&op, std::move(name), std::move(in), std::move(attrs), {}};
  node.type = inferred(node, types_of(node.in));
  check_elements(node, node.type.shape);
  check_weights(nodes, node);
  nodes.push_back(std::move(node));
  return output();
}

std::optional<Id> Graph::find(std::string_view name) const {
  for (Id id = 0; id < Id(nodes.size()); ++id)
    if (nodes[size_t(id)].name == name) return id;
  return std::nullopt;
}

Id Graph::at(std::string_view name) const {
  if (const auto id = find(name)) return *id;
  std::vector<std::string_view> names;
  for (const Node& node : nodes) names.push_back(node.name);
  fail("graph: no node '{}'{}", name, did_you_mean(name, std::span<const std::string_view>(names)));
}

std::vector<Type> Graph::types_of(const std::vector<Id>& ids) const {
  std::vector<Type> types;
  for (Id id : ids) types.push_back(nodes[size_t(id)].type);
  return types;
}

std::vector<std::vector<Id>> users(const Graph& graph) {
  std::vector<std::vector<Id>> list(graph.nodes.size());
  for (Id id = 0; id < Id(graph.nodes.size()); ++id)
    for (Id in : graph[id].in) list[size_t(in)].push_back(id);
  return list;
}

std::vector<Id> inputs(const Graph& graph) {
  std::vector<Id> list;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id)
    if (graph[id].op == &input_op) list.push_back(id);
  return list;
}

int64_t weight_count(const Graph& graph) {
  int64_t n = 0;
  for (const Node& node : graph.nodes)
    if (node.op == &param_op) n += count(node.type.shape);
  return n;
}

}  // namespace sparlet
