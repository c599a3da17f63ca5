// What to_int8 reads off the float graph before it makes a node. It depends on the graph alone,
// never on ranges: a net and its trained self have the same int8 graph.
#pragma once
#include "quant/values.h"

namespace sparlet::quant {

struct Fusion {
  std::vector<std::vector<Id>> users;
  std::vector<bool> vanishes;  // a relu that another op does
  std::vector<Clamp> clamp;    // of the op that does it
  std::vector<Id> range_from;  // whose observed range a value has: its own, or its relu's
  std::vector<bool> affine;    // add, sub or mul with one constant operand
  std::vector<bool> bytes;     // an input of raw bytes, or on the way to normalising them
  std::vector<Id> normalized;  // of an input of bytes: the node that is its real value, or -1

  bool only_user(const Graph& graph, Id id) const {
    return users[size_t(id)].size() == 1 && id != graph.output();
  }
};
Fusion find_fusion(const Net&);

// An affine chain's numbers, by channel or feature: y = factor x + offset.
struct Affine {
  std::vector<double> factor, offset;
};
// Appends one affine node's step. Throws Error naming it where the constant is neither one number
// nor one a channel.
void append_step(const Net&, Id, Affine&);
// The operand that differs between samples.
Id batched_operand(const Graph&, const Node&);

}  // namespace sparlet::quant
