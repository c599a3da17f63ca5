// Graph: the one description of a network. Plain data: everything else reads it or rewrites it.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/tensor.h"

namespace sparlet {

struct OpDef;
using Id = int32_t;  // index into Graph::nodes

// An attribute: a number, a list of numbers, or a word (dtype=i8).
using Attr = std::variant<double, std::vector<double>, std::string>;
using Attrs = std::map<std::string, Attr, std::less<>>;
Attr attr(const Shape&);

// What a node makes for one sample; the batch size is the executor's business. `batched`: differs
// from sample to sample; what does not can be folded to a constant.
struct Type {
  Shape shape;
  DType dtype = DType::f32;
  bool batched = false;
  bool operator==(const Type&) const = default;
};

// Every node makes exactly one tensor, so a node is its value.
struct Node {
  const OpDef* op = nullptr;
  std::string name;  // unique, dotted by block: "s2.b1.conv"
  std::vector<Id> in;
  Attrs attrs;
  Type type;  // worked out by op->infer

  // Attributes by key. Without a fallback, a missing one is an Error naming the node.
  bool has(std::string_view key) const { return attrs.contains(key); }
  double number(std::string_view key) const;
  double number(std::string_view key, double fallback) const;
  int64_t integer(std::string_view key, int64_t fallback) const;  // Error if not whole
  Shape shape(std::string_view key) const;
  std::string word(std::string_view key, std::string_view fallback) const;
  // A number n stands for [n,n].
  std::array<int64_t, 2> pair(std::string_view key, int64_t fallback) const;
  // A number n, a pair [h,w], or [top,bottom,left,right].
  std::array<int64_t, 4> sides(std::string_view key) const;
};

// What a net may have at most: elements of a node's value, bytes of a leaf, bytes of all leaves.
inline constexpr int64_t kMostElements = INT32_MAX;
inline constexpr int64_t kMostLeafBytes = int64_t(1) << 31, kMostWeightBytes = int64_t(1) << 32;

// Nodes stand in topological order; the last one is the output.
struct Graph {
  std::vector<Node> nodes;

  // Appends a node and infers its type. Throws Error (naming the node) for a name that is taken or
  // not a word of [A-Za-z0-9_.-], an input that does not stand before it, misuse of the op, or more
  // elements or bytes than above.
  Id add(const OpDef&, std::string name, std::vector<Id> in, Attrs = {});
  std::optional<Id> find(std::string_view name) const;
  Id at(std::string_view name) const;  // throws Error naming the nearest name
  Id output() const { return Id(nodes.size()) - 1; }
  const Node& operator[](Id id) const { return nodes[size_t(id)]; }
  std::vector<Type> types_of(const std::vector<Id>& ids) const;
};

// A graph with the values of its leaves: what training, pruning, quantising, morphing and export
// take and give. Copies share the numbers.
struct Net {
  Graph graph;
  std::vector<Tensor> params;  // by Id; none for nodes that are not param, constant or state

  const Tensor& value(std::string_view name) const { return params[size_t(graph.at(name))]; }
};

// By Id, the nodes that read each node (a node reading it twice stands twice).
std::vector<std::vector<Id>> users(const Graph&);
std::vector<Id> inputs(const Graph&);
// Number of trainable weights (elements of `param` leaves).
int64_t weight_count(const Graph&);

// --- text (text.cpp): one node a line, `op name inputs… key=value…`; attributes sorted, floats in
// their shortest form that reads back the same. from_text(to_text(g)) == g.
std::string to_text(const Graph&);
// `where` (a file name) begins the message of an Error, then the line.
Graph from_text(std::string_view text, std::string_view where = "text");
uint64_t hash(const Graph&);  // of the structure, by the text
uint64_t hash(const Net&);    // with the weights

}  // namespace sparlet
