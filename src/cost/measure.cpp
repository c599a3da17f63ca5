#include <algorithm>
#include <cstring>

#include "autograd/ops/ops.h"
#include "autograd/ops/ops_i8.h"
#include "autograd/plan.h"
#include "autograd/rewrite.h"
#include "cost/cost.h"
#include "deploy/spt.h"
#include "runtime/format.h"
#include "tensor/error.h"

namespace sparlet::cost {
namespace {

constexpr PlanOptions kOnDevice{.batch = 1, .align = 4};

bool is_bitmask(const OpDef* op) {
  return op == &conv2d_bitmask_i8_op || op == &linear_bitmask_i8_op;
}
bool is_recurrent(const OpDef* op) { return op == &lstm_op || op == &gru_op || op == &rnn_op; }
bool has_weights(const OpDef* op) {
  return op->sparse || is_recurrent(op) || op == &conv1d_op || op == &conv3d_op ||
         op == &conv_transpose2d_op || op == &conv2d_op || op == &linear_op ||
         op == &conv2d_i8_op || op == &linear_i8_op || is_bitmask(op);
}

template <class T>
int64_t nonzeros(const Tensor& tensor) {
  const auto values = tensor.read<T>();
  return int64_t(values.size()) - std::ranges::count(values, T(0));
}

// The weights that a float layer computes with: masked ones multiplied out.
Tensor float_weights(const Net& net, Id id) {
  return is_leaf(*net.graph[id].op) ? net.params[size_t(id)] : evaluate_unbatched(net, id);
}

void weigh_sparse(const Net& net, const Node& node, LayerCost& layer) {
  const auto view = [&](Id id) {
    const Tensor& held = net.params[size_t(id)];
    return View{held.shape(), held.dtype(), const_cast<std::byte*>(held.raw())};
  };
  for (const SparseOperand& operand : sparse_operands(net.graph, node)) {
    const auto at = size_t(operand.values);
    layer.weights += count(operand.dense);
    layer.nonzeros += read_pattern(operand.format, operand.dense, view(node.in[at + 1]),
                                   view(node.in[at + 2]), node.name)
                          .nonzeros();
    layer.encoding = name_of(operand.format);
  }
}

void weigh(const Net& net, const Node& node, LayerCost& layer) {
  if (node.op->sparse) return weigh_sparse(net, node, layer);
  const Id weight = node.in[1];
  layer.encoding = "dense";
  if (is_bitmask(node.op)) {
    const auto bits = net.params[size_t(weight)].read<uint8_t>();
    const int64_t fan_in = layer.macs / count(node.type.shape);
    layer.weights = fan_in * node.type.shape[0];
    layer.nonzeros = count_bits(bits.data(), layer.weights);
    layer.encoding = "bitmask";
  } else if (node.type.dtype == DType::i8) {
    const Tensor& w = net.params[size_t(weight)];
    layer.weights = w.size();
    layer.nonzeros = nonzeros<int8_t>(w);
  } else {
    layer.encoding = "float";
    // Recurrent layers have two matrices a direction; their biases are no weights here.
    const size_t end = is_recurrent(node.op) ? node.in.size() : 2;
    for (size_t k = 1; k < end; ++k) {
      const Type& type = net.graph[node.in[k]].type;
      if (type.batched || type.shape.rank() < 2) continue;
      const Tensor w = float_weights(net, node.in[k]);
      layer.weights += w.size();
      layer.nonzeros += nonzeros<float>(w);
    }
  }
}

rt::Header header_of(const std::vector<uint8_t>& file) {
  rt::Header header;
  std::memcpy(&header, file.data(), sizeof header);
  return header;
}

// Bytes of each value's record, in the order of values.
std::vector<int64_t> record_bytes(const std::vector<uint8_t>& file) {
  const rt::Header header = header_of(file);
  std::vector<int64_t> bytes;
  size_t at = sizeof header + size_t(8) * header.channels;
  for (uint16_t i = 0; i < header.values; ++i) {
    bytes.push_back(file[at]);
    at += file[at];
  }
  return bytes;
}

// Bytes of the leaves that stand below a node and feed it alone.
int64_t leaf_bytes(const Graph& graph, const Node& node) {
  int64_t bytes = 0;
  for (Id id : node.in) {
    const Node& in = graph[id];
    if (in.type.batched) continue;
    bytes +=
        is_leaf(*in.op) ? count(in.type.shape) * bytes_of(in.type.dtype) : leaf_bytes(graph, in);
  }
  return bytes;
}

int64_t int8_bytes(const Node& node, const LayerCost& layer, int64_t record) {
  if (!has_weights(node.op)) return record;
  const int64_t stored =
      is_bitmask(node.op) ? (layer.weights + 7) / 8 + layer.nonzeros : layer.weights;
  return record + 8 * node.type.shape[0] + stored;
}

}  // namespace

Cost measure(const Net& net, const Device& device) {
  const Graph& graph = net.graph;
  const std::vector<uint8_t> file = deploy::serialize(net);
  const bool int8 = quant::is_int8(graph);
  std::vector<int64_t> records;
  if (int8) records = record_bytes(file);
  const std::vector<int64_t> live = live_bytes(graph, kOnDevice);

  Cost cost;
  cost.size = int64_t(file.size());
  cost.memory = int8 ? header_of(file).arena_bytes : plan_memory(graph, kOnDevice).size;
  Graph without = graph;  // what is the same for all samples lies outside the arena
  for (Id id : inputs(graph)) without.nodes[size_t(id)].type.batched = false;
  cost.memory_without_input = plan_memory(without, kOnDevice).size;

  int64_t weights = 0, kept = 0;
  size_t value = 0;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    const Node& node = graph[id];
    if (!node.type.batched) continue;
    const int64_t record = int8 ? records[value++] : 0;
    if (node.op == &input_op) continue;
    LayerCost layer{.name = node.name, .op = std::string(node.op->name), .out = node.type.shape};
    layer.macs = node.op->macs(node, graph.types_of(node.in));
    layer.live_bytes = live[size_t(id)];
    if (has_weights(node.op)) weigh(net, node, layer);
    layer.effective_macs = layer.macs;
    if (is_bitmask(node.op) || node.op->sparse)
      layer.effective_macs = layer.macs / layer.weights * layer.nonzeros;
    layer.bytes = int8 ? int8_bytes(node, layer, record) : leaf_bytes(graph, node);
    weights += layer.weights;
    kept += layer.nonzeros;
    cost.macs += layer.macs;
    cost.effective_macs += layer.effective_macs;
    cost.layers.push_back(std::move(layer));
  }
  cost.weight_bytes = kept * (int8 ? 1 : 4);
  cost.sparsity = weights == 0 ? 0 : 1 - double(kept) / double(weights);
  cost.latency = 1e3 * double(cost.effective_macs) / device.macs_per_second;
  return cost;
}

}  // namespace sparlet::cost
