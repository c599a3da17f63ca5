// Masks and values from one net to another, and alone.
#include <map>
#include <tuple>
#include <utility>

#include "autograd/rewrite.h"
#include "sparse/masks.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

constexpr std::string_view kSuffix = ".mask";

// By weight name: of a net's weights, or as masks_alone() made them.
std::map<std::string, Tensor> masks_in(const Net& net) {
  std::map<std::string, Tensor> masks;
  for (const Weight& weight : weights_of(net.graph, true))
    if (weight.has_pattern()) masks[weight.name] = open_mask(net, weight);
  const auto readers = users(net.graph);
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    const bool alone = node.op == &constant_op && readers[size_t(id)].empty() &&
                       node.type.dtype == DType::u8 && node.name.ends_with(kSuffix);
    if (!alone) continue;
    Tensor mask(node.type.shape);
    const auto* open = reinterpret_cast<const uint8_t*>(net.params[size_t(id)].raw());
    for (float& m : mask.write()) m = float(*open++);
    masks[node.name.substr(0, node.name.size() - kSuffix.size())] = std::move(mask);
  }
  require(!masks.empty(), "masks: the net to take them from has none");
  return masks;
}

bool is_value(const Node& node) { return node.op == &param_op || node.op == &state_op; }

// By name, sparse weights dense.
std::map<std::string, Tensor> values_in(const Net& net) {
  std::map<std::string, Tensor> values;
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
    if (is_value(net.graph[id])) values[net.graph[id].name] = net.params[size_t(id)];
  for (const Weight& weight : weights_of(net.graph, true))
    if (weight.format) values[weight.name] = dense_values(net, weight);
  return values;
}

Net leaves(const std::vector<std::tuple<const OpDef*, std::string, Tensor>>& all) {
  const Net none;
  Rewriter r(none);
  for (const auto& [op, name, value] : all) r.leaf(*op, name, value);
  return std::move(r.to());
}

}  // namespace

Net masks_alone(const Net& net) {
  std::vector<std::tuple<const OpDef*, std::string, Tensor>> all;
  for (const auto& [name, mask] : masks_in(net)) {
    Tensor bytes(mask.shape(), DType::u8);
    auto* to = reinterpret_cast<uint8_t*>(bytes.raw_write());
    for (const float m : mask.read()) *to++ = m != 0;
    all.emplace_back(&constant_op, name + std::string(kSuffix), std::move(bytes));
  }
  return leaves(all);
}

Net values_alone(const Net& net) {
  std::vector<std::tuple<const OpDef*, std::string, Tensor>> all;
  for (const auto& [name, value] : values_in(net))
    all.emplace_back(net.graph[net.graph.at(name)].op, name, value);
  return leaves(all);
}

Net with_masks_of(const Net& net, const Net& from) {
  Net out = net;
  for (const auto& [name, mask] : masks_in(from)) out = with_mask(out, name, mask);
  return out;
}

Net with_values_of(const Net& net, const Net& from) {
  std::map<std::string, Tensor> theirs = values_in(from);
  Net out = net;
  for (const auto& [name, mine] : values_in(net)) {
    const Id id = net.graph.at(name), other = from.graph.at(name);
    require(is_value(from.graph[other]), "{}: is a {} in the net to take it from, wanted a {}",
            name, from.graph[other].op->name, net.graph[id].op->name);
    const Tensor& there = theirs[name];
    require(there.shape() == mine.shape() && from.graph[other].op == net.graph[id].op,
            "{} ({}): is {} here, {} {} in the net to take it from", name, net.graph[id].op->name,
            to_string(mine.shape()), from.graph[other].op->name, to_string(there.shape()));
    out.params[size_t(id)] = there;
    theirs.erase(name);
  }
  for (const Weight& weight : weights_of(net.graph, true)) {
    if (!weight.format) continue;  // the entries stay
    const Tensor dense =
        std::exchange(out.params[size_t(weight.param)], net.params[size_t(weight.param)]);
    const Connections c = connections(net, weight);
    const auto to = out.params[size_t(weight.param)].write();
    for (size_t i = 0; i < c.at.size(); ++i) to[i] = dense.read()[size_t(c.at[i])];
  }
  for (const auto& [name, value] : theirs)
    fail("{}: is in the net to take values from, not here", name);
  return out;
}

}  // namespace sparlet::sparse
