#include "quant/fusion.h"

#include <cmath>

#include "autograd/ops/ops.h"
#include "tensor/error.h"

namespace sparlet::quant {
namespace {

bool is_relu(const OpDef* op) { return op == &relu_op || op == &relu6_op; }
bool is_binary(const OpDef* op) { return op == &add_op || op == &sub_op || op == &mul_op; }

// Ops whose kernels end with a clamp.
bool clamps(const OpDef* op) {
  return op == &conv2d_op || op == &linear_op || op == &max_pool_op || op == &avg_pool_op ||
         op == &global_avg_pool_op || op == &concat_op || is_binary(op);
}

// One number for all, of a leaf.
std::optional<float> single(const Net& net, Id id) {
  const Tensor& value = net.params[size_t(id)];
  if (!value || value.dtype() != DType::f32 || value.size() != 1) return {};
  return value.read()[0];
}

struct Finder {
  const Net& net;
  const Graph& graph = net.graph;
  Fusion found;

  explicit Finder(const Net& from) : net(from) {
    const size_t n = graph.nodes.size();
    found.users = users(graph);
    found.vanishes.resize(n);
    found.clamp.resize(n);
    found.affine.resize(n);
    found.bytes.resize(n);
    found.normalized.assign(n, -1);
    for (Id id = 0; id < Id(n); ++id) found.range_from.push_back(id);
  }

  void run() {
    for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
      const Node& node = graph[id];
      if (!node.type.batched) continue;
      if (node.op == &input_op) find_normalization(id);
      found.affine[size_t(id)] =
          is_binary(node.op) && !found.bytes[size_t(id)] && has_constant(node);
      if (is_relu(node.op)) place_clamp(id);
    }
  }

  bool has_constant(const Node& node) const {
    return graph[node.in[0]].type.batched != graph[node.in[1]].type.batched;
  }

  // (x - mean) * scale with a whole mean in 0 .. 255: x holds bytes.
  void find_normalization(Id input) {
    if (!found.only_user(graph, input)) return;
    const Id minus = found.users[size_t(input)][0];
    const Node& centred = graph[minus];
    if (centred.op != &sub_op || centred.in[0] != input || !found.only_user(graph, minus)) return;
    const auto mean = single(net, centred.in[1]);
    const Id times = found.users[size_t(minus)][0];
    const Node& scaled = graph[times];
    if (!mean || *mean != std::floor(*mean) || *mean < 0 || *mean > 255) return;
    if (scaled.op != &mul_op || scaled.in[0] != minus) return;
    const auto factor = single(net, scaled.in[1]);
    if (!factor || !(*factor > 0)) return;
    found.bytes[size_t(input)] = found.bytes[size_t(minus)] = found.bytes[size_t(times)] = true;
    found.normalized[size_t(input)] = times;
  }

  // Up through what keeps order (relu after a pool is relu before it) to an op that can clamp.
  void place_clamp(Id relu) {
    Id at = graph[relu].in[0], place = -1;
    while (found.only_user(graph, at) && graph[at].type.batched && !found.bytes[size_t(at)]) {
      if (clamps(graph[at].op)) place = at;
      const OpDef* op = graph[at].op;
      if (op != &max_pool_op && op != &flatten_op && !found.vanishes[size_t(at)]) break;
      at = graph[at].in[0];
    }
    if (place < 0) return;
    found.vanishes[size_t(relu)] = true;
    Clamp& clamp = found.clamp[size_t(place)];
    clamp.low = std::max(clamp.low, 0.0);
    if (graph[relu].op == &relu6_op) clamp.high = std::min(clamp.high, 6.0);
    found.range_from[size_t(place)] = relu;
  }
};

}  // namespace

Fusion find_fusion(const Net& net) {
  Finder finder(net);
  finder.run();
  return std::move(finder.found);
}

Id batched_operand(const Graph& graph, const Node& node) {
  return graph[node.in[0]].type.batched ? node.in[0] : node.in[1];
}

void append_step(const Net& net, Id id, Affine& affine) {
  const Node& node = net.graph[id];
  const bool swapped = !net.graph[node.in[0]].type.batched;  // constant op x
  const Id constant = node.in[swapped ? 0 : 1];
  const Tensor& value = net.params[size_t(constant)];
  require(bool(value), "{} ({}): {} has no value; fold constants first", node.name, node.op->name,
          net.graph[constant].name);
  const int64_t channels = node.type.shape[0];
  const Shape& shape = value.shape();
  require(value.size() == 1 || (value.size() == channels && shape[0] == channels),
          "{} ({}): a constant of shape {} has no int8 form, only one number or one a channel",
          node.name, node.op->name, to_string(shape));
  affine.factor.resize(size_t(channels), 1);
  affine.offset.resize(size_t(channels), 0);
  for (size_t c = 0; c < size_t(channels); ++c) {
    const double v = value.read()[value.size() == 1 ? 0 : c];
    double &k = affine.factor[c], &t = affine.offset[c];
    if (node.op == &mul_op) {
      k *= v, t *= v;
    } else if (node.op == &add_op) {
      t += v;
    } else if (swapped) {
      k = -k, t = v - t;
    } else {
      t -= v;
    }
  }
}

}  // namespace sparlet::quant
