// Removes groups of channels from a net: which may go, and cutting weights, norms and masks.
#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "sparse/constants.h"
#include "sparse/prune.h"
#include "sparse/saved.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

bool is_conv(const OpDef* op) { return op == &conv1d_op || op == &conv2d_op || op == &conv3d_op; }
bool is_depthwise(const Node& node) { return is_conv(node.op) && node.integer("groups", 1) > 1; }
// Reads channels by columns of its weight.
bool is_consumer(const Node& node) {
  return node.op == &linear_op || (is_conv(node.op) && !is_depthwise(node));
}
bool has_plain_bias(const Net& net, const Node& node) {
  return node.in.size() > 2 && net.graph[node.in[2]].op == &param_op;
}

// Greatest magnitude in each column (input channel) of a consumer's weight, over all outputs.
std::vector<float> column_peaks(const Tensor& weight) {
  const size_t columns = size_t(weight.shape()[1]), rows = size_t(weight.shape()[0]);
  const size_t inner = size_t(weight.size()) / rows / columns;
  std::vector<float> peak(columns, 0);
  const auto w = weight.read();
  for (size_t i = 0; i < w.size(); ++i)
    peak[i / inner % columns] = std::max(peak[i / inner % columns], std::abs(w[i]));
  return peak;
}

// By group: may go without changing the outputs.
std::vector<bool> dead_groups(const Net& net, const Channels& channels,
                              const Constants& constants) {
  std::vector<bool> dead;
  for (const bool fixed : channels.fixed) dead.push_back(!fixed);
  for (const Node& node : net.graph.nodes) {
    if (!is_consumer(node) || channels.of[size_t(node.in[0])].empty()) continue;
    if (node.op == &linear_op && node.type.shape.rank() == 2) continue;  // its groups are fixed
    const std::vector<int32_t>& groups = channels.of[size_t(node.in[0])];
    const auto& known = constants[size_t(node.in[0])];
    const std::vector<float> peak = column_peaks(operand(net, node, 1));
    for (size_t i = 0; i < groups.size(); ++i) {
      const bool foldable =
          known[i] && (*known[i] == 0 || (has_plain_bias(net, node) && !pads(node)));
      if (peak[i] != 0 && !foldable) dead[size_t(groups[i])] = false;
    }
  }
  return dead;
}

// Each value keeps one channel: where all would go, the first group stays.
void keep_one_each(const Channels& channels, std::vector<bool>& gone) {
  for (const std::vector<int32_t>& groups : channels.of)
    if (!groups.empty() && std::ranges::all_of(groups, [&](int32_t g) { return gone[size_t(g)]; }))
      gone[size_t(groups[0])] = false;
}

// The places along an axis that stay.
using Stay = std::vector<size_t>;
Stay staying(const std::vector<int32_t>& groups, const std::vector<bool>& gone) {
  Stay stay;
  for (size_t i = 0; i < groups.size(); ++i)
    if (!gone[size_t(groups[i])]) stay.push_back(i);
  return stay;
}

Tensor cut(const Tensor& from, int axis, const Stay& stay) {
  Shape shape;
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < from.shape().rank(); ++i) {
    shape.push_back(i == axis ? int64_t(stay.size()) : from.shape()[i]);
    if (i < axis) outer *= from.shape()[i];
    if (i > axis) inner *= from.shape()[i];
  }
  Tensor to(shape);
  float* out = to.write().data();
  const float* in = from.read().data();
  for (int64_t o = 0; o < outer; ++o)
    for (const size_t i : stay)
      out = std::copy_n(in + (o * from.shape()[axis] + int64_t(i)) * inner, inner, out);
  return to;
}

class Cutter {
 public:
  // `constants`: what channels that go were, for the biases behind; none: 0.
  Cutter(const Net& net, const Channels& channels, const std::vector<bool>& gone,
         const Constants* constants)
      : net_(net), channels_(channels), gone_(gone), values_(net.params) {
    for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
      const Node& node = net.graph[id];
      if (channels.of[size_t(id)].empty() || node.in.empty()) continue;
      if (is_consumer(node) && constants) fold(node, (*constants)[size_t(node.in[0])]);
      const bool layer = node.op == &linear_op || is_conv(node.op);
      if (!layer && node.op != &batch_norm_op) continue;
      const Stay out = staying(channels.of[size_t(id)], gone);
      const Stay in = staying(channels.of[size_t(node.in[0])], gone);
      const bool rows_of_samples = node.op == &linear_op && node.type.shape.rank() == 2;
      if (rows_of_samples) continue;
      for (size_t k = 1; k < node.in.size(); ++k) shorten(node.in[k], 0, out);
      if (is_consumer(node)) shorten(node.in[1], 1, in);
    }
  }

  Net run() {
    return rewrite(net_, [&](Rewriter& r, Id id) {
      const Node& node = net_.graph[id];
      const Tensor& value = values_[size_t(id)];
      if (value && value.shape() != node.type.shape) return r.leaf(*node.op, node.name, value);
      if (value) {  // as it is, attributes too
        const Id made = r.copy(id);
        r.to().params[size_t(made)] = value;
        return made;
      }
      if (!is_depthwise(node)) return r.copy(id);
      std::vector<Id> in;
      for (const Id from : node.in) in.push_back(r.now(from));
      Attrs attrs = node.attrs;
      if (int64_t(channels_.of[size_t(id)].size()) == node.integer("groups", 1))
        attrs["groups"] = double(staying(channels_.of[size_t(id)], gone_).size());
      return r.add(*node.op, node.name, std::move(in), std::move(attrs));
    });
  }

 private:
  // Of the leaf itself, or of what a masked one is made of.
  void shorten(Id id, int axis, const Stay& stay) {
    const Node& node = net_.graph[id];
    if (!is_leaf(*node.op)) {
      for (const Id below : node.in) shorten(below, axis, stay);
    } else if (int64_t(stay.size()) < values_[size_t(id)].shape()[axis]) {
      values_[size_t(id)] = cut(values_[size_t(id)], axis, stay);
    }
  }

  // Adds what the channels that go were worth to the bias.
  void fold(const Node& node, const std::vector<std::optional<float>>& known) {
    const std::vector<int32_t>& groups = channels_.of[size_t(node.in[0])];
    if (!has_plain_bias(net_, node) || known.size() != groups.size()) return;
    const Tensor weight = operand(net_, node, 1);
    const size_t rows = size_t(weight.shape()[0]), columns = groups.size();
    const size_t inner = size_t(weight.size()) / rows / columns;
    std::vector<double> more(rows, 0);
    for (size_t i = 0; i < columns; ++i) {
      if (!gone_[size_t(groups[i])] || !known[i] || *known[i] == 0) continue;
      for (size_t o = 0; o < rows; ++o)
        for (const float w : weight.read().subspan((o * columns + i) * inner, inner))
          more[o] += double(w) * *known[i];
    }
    const auto bias = values_[size_t(node.in[2])].write();
    for (size_t o = 0; o < rows; ++o) bias[o] = float(bias[o] + more[o]);
  }

  const Net& net_;
  const Channels& channels_;
  const std::vector<bool>& gone_;
  std::vector<Tensor> values_;
};

// By group: the mean square of its filters' weights, and the first layer that makes it (-1: none).
struct Ranked {
  double score = 0;
  Id layer = -1;
  bool keep = false;
};
std::vector<Ranked> rank(const Net& net, const Channels& channels,
                         const std::vector<std::string>& keep) {
  std::vector<Ranked> groups(size_t(channels.groups()));
  std::vector<double> weights(groups.size(), 0);
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const Node& node = net.graph[id];
    if (node.op != &linear_op && !is_conv(node.op)) continue;
    const std::vector<int32_t>& of = channels.of[size_t(id)];
    const bool kept = std::ranges::find(keep, node.name) != keep.end();
    const Tensor weight = operand(net, node, 1);
    if (int64_t(of.size()) != weight.shape()[0]) continue;
    const size_t row = size_t(weight.size()) / of.size();
    for (size_t o = 0; o < of.size(); ++o) {
      Ranked& group = groups[size_t(of[o])];
      for (const float w : weight.read().subspan(o * row, row)) group.score += double(w) * w;
      weights[size_t(of[o])] += double(row);
      if (group.layer < 0) group.layer = id;
      group.keep = group.keep || kept;
    }
  }
  for (size_t g = 0; g < groups.size(); ++g)
    if (weights[g] > 0) groups[g].score /= weights[g];
  return groups;
}

void check_names(const Graph& graph, const std::vector<std::string>& keep) {
  std::vector<std::string> known;
  for (const Node& node : graph.nodes)
    if (node.op == &linear_op || is_conv(node.op)) known.push_back(node.name);
  for (const std::string& name : keep)
    require(std::ranges::find(known, name) != known.end(), "keep: '{}' is no layer{}", name,
            did_you_mean(name, known));
}

// By layer, or "" for the whole net: the groups that may go, the least first.
using Candidates = std::map<std::string, std::vector<size_t>>;
Candidates candidates_of(const Net& net, const Channels& channels, const ChannelPruning& o) {
  check_names(net.graph, o.keep);
  const std::vector<Ranked> groups = rank(net, channels, o.keep);
  Candidates all;
  for (size_t g = 0; g < groups.size(); ++g)
    if (!channels.fixed[g] && !groups[g].keep && groups[g].layer >= 0)
      all[o.together ? "" : net.graph[groups[g].layer].name].push_back(g);
  for (auto& [layer, list] : all)
    std::ranges::stable_sort(list, {}, [&](size_t g) { return groups[g].score; });
  return all;
}

int64_t share_of(double fraction, int64_t n) {
  return int64_t(std::floor(fraction * double(n) + 1e-9));
}

void check(const ChannelPruning& o) {
  require(o.fraction >= 0 && o.fraction <= 1, "channels to prune: {} given, wanted 0 to 1",
          o.fraction);
}

}  // namespace

Net compact(const Net& net) {
  Net now = net;
  for (;;) {
    const Channels channels = channels_of(now.graph);
    const Constants constants = constants_of(now, channels);
    std::vector<bool> gone = dead_groups(now, channels, constants);
    keep_one_each(channels, gone);
    if (std::ranges::find(gone, true) == gone.end()) return now;
    now = Cutter(now, channels, gone, &constants).run();
  }
}

Net prune_channels(const Net& net, const ChannelPruning& options) {
  check(options);
  const Channels channels = channels_of(net.graph);
  std::vector<bool> gone(size_t(channels.groups()), false);
  for (const auto& [layer, list] : candidates_of(net, channels, options))
    for (int64_t i = 0; i < share_of(options.fraction, int64_t(list.size())); ++i)
      gone[list[size_t(i)]] = true;
  keep_one_each(channels, gone);
  return Cutter(net, channels, gone, nullptr).run();
}

Hook gradual_channels(const GradualChannels& options) {
  check(options.target);
  const Gradual plan{.target = options.target.fraction,
                     .begin = options.begin,
                     .end = options.end,
                     .every = options.every};
  gradual(plan);  // throws for what is out of range
  // Candidates before any went, by layer or in all.
  const auto first = std::make_shared<std::map<std::string, Tensor>>();
  Hook hook = [=](const TrainState& state) -> std::optional<Net> {
    const bool due = state.step == plan.end || (state.step - plan.begin) % plan.every == 0;
    if (!due || state.step < plan.begin || state.step > plan.end) return {};
    const Net net = state.executor.trained();
    const Channels channels = channels_of(net.graph);
    const Candidates all = candidates_of(net, channels, options.target);
    if (state.step == (plan.begin > 0 ? plan.begin : plan.every)) first->clear();
    std::vector<bool> gone(size_t(channels.groups()), false);
    for (const auto& [layer, list] : all) {
      const auto here = int64_t(list.size());
      const Tensor& n = first->try_emplace(layer, Tensor({1}, {float(here)})).first->second;
      const auto before = int64_t(n.read()[0]);
      const int64_t left = before - share_of(sparsity_at(plan, state.step), before);
      for (int64_t i = 0; i < here - left; ++i) gone[list[size_t(i)]] = true;
    }
    keep_one_each(channels, gone);
    if (std::ranges::find(gone, true) == gone.end()) return {};
    return Cutter(net, channels, gone, nullptr).run();
  };
  hook.save = [first] { return to_bytes(*first); };
  hook.load = [first](std::span<const uint8_t> bytes) {
    *first = tensors_from(bytes);
    for (const auto& [layer, number] : *first)
      require(number.size() == 1, "resume: a hook's memory is not that of gradual_channels()");
  };
  return hook;
}

}  // namespace sparlet::sparse
