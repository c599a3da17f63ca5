// Running a net once: without keeping an Executor.
#include <algorithm>
#include <cstring>

#include "autograd/executor.h"
#include "autograd/rewrite.h"
#include "tensor/error.h"

namespace sparlet {

Tensor run(Net net, View samples, int64_t batch, const Kernels* kernels) {
  const std::vector<Id> in = inputs(net.graph);
  require(in.size() == 1, "run: the net has {} inputs, wanted one", in.size());
  require(samples.shape.rank() >= 1, "run: wants samples [n, …]");
  const int64_t total = samples.shape[0], step = std::min(batch, total);
  Executor executor(net, {.batch = step, .kernels = kernels, .release = true});
  net.params.clear();  // the executor's own share of them is what is left
  const Type& type = net.graph.nodes.back().type;
  Tensor all(batched(total, type.shape), type.dtype);
  const int64_t in_bytes = count(samples.shape) / total * bytes_of(samples.dtype);
  const int64_t out_bytes = count(type.shape) * bytes_of(type.dtype);
  for (int64_t begin = 0; begin < total; begin += step) {
    const int64_t n = std::min(step, total - begin);
    View part{batched(n, net.graph[in[0]].type.shape), samples.dtype,
              samples.as<std::byte>() + begin * in_bytes};
    executor.set_input(in[0], part);
    executor.forward(n);
    std::memcpy(all.raw_write() + begin * out_bytes, executor.output().raw(),
                size_t(n * out_bytes));
  }
  return all;
}

Tensor evaluate_unbatched(const Net& net, Id id) {
  require(!net.graph[id].type.batched, "{}: differs between samples", net.graph[id].name);
  std::vector<Id> now(size_t(id) + 1, -1), stack{id};
  std::vector<bool> needed(size_t(id) + 1, false);
  while (!stack.empty()) {
    const Id at = stack.back();
    stack.pop_back();
    if (needed[size_t(at)]) continue;
    needed[size_t(at)] = true;
    for (Id in : net.graph[at].in) stack.push_back(in);
  }
  Rewriter rewriter(net);
  for (Id at = 0; at <= id; ++at)
    if (needed[size_t(at)]) rewriter.set_now(at, rewriter.copy(at));
  return Executor(rewriter.to(), {}).output();
}

}  // namespace sparlet
