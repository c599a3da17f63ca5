// Rewriting: from a net to a new net, node by node. The old one is never touched.
#pragma once
#include <functional>

#include "autograd/op.h"

namespace sparlet {

// Grows the new net. `now` maps ids of the old net to ids of the new one (-1: not there yet).
class Rewriter {
 public:
  explicit Rewriter(const Net& from) : from_(from), now_(from.graph.nodes.size(), -1) {}

  const Net& from() const { return from_; }
  Net& to() { return to_; }
  const Node& old(Id id) const { return from_.graph[id]; }
  Id now(Id old) const { return now_[size_t(old)]; }
  void set_now(Id old, Id made) { now_[size_t(old)] = made; }
  // The old node as it is, on the new inputs. Values are shared.
  Id copy(Id old);
  Id add(const OpDef&, std::string name, std::vector<Id> in, Attrs = {});
  // A leaf that holds `value` (op: param_op, constant_op or state_op).
  Id leaf(const OpDef&, std::string name, Tensor value);

 private:
  const Net& from_;
  Net to_;
  std::vector<Id> now_;
};

// Visits the old nodes in order; `edit` returns the new id that stands for the old one, or -1.
// Leaves and nodes that the output does not need are dropped at the end; the result's last node
// stands for the old output.
Net rewrite(const Net&, const std::function<Id(Rewriter&, Id)>& edit);
// Only what the output needs (inputs always stay).
Net drop_dead(const Net&);
// Unbatched nodes without a trainable leaf below them become constants; with `all`, every unbatched
// node does (params too stay params only where a batched op reads them directly).
Net fold_constants(const Net&, bool all);
// The value of an unbatched node, in plain order.
Tensor evaluate_unbatched(const Net&, Id);

}  // namespace sparlet
