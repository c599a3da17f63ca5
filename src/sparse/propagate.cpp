// Closes the connections of units that are dead, as masks say; the net keeps its size.
#include <algorithm>
#include <map>

#include "autograd/ops/ops.h"
#include "sparse/constants.h"
#include "sparse/convert.h"
#include "sparse/masks.h"

namespace sparlet::sparse {
namespace {

bool is_conv(const OpDef* op) { return op == &conv1d_op || op == &conv2d_op || op == &conv3d_op; }
bool is_depthwise(const Node& node) { return is_conv(node.op) && node.integer("groups", 1) > 1; }

// Every open weight that is 0, and every norm's factor, as if it were 1: what may still learn is no
// constant.
Net with_open_ones(const Net& net) {
  Net out = net;
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
    if (net.graph[id].op == &param_op)
      for (float& v : out.params[size_t(id)].write())
        if (v == 0) v = 1;
  return out;
}

// One round: layers by layers, what it closes is told by changed().
class Round {
 public:
  explicit Round(const Net& net)
      : net_(net),
        channels_(channels_of(net.graph)),
        constants_(constants_of(net, channels_)),
        lasting_(constants_of(with_open_ones(net), channels_)),
        readers_(users(net.graph)),
        values_(net.params),
        read_(channels_.fixed) {
    for (const Weight& weight : weights_of(net.graph)) weight_at_[weight.read()] = weight;
    for (const Node& node : net.graph.nodes) close_columns(node);
    for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) close_rows(id);
  }
  bool changed() const { return changed_; }
  Net result() && {
    Net out = net_;
    out.params = std::move(values_);
    return out;
  }

 private:
  // The mask of a layer's weight, where it has one that nobody else reads; else none.
  std::optional<Id> own_mask(const Node& node) const {
    const auto found = weight_at_.find(node.in[1]);
    if (found == weight_at_.end() || found->second.mask < 0) return {};
    const Weight& weight = found->second;
    for (const Id id : {weight.param, weight.mask, weight.product})
      if (readers_[size_t(id)].size() > 1) return {};
    return weight.mask;
  }

  bool layer(const Node& node) const {
    return (node.op == &linear_op && node.type.shape.rank() == 1) || is_conv(node.op);
  }

  // Of constants that are read; counts which groups are read all the same.
  void close_columns(const Node& node) {
    if (node.op != &linear_op && !is_conv(node.op)) return;
    if (is_depthwise(node) || channels_.of[size_t(node.in[0])].empty()) return;
    const std::vector<int32_t>& groups = channels_.of[size_t(node.in[0])];
    const auto mask = own_mask(node);
    if (!layer(node) || !mask || values_[size_t(*mask)].shape()[1] != int64_t(groups.size())) {
      for (const int32_t g : groups) read_[size_t(g)] = true;
      return;
    }
    const auto &known = constants_[size_t(node.in[0])], &lasting = lasting_[size_t(node.in[0])];
    for (size_t i = 0; i < groups.size(); ++i) {
      const bool constant = known[i] && lasting[i] && (*known[i] == 0 || can_fold(node));
      if (constant)
        close_column(node, *mask, i, *known[i]);
      else if (column_open(*mask, i))
        read_[size_t(groups[i])] = true;
    }
  }

  bool can_fold(const Node& node) const {
    return !pads(node) && node.in.size() > 2 && net_.graph[node.in[2]].op == &param_op &&
           readers_[size_t(node.in[2])].size() == 1;
  }

  template <class F>
  void each_of_column(Id mask, size_t column, const F& f) const {
    const Shape& shape = values_[size_t(mask)].shape();
    const size_t rows = size_t(shape[0]), columns = size_t(shape[1]);
    const size_t inner = size_t(count(shape)) / rows / columns;
    for (size_t o = 0; o < rows; ++o)
      for (size_t k = 0; k < inner; ++k) f(o, (o * columns + column) * inner + k);
  }
  bool column_open(Id mask, size_t column) const {
    bool open = false;
    each_of_column(mask, column,
                   [&](size_t, size_t at) { open |= values_[size_t(mask)].read()[at] != 0; });
    return open;
  }

  // What the constant was worth goes into the bias.
  void close_column(const Node& node, Id mask, size_t column, float value) {
    if (!column_open(mask, column)) return;
    changed_ = true;
    const Tensor weight = operand(net_, node, 1);
    std::vector<double> more(size_t(weight.shape()[0]), 0);
    each_of_column(mask, column, [&](size_t o, size_t at) {
      more[o] += double(weight.read()[at]) * value;
      values_[size_t(mask)].write()[at] = 0;
    });
    if (value == 0) return;
    const auto bias = values_[size_t(node.in[2])].write();
    for (size_t o = 0; o < more.size(); ++o) bias[o] = float(bias[o] + more[o]);
  }

  // Of what nobody reads.
  void close_rows(Id id) {
    const Node& node = net_.graph[id];
    if (!layer(node)) return;
    const auto mask = own_mask(node);
    const std::vector<int32_t>& groups = channels_.of[size_t(id)];
    if (!mask || values_[size_t(*mask)].shape()[0] != int64_t(groups.size())) return;
    const size_t row = size_t(values_[size_t(*mask)].size()) / groups.size();
    for (size_t o = 0; o < groups.size(); ++o) {
      if (read_[size_t(groups[o])]) continue;
      for (float& m : values_[size_t(*mask)].write().subspan(o * row, row)) {
        changed_ |= m != 0;
        m = 0;
      }
    }
  }

  const Net& net_;
  const Channels channels_;
  const Constants constants_, lasting_;
  const std::vector<std::vector<Id>> readers_;
  std::vector<Tensor> values_;
  std::vector<bool> read_;  // by group
  std::map<Id, Weight> weight_at_;
  bool changed_ = false;
};

// Closed weights become 0, as with_mask() has it.
Net cleared(const Net& net) {
  Net out = net;
  for (const Weight& weight : weights_of(net.graph)) {
    if (weight.mask < 0) continue;
    const auto mask = net.params[size_t(weight.mask)].read();
    const auto value = out.params[size_t(weight.param)].write();
    for (size_t i = 0; i < value.size(); ++i)
      if (mask[i] == 0) value[i] = 0;
  }
  return out;
}

}  // namespace

Net propagated_masks(const Net& net) {
  std::map<Format, std::vector<std::string>> forms;  // layers that are sparse
  for (const Node& node : net.graph.nodes) {
    if (node.op == &linear_csr_op || node.op == &conv2d_csr_op)
      forms[Format::csr].push_back(node.name);
    if (node.op == &linear_coo_op || node.op == &conv2d_coo_op)
      forms[Format::coo].push_back(node.name);
  }
  Net now = net;
  for (const auto& [format, layers] : forms) now = convert(now, Format::masked, {.layers = layers});
  for (bool changed = true; changed;) {
    Round round(now);
    changed = round.changed();
    now = std::move(round).result();
  }
  now = cleared(now);
  for (const auto& [format, layers] : forms) now = convert(now, format, {.layers = layers});
  return now;
}

}  // namespace sparlet::sparse
