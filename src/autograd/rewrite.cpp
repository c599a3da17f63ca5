#include "autograd/rewrite.h"

#include <algorithm>

#include "autograd/executor.h"
#include "tensor/error.h"

namespace sparlet {

Id Rewriter::copy(Id old) {
  const Node& node = from_.graph[old];
  std::vector<Id> in;
  for (Id id : node.in) {
    require(now(id) >= 0, "{}: reads {}, which the rewrite dropped", node.name,
            from_.graph[id].name);
    in.push_back(now(id));
  }
  const Id made = add(*node.op, node.name, std::move(in), node.attrs);
  to_.params[size_t(made)] = from_.params[size_t(old)];
  return made;
}

Id Rewriter::add(const OpDef& op, std::string name, std::vector<Id> in, Attrs attrs) {
  const Id made = to_.graph.add(op, std::move(name), std::move(in), std::move(attrs));
  to_.params.resize(to_.graph.nodes.size());
  return made;
}

Id Rewriter::leaf(const OpDef& op, std::string name, Tensor value) {
  Attrs attrs{{"shape", attr(value.shape())}};
  if (value.dtype() != DType::f32) attrs["dtype"] = std::string(name_of(value.dtype()));
  const Id made = add(op, std::move(name), {}, std::move(attrs));
  to_.params[size_t(made)] = std::move(value);
  return made;
}

namespace {

// Nodes that `output` needs, and all inputs; `output` last.
Net keep_needed(Net net, Id output) {
  std::vector<bool> needed(net.graph.nodes.size(), false);
  needed[size_t(output)] = true;
  for (Id id = output; id >= 0; --id) {
    if (net.graph[id].op == &input_op) needed[size_t(id)] = true;
    if (needed[size_t(id)])
      for (Id in : net.graph[id].in) needed[size_t(in)] = true;
  }
  if (std::ranges::find(needed, false) == needed.end()) return net;
  Rewriter rewriter(net);
  for (Id id = 0; id <= output; ++id)
    if (needed[size_t(id)]) rewriter.set_now(id, rewriter.copy(id));
  return std::move(rewriter.to());
}

}  // namespace

Net rewrite(const Net& net, const std::function<Id(Rewriter&, Id)>& edit) {
  Rewriter rewriter(net);
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) rewriter.set_now(id, edit(rewriter, id));
  const Id output = rewriter.now(net.graph.output());
  const Node& last = net.graph.nodes.back();
  require(output >= 0, "{} ({}): {}", last.name, last.op->name,
          last.type.batched ? "is the output, and the rewrite dropped it"
                            : "the output does not depend on an input");
  return keep_needed(std::move(rewriter.to()), output);
}

Net drop_dead(const Net& net) { return keep_needed(net, net.graph.output()); }

Net fold_constants(const Net& net, bool all) {
  const Graph& graph = net.graph;
  std::vector<bool> trainable(graph.nodes.size(), false);
  bool any = false;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    trainable[size_t(id)] = graph[id].op == &param_op;
    for (Id in : graph[id].in)
      trainable[size_t(id)] = trainable[size_t(id)] || trainable[size_t(in)];
    any = any || (!graph[id].type.batched && !is_leaf(*graph[id].op));
  }
  if (!any) return net;
  return rewrite(net, [&](Rewriter& r, Id id) {
    const Node& node = graph[id];
    const bool fold = !node.type.batched && !is_leaf(*node.op) && (all || !trainable[size_t(id)]);
    if (!fold) return r.copy(id);
    return r.leaf(constant_op, node.name, evaluate_unbatched(net, id));
  });
}

}  // namespace sparlet
