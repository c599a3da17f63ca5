#include <algorithm>
#include <cmath>

#include "search/builder.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

using Sizes = std::vector<int64_t>;

// The flatten node whose result the node reads, through what keeps its elements in place.
const Node* flatten_before(const Graph& graph, const Node& node) {
  const Node* at = &graph[node.in[0]];
  while (at->op->name != "flatten") {
    if (at->in.size() != 1 || !(at->op->elementwise || at->op->random)) return nullptr;
    at = &graph[at->in[0]];
  }
  return at;
}

// How a leaf is matched: its numbers as a box with an axis for everything that can grow by itself.
// Leaves of different kinds are not alike, whatever their names.
struct LeafLayout {
  Sizes sizes;
  std::string kind = {};
  size_t outputs = 0;         // the first axes that count outputs; those behind count inputs
  size_t centred = SIZE_MAX;  // the first axis of a window; those behind are too
};

// Whose weight the leaf is: through the product with a mask, but not through what differs between
// samples.
std::pair<Id, size_t> reader_of(const Graph& graph, const std::vector<std::vector<Id>>& readers,
                                Id leaf) {
  while (!readers[size_t(leaf)].empty()) {
    const Id reader = readers[size_t(leaf)].front();
    const Node& node = graph[reader];
    if (node.type.batched)
      return {reader, size_t(std::find(node.in.begin(), node.in.end(), leaf) - node.in.begin())};
    leaf = reader;
  }
  return {-1, 0};
}

int64_t gates_of(const Node& node) {
  const auto name = node.op->name;
  return name == "lstm" ? 4 : name == "gru" ? 3 : name == "rnn" ? 1 : 0;
}

// Axes: linear (out, in), behind flatten (out, c, h, w); convolutions (groups, out of a group, in
// of a group, window...); recurrent ones (gates, hidden, in); others (n, ...).
LeafLayout layout_of(const Graph& graph, const std::vector<std::vector<Id>>& readers, Id leaf) {
  const Shape& shape = graph[leaf].type.shape;
  LeafLayout layout{.sizes = Sizes(shape.begin(), shape.end()), .outputs = size_t(shape.rank())};
  const auto [reader, place] = reader_of(graph, readers, leaf);
  if (reader < 0) return layout;
  const Node& node = graph[reader];
  layout.kind = std::string(node.op->name);
  if (const int64_t gates = gates_of(node); gates > 0 && place > 0) {
    layout.kind += fmt::format("/{}", place);
    layout.sizes[0] /= gates;
    layout.sizes.insert(layout.sizes.begin(), gates);
    layout.outputs = 2;
  } else if (node.op->name == "linear" && shape.rank() == 2) {
    layout.outputs = 1;
    const Node* flatten = flatten_before(graph, node);
    if (!flatten) return layout;
    const Shape& map = graph[flatten->in[0]].type.shape;
    if (map.rank() != 3 || count(map) != shape[1]) return layout;
    layout.sizes = {shape[0], map[0], map[1], map[2]};
    layout.centred = 2;
  } else if (node.op->name.starts_with("conv") && place == 1 && shape.rank() >= 3) {
    const int64_t groups = node.integer("groups", 1);
    layout.kind += groups > 1 ? "/grouped" : "";
    layout.sizes[0] /= groups;
    layout.sizes.insert(layout.sizes.begin(), groups);
    layout.outputs = 2;
    layout.centred = 3;
  }
  return layout;
}

int64_t product(const Sizes& sizes) {
  int64_t n = 1;
  for (int64_t size : sizes) n *= size;
  return n;
}

// The overlap of two boxes: leading, but windows by their centres, (k - 1) / 2, as padding counts
// them.
struct Overlap {
  Sizes size, from, to;  // `from`, `to`: where it begins in parent and child

  Overlap(const LeafLayout& parent, const LeafLayout& child) {
    for (size_t k = 0; k < child.sizes.size(); ++k) {
      const int64_t theirs = parent.sizes[k], mine = child.sizes[k];
      const int64_t shift = k < child.centred ? 0 : (mine - 1) / 2 - (theirs - 1) / 2;
      from.push_back(std::max<int64_t>(0, -shift));
      to.push_back(std::max<int64_t>(0, shift));
      size.push_back(std::min(theirs - from.back(), mine - to.back()));
    }
  }
};

// `zero`: what an output that the parent had reads anew (more inputs, a larger window) counts for
// nothing, so that it stays the same; new outputs keep the child's values.
Tensor overlaid(const Tensor& parent, const LeafLayout& theirs, Tensor child,
                const LeafLayout& mine, bool zero) {
  const Overlap overlap(theirs, mine);
  const auto source = parent.read<float>();
  const auto target = child.write<float>();
  for (int64_t i = 0, n = child.size(); i < n; ++i) {
    int64_t rest = i, from = 0, stride = 1;
    bool old_output = true, inside = true;
    for (size_t k = mine.sizes.size(); k-- > 0;) {
      const int64_t at = rest % mine.sizes[k] - overlap.to[k];
      rest /= mine.sizes[k];
      const bool within = at >= 0 && at < overlap.size[k];
      inside &= within;
      if (k < mine.outputs) old_output &= within;
      from += (overlap.from[k] + at) * stride;
      stride *= theirs.sizes[k];
    }
    if (inside)
      target[size_t(i)] = source[size_t(from)];
    else if (zero && old_output)
      target[size_t(i)] = 0;
  }
  return child;
}

bool is_mask(const Node& node) { return node.op == &constant_op && node.name.ends_with(".mask"); }

bool inheritable(const Node& node) {
  return node.type.dtype == DType::f32 &&
         (node.op == &param_op || node.op == &state_op || is_mask(node));
}

// Whether a value is never negative: that of a relu, through what keeps the sign.
bool never_negative(const Graph& graph, Id id) {
  for (const Node* node = &graph[id];; node = &graph[node->in[0]]) {
    const auto op = node->op->name;
    if (op == "relu" || op == "relu6") return true;
    const bool keeps = op == "max_pool" || op == "avg_pool" || op == "global_avg_pool" ||
                       op == "dropout" || op == "flatten";
    if (!keeps) return false;
  }
}

// Sets the first outputs of a fresh layer to its inputs, where the layer can be passed through: a
// convolution that keeps the map, or a linear layer, with at least as many outputs as inputs,
// whose result meets a relu after an input that is not negative, or none. A norm in between must be
// fresh too: then it divides by sqrt(1 + epsilon), which the weight makes good.
bool make_identity(Net& net, const std::vector<std::vector<Id>>& readers, Id leaf,
                   const LeafLayout& layout) {
  const Graph& graph = net.graph;
  const auto [reader, place] = reader_of(graph, readers, leaf);
  if (reader < 0 || place != 1) return false;
  const Node& node = graph[reader];
  const bool conv = node.op->name == "conv2d", linear = node.op->name == "linear";
  const Shape &in = graph[node.in[0]].type.shape, &out = node.type.shape;
  const int64_t inputs = layout.sizes[layout.outputs];
  if (conv && (layout.sizes[0] != 1 || in[1] != out[1] || in[2] != out[2])) return false;
  if ((!conv && !linear) || layout.sizes[layout.outputs - 1] < inputs) return false;
  if (linear && layout.sizes.size() != 2) return false;
  float one = 1;
  Id at = reader;
  while (readers[size_t(at)].size() == 1) {
    const Node& next = graph[readers[size_t(at)].front()];
    if (next.op->name == "batch_norm")
      one = float(std::sqrt(1 + next.number("epsilon", 1e-5)));
    else if (next.op->name != "dropout")
      break;
    at = readers[size_t(at)].front();
  }
  const bool relu = readers[size_t(at)].size() == 1 &&
                    graph[readers[size_t(at)].front()].op->name.starts_with("relu");
  if (relu && !never_negative(graph, node.in[0])) return false;
  const auto w = net.params[size_t(leaf)].write<float>();
  const int64_t window = conv ? layout.sizes[3] * layout.sizes[4] : 1;
  const int64_t centre =
      conv ? (layout.sizes[3] - 1) / 2 * layout.sizes[4] + (layout.sizes[4] - 1) / 2 : 0;
  for (int64_t o = 0; o < inputs; ++o) {
    const auto row = w.subspan(size_t(o * inputs * window), size_t(inputs * window));
    std::fill(row.begin(), row.end(), 0.0f);
    row[size_t(o * window + centre)] = one;
  }
  if (node.in.size() > 2 && net.params[size_t(node.in[2])]) {
    const auto bias = net.params[size_t(node.in[2])].write<float>();
    std::fill(bias.begin(), bias.begin() + inputs, 0.0f);
  }
  return true;
}

class Inheriting {
 public:
  Inheriting(const Net& parent, Net child, const InheritOptions& options)
      : parent_(parent),
        options_(options),
        theirs_(users(parent.graph)),
        made_{std::move(child), {}},
        mine_(users(made_.net.graph)) {}

  Inherited run() {
    std::vector<Id> fresh;
    for (Id id = 0; id < Id(made_.net.graph.nodes.size()); ++id)
      if (inheritable(made_.net.graph[id]) && !take(id)) fresh.push_back(id);
    Inheritance& report = made_.report;
    for (const Id id : fresh) {
      const Node& node = made_.net.graph[id];
      const LeafLayout layout = layout_of(made_.net.graph, mine_, id);
      const bool weight = node.op == &param_op && layout.outputs < layout.sizes.size();
      if (options_.preserve && weight && make_identity(made_.net, mine_, id, layout))
        report.identity.push_back(node.name);
      else
        report.fresh.push_back(node.name);
    }
    return std::move(made_);
  }

 private:
  // False where the parent has nothing of the kind.
  bool take(Id id) {
    Inheritance& report = made_.report;
    const Node& node = made_.net.graph[id];
    Tensor& value = made_.net.params[size_t(id)];
    const bool trainable = node.op == &param_op;
    if (trainable) report.total += value.size();
    const auto source = parent_.graph.find(node.name);
    if (!source || parent_.graph[*source].op != node.op || !inheritable(parent_.graph[*source]))
      return false;
    const LeafLayout mine = layout_of(made_.net.graph, mine_, id);
    const LeafLayout theirs = layout_of(parent_.graph, theirs_, *source);
    if (theirs.sizes.size() != mine.sizes.size() || theirs.kind != mine.kind) return false;
    const Tensor& given = parent_.params[size_t(*source)];
    const bool whole = theirs.sizes == mine.sizes;
    if (is_mask(node) && !whole)
      for (float& entry : value.write<float>()) entry = 1;
    const bool zero = options_.preserve && trainable;
    value = whole ? given : overlaid(given, theirs, value, mine, zero);
    (whole ? report.copied : report.partly).push_back(node.name);
    if (trainable) report.elements += product(Overlap(theirs, mine).size);
    return true;
  }

  const Net& parent_;
  const InheritOptions options_;
  const std::vector<std::vector<Id>> theirs_;
  Inherited made_;
  const std::vector<std::vector<Id>> mine_;
};

}  // namespace

Inherited inherit(const Net& parent, Net child, const InheritOptions& options) {
  return Inheriting(parent, std::move(child), options).run();
}

std::string summary(const Inheritance& r) {
  const std::string identity =
      r.identity.empty() ? "" : fmt::format("{} passed through, ", r.identity.size());
  return fmt::format("{} copied, {} partly, {}{} new; {:.0f} % of the weights", r.copied.size(),
                     r.partly.size(), identity, r.fresh.size(),
                     r.total > 0 ? 100.0 * double(r.elements) / double(r.total) : 0.0);
}

}  // namespace sparlet::search
