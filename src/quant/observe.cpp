#include <algorithm>
#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "quant/quantize.h"
#include "tensor/error.h"

namespace sparlet::quant {
namespace {

bool is_seen(const Node& node) { return node.type.batched && node.type.dtype == DType::f32; }

void widen(Range& range, const View& values, const Node& node) {
  for (float value : values.span<float>()) {
    require(std::isfinite(value), "{} ({}): a value is not finite, no range to quantise to",
            node.name, node.op->name);
    range.low = std::min(range.low, value);
    range.high = std::max(range.high, value);
  }
}

// Each node's differs a little: equal scales would make smaller records, which trained nets never
// have.
Range guess(const Node& node, size_t index) {
  if (node.op == &input_op) return {0, 255};
  const float high = 1 + float(index) / 1024;
  return {node.op == &relu_op || node.op == &relu6_op ? 0 : -high, high};
}

}  // namespace

Ranges observe(const Net& net, const Dataset& data, int64_t batch) {
  require(data.size() > 0, "observe: no samples");
  const std::vector<Id> in = inputs(net.graph);
  require(in.size() == 1, "observe: the net has {} inputs, wanted one", in.size());
  // Training mode keeps every value; inference would let them share memory.
  Executor executor(net,
                    {.batch = std::min(batch, data.size()), .mode = Mode::train, .fuse = false});
  Ranges ranges;
  std::vector<int32_t> positions, labels(static_cast<size_t>(batch));
  Tensor samples(batched(batch, data.shape()), data.x.dtype());
  for (int64_t begin = 0; begin < data.size(); begin += batch) {
    const int64_t n = std::min(batch, data.size() - begin);
    positions.resize(size_t(n));
    for (int64_t i = 0; i < n; ++i) positions[size_t(i)] = int32_t(begin + i);
    data.gather(positions, samples.raw_write(), labels.data());
    executor.set_input(in[0], View{batched(n, data.shape()), samples.dtype(), samples.raw_write()});
    executor.forward(n);
    for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
      if (is_seen(net.graph[id]))
        widen(ranges[net.graph[id].name], executor.value(id), net.graph[id]);
  }
  if (samples.dtype() == DType::u8) ranges[net.graph[in[0]].name] = {0, 255};
  return ranges;
}

Ranges placeholder(const Net& net) {
  Ranges ranges;
  for (size_t i = 0; i < net.graph.nodes.size(); ++i)
    if (const Node& node = net.graph.nodes[i]; is_seen(node)) ranges[node.name] = guess(node, i);
  return ranges;
}

}  // namespace sparlet::quant
