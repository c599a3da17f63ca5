#include "sparse/variational.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"
#include "sparse/magnitude.h"
#include "sparse/weights.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

constexpr double k1 = 0.63576, k2 = 1.87320, k3 = 1.48695;  // eq. 14
constexpr double kBound = 8, kLeast = 1e-8;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void check(const Variational& o) {
  require(o.samples >= 1, "variational dropout: {} samples, wanted those of the training part",
          o.samples);
  require(o.begin >= 0 && o.full >= o.begin && o.end >= 1,
          "variational dropout: KL from step {} to {}, noise to {}", o.begin, o.full, o.end);
  require(o.scale >= 0, "variational dropout: scale {}, wanted 0 or more", o.scale);
  require(!o.sparsity || (*o.sparsity >= 0 && *o.sparsity <= 1),
          "sparsity: {} given, wanted 0 to 1", o.sparsity.value_or(0));
}

bool is_layer(const OpDef* op) {
  return op == &linear_op || op == &conv1d_op || op == &conv2d_op || op == &conv3d_op;
}

// By param: whether its weight gets noise.
std::vector<bool> noisy_params(const Graph& graph, const Variational& o) {
  std::vector<bool> noisy(graph.nodes.size(), false);
  for (const Weight& weight : weights_of(graph, o.keep))
    noisy[size_t(weight.param)] = !weight.has_pattern();
  return noisy;
}

// A layer with noise: gaussian(layer(x, mean), layer(x², exp(log_variance))).
struct Noisy {
  Id node, layer, mean, log_variance;
  bool first;  // of those that share the weight
};
std::vector<Noisy> noisy_layers(const Graph& graph) {
  std::vector<Noisy> list;
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    if (graph[id].op != &gaussian_op) continue;
    const Id layer = graph[id].in[0], spread = graph[id].in[1];
    if (!is_layer(graph[layer].op) || !is_layer(graph[spread].op)) continue;
    const Id variance = graph[spread].in[1];
    if (graph[variance].op != &exp_op || graph[layer].in.size() < 2) continue;
    const Id mean = graph[layer].in[1];
    const bool first = std::ranges::find(list, mean, &Noisy::mean) == list.end();
    list.push_back({id, layer, mean, graph[variance].in[0], first});
  }
  return list;
}

Tensor log_alphas(const Net& net, const Noisy& noisy) {
  const auto mean = net.params[size_t(noisy.mean)].read(),
             spread = net.params[size_t(noisy.log_variance)].read();
  Tensor out(net.params[size_t(noisy.mean)].shape());
  for (size_t i = 0; i < mean.size(); ++i) {
    const double a = log_alpha(mean[i], spread[i]);
    out.write()[i] = std::isnan(a) ? -float(kBound) : float(a);
  }
  return out;
}

// dKL/dmean and dKL/dlog_variance, times `scale`, onto the gradients.
void add_slopes(Executor& executor, const Noisy& noisy, double scale) {
  // Both lie in the same order: exp() between log_variance and its layer leaves it as it is.
  const float *mean = executor.value(noisy.mean).f32(),
              *spread = executor.value(noisy.log_variance).f32();
  const View by_mean = executor.grad(noisy.mean), by_spread = executor.grad(noisy.log_variance);
  for (int64_t i = 0; i < by_mean.size(); ++i) {
    const double square = double(mean[i]) * mean[i] + kLeast;
    const double exact = double(spread[i]) - std::log(square);
    if (!(std::abs(exact) < kBound)) continue;
    const double slope = scale * variational_kl_slope(exact);
    by_spread.f32()[i] += float(slope);
    by_mean.f32()[i] -= float(slope * 2 * mean[i] / square);
  }
}

}  // namespace

double log_alpha(double mean, double log_variance) {
  return std::clamp(log_variance - std::log(mean * mean + kLeast), -kBound, kBound);
}

double variational_kl(double log_alpha) {
  return k1 - k1 * sigmoid(k2 + k3 * log_alpha) + 0.5 * std::log1p(std::exp(-log_alpha));
}

double variational_kl_slope(double log_alpha) {
  const double s = sigmoid(k2 + k3 * log_alpha);
  return -k1 * k3 * s * (1 - s) - 0.5 * sigmoid(-log_alpha);
}

Net with_noise(const Net& net, const Variational& o) {
  check(o);
  const std::vector<bool> noisy = noisy_params(net.graph, o);
  std::map<Id, Id> variance_of;  // by old param: the new exp() node
  const Net out = rewrite(net, [&](Rewriter& r, Id id) {
    const Node& node = r.old(id);
    const Id layer = r.copy(id);
    if (!is_layer(node.op) || !noisy[size_t(node.in[1])]) return layer;
    const std::string& weight = r.old(node.in[1]).name;
    Id& variance = variance_of.try_emplace(node.in[1], -1).first->second;
    if (variance < 0) {
      Tensor initial(r.old(node.in[1]).type.shape);
      std::ranges::fill(initial.write(), float(o.initial));
      variance = r.leaf(param_op, weight + ".log_variance", std::move(initial));
      variance = r.add(exp_op, weight + ".variance", {variance});
    }
    const Id x = r.now(node.in[0]), square = r.add(mul_op, node.name + ".squares", {x, x});
    const Id spread = r.add(*node.op, node.name + ".variance", {square, variance}, node.attrs);
    return r.add(gaussian_op, node.name + ".noisy", {layer, spread});
  });
  require(!variance_of.empty(),
          "variational dropout: no linear layer or convolution to give noise");
  return out;
}

Net without_noise(const Net& net, const Variational& o) {
  const std::vector<Noisy> layers = noisy_layers(net.graph);
  if (layers.empty()) return net;
  std::vector<std::string> names;
  std::vector<Tensor> masks, scores;  // scores: greater is kept
  int64_t size = 0;
  for (const Noisy& noisy : layers) {
    if (!noisy.first) continue;
    names.push_back(net.graph[noisy.mean].name);
    scores.push_back(log_alphas(net, noisy));
    Tensor open(scores.back().shape());
    const auto to = open.write(), score = scores.back().write();
    for (size_t i = 0; i < to.size(); ++i) {
      to[i] = o.sparsity || score[i] <= float(o.threshold) ? 1 : 0;
      score[i] = float(kBound) - score[i];  // 0 or more, as magnitudes are
    }
    masks.push_back(std::move(open));
    size += masks.back().size();
  }
  if (o.sparsity) close_smallest(masks, scores, std::llround(*o.sparsity * double(size)));
  std::vector<bool> is_noise(net.graph.nodes.size(), false);
  for (const Noisy& noisy : layers) is_noise[size_t(noisy.node)] = true;
  const Net quiet = rewrite(net, [&](Rewriter& r, Id id) {
    return is_noise[size_t(id)] ? r.now(r.old(id).in[0]) : r.copy(id);
  });
  std::vector<Weight> weights;
  for (const std::string& name : names)
    for (const Weight& weight : weights_of(quiet.graph))
      if (weight.name == name) weights.push_back(weight);
  return with_masks(quiet, weights, std::move(masks));
}

Hook variational(const Variational& o) {
  check(o);
  return Hook(
      [o](const TrainState& state) -> std::optional<Net> {
        if (state.step != o.end) return {};
        return without_noise(state.executor.trained(), o);
      },
      [o](const TrainState& state) {
        if (state.step > o.end) return false;
        require(o.end <= state.total_steps,
                "variational dropout: noise to step {}, but training has {}", o.end,
                state.total_steps);
        const std::vector<Noisy> layers = noisy_layers(state.executor.net().graph);
        require(!layers.empty(), "variational dropout: the net has no noise, see with_noise()");
        const double rise = o.full > o.begin
                                ? double(state.step - o.begin) / double(o.full - o.begin)
                                : double(state.step >= o.begin);
        const double scale = std::clamp(rise, 0.0, 1.0) * o.scale / double(o.samples);
        for (const Noisy& noisy : layers)
          if (noisy.first) add_slopes(state.executor, noisy, scale);
        return false;
      });
}

}  // namespace sparlet::sparse
