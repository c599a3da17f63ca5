// The leaves: values that come from outside. shape=[...]; dtype=f32 unless given.
#include "autograd/op.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

Type declared(const Node& node, std::span<const Type> in, bool batched) {
  require(in.empty(), "{} ({}): reads nothing, found {} inputs", node.name, node.op->name,
          in.size());
  return {node.shape("shape"), dtype_from(node.word("dtype", "f32")), batched};
}
Type input(const Node& node, std::span<const Type> in) { return declared(node, in, true); }
Type weight(const Node& node, std::span<const Type> in) { return declared(node, in, false); }
Type param(const Node& node, std::span<const Type> in) {
  const Type type = weight(node, in);
  require(type.dtype == DType::f32, "{} (param): dtype {}, wanted f32", node.name,
          name_of(type.dtype));
  return type;
}
int64_t no_macs(const Node&, std::span<const Type>) { return 0; }

}  // namespace

const OpDef input_op{"input", input, no_macs, nullptr};
const OpDef param_op{"param", param, no_macs, nullptr};
const OpDef constant_op{"constant", weight, no_macs, nullptr};
const OpDef state_op{"state", param, no_macs, nullptr};

bool is_leaf(const OpDef& op) { return op.make == nullptr; }

std::vector<SparseOperand> sparse_operands(const Graph& graph, const Node& node) {
  if (!node.op->sparse) return {};
  return node.op->sparse(node, graph.types_of(node.in));
}

void check_patterns(const Net& net, std::string_view where) {
  const auto view = [&](Id id) {
    const Tensor& held = net.params[size_t(id)];
    return View{held.shape(), held.dtype(), const_cast<std::byte*>(held.raw())};
  };
  for (const Node& node : net.graph.nodes)
    for (const SparseOperand& operand : sparse_operands(net.graph, node)) {
      const View first = view(node.in[size_t(operand.values) + 1]),
                 second = view(node.in[size_t(operand.values) + 2]);
      if (first && second)
        read_pattern(operand.format, operand.dense, first, second,
                     fmt::format("{}: {} ({})", where, node.name, node.op->name));
    }
}

}  // namespace sparlet
