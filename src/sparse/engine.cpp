#include "sparse/engine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nn/init.h"
#include "sparse/engine_layer.h"
#include "sparse/saved.h"
#include "sparse/slots.h"
#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

// The steps after which a momentum has forgotten a gradient, to a float's last bit.
int64_t memory_of(float momentum) {
  return int64_t(std::ceil(-24 * std::numbers::ln2 / std::log(double(momentum))));
}

void check(const DynamicOptions& o) {
  sparse::check(o.updates);
  require(o.keep && o.grow, "dynamic sparse training: no criterion to keep or grow by");
  require(o.momentum >= 0 && o.momentum < 1, "dynamic sparse training: momentum {}, wanted 0 to 1",
          o.momentum);
  require(o.divisor != 0, "dynamic sparse training: divisor 0");
  require(o.block_rows >= 1 && o.block_columns >= 1,
          "dynamic sparse training: blocks of {} × {}, wanted 1 or more", o.block_rows,
          o.block_columns);
  require(o.every_m >= 0, "dynamic sparse training: every_m {}, wanted 0 or more", o.every_m);
  require(o.every_m == 0 || (o.block_rows * o.block_columns == 1 && !o.share && !o.grow_together),
          "dynamic sparse training: every_m goes with no blocks, share or grow_together");
}

}  // namespace

Engine::Engine(const DynamicOptions& options) : options_(options) { check(options); }

// Those with a mask or entries: the others are dense, and stay it.
std::vector<Weight> Engine::weights(const Graph& graph) const {
  std::vector<Weight> list = weights_of(graph, options_.keep_out);
  std::erase_if(list, [](const Weight& weight) { return !weight.has_pattern(); });
  return list;
}

void Engine::load(std::span<const uint8_t> bytes) { momentum_ = tensors_from(bytes); }
std::vector<uint8_t> Engine::saved() const { return to_bytes(momentum_); }

int64_t Engine::dense_bytes() const {
  int64_t bytes = 0;
  for (const auto& [name, tensor] : momentum_) bytes += tensor.bytes();
  return bytes;
}

void Engine::gather(const Executor& executor, const Moment& now, int batch, int batches,
                    int64_t samples) {
  if (batch == 0) sums_.clear(), samples_ = 0;
  if (now.step == 1 && batch == 0) momentum_.clear();
  const int64_t left = options_.momentum > 0 ? steps_to_next(options_.updates, now) : -1;
  const bool keeps = left >= 0 && left < memory_of(options_.momentum), last = batch + 1 == batches;
  if (!keeps && (batches == 1 || !due(now))) return;
  samples_ += samples;
  for (const Weight& weight : weights(executor.net().graph)) {
    if (batches > 1 && !sums_.contains(weight.name)) sums_[weight.name] = Tensor(weight.shape);
    if (keeps) {
      Tensor& held = momentum_[weight.name];
      if (!held || held.shape() != weight.shape) held = Tensor(weight.shape);
    }
    by_rows(weight, [&](int64_t begin, int64_t end) {
      const size_t first = size_t(begin * row_size(weight));
      if (batches > 1) {
        const Tensor g = made(executor, weight, begin, end);
        float* sum = sums_[weight.name].write().data() + first;
        for (const float v : g.read()) *sum++ += float(samples) * v;
      }
      if (!keeps || !last) return;
      float* m = momentum_[weight.name].write().data() + first;
      const Tensor mean = gradient(executor, weight, begin, end);
      for (const float v : mean.read()) *m = options_.momentum * *m + v, ++m;
    });
  }
}

Tensor Engine::made(const Executor& executor, const Weight& weight, int64_t begin,
                    int64_t end) const {
  dense_rows_ += end - begin;
  return executor.dense_weight_grad(weight.reader, begin, end, weight.operand);
}

// The mean over the step's batches.
Tensor Engine::gradient(const Executor& executor, const Weight& weight, int64_t begin,
                        int64_t end) const {
  const auto sum = sums_.find(weight.name);
  if (sum == sums_.end()) return made(executor, weight, begin, end);
  Shape shape{end - begin};
  for (int i = 1; i < weight.shape.rank(); ++i) shape.push_back(weight.shape[i]);
  Tensor rows(shape);
  const float* from = sum->second.read().data() + begin * row_size(weight);
  for (float& v : rows.write()) v = *from++ / float(samples_);
  return rows;
}

std::vector<Engine::Layer> Engine::layers(Executor& executor, const Net& net,
                                          const std::vector<Weight>& weights, int64_t step) {
  std::vector<Layer> list;
  list.reserve(weights.size());
  for (size_t k = 0; k < weights.size(); ++k) {
    const Weight& weight = weights[k];
    Layer layer{.weight = &weight,
                .old = connections(net, weight),
                .units = Units(weight.shape, options_.block_rows, options_.block_columns),
                .groups = {},
                .rng = std::make_unique<Rng>(mix(mix(options_.seed, uint64_t(step)), k)),
                .seen = nullptr};
    const auto momentum = [this, &weight](int64_t begin, int64_t end) {
      const auto held = momentum_.find(weight.name);
      require(held != momentum_.end(),
              "dynamic sparse training: a criterion wants momentum, set DynamicOptions::momentum");
      const int64_t row = row_size(weight);
      Tensor rows(Shape{end - begin, row});
      std::copy_n(held->second.read().data() + begin * row, rows.size(), rows.write().data());
      return rows;
    };
    layer.groups = grouped(layer.units, layer.old.at, weight.name);
    list.push_back(std::move(layer));
    Layer& made = list.back();
    made.seen.reset(
        new Seen{.weight = weight,
                 .at = made.old.at,
                 .value = made.old.value,
                 .gradient = [this, &executor, &weight](
                                 int64_t begin,
                                 int64_t end) { return gradient(executor, weight, begin, end); },
                 .momentum = momentum,
                 .slot = [&executor, &weight, at = std::span<const int32_t>(made.old.at)](
                             int index) { return slots_of(executor, weight, at, index); },
                 .rng = *made.rng});
  }
  return list;
}

// The new connections: kept and grown together. What was dropped and grown again keeps its value.
void Engine::fill(Layer& layer, const Executor& executor) const {
  const Weight& weight = *layer.weight;
  double square = 0, sum = 0, mean = 0;
  for (const float v : layer.old.value) square += double(v) * v, sum += std::abs(v), mean += v;
  const double n = std::max<double>(1, double(layer.old.size()));
  const double deviation = std::sqrt(std::max(0.0, square / n - mean / n * mean / n));
  Tensor rows;
  int64_t first = 0, rows_end = 0;
  const auto gradient_at = [&](int32_t at) {
    const int64_t row = at / row_size(weight);
    if (row >= rows_end) {
      first = row / kRows * kRows;
      rows_end = std::min(first + kRows, weight.shape[0]);
      rows = gradient(executor, weight, first, rows_end);
    }
    return rows.read()[size_t(at - first * row_size(weight))];
  };
  const auto fresh = [&](int32_t at) {
    const double d = options_.divisor;
    switch (options_.fresh) {
      case Fresh::zeros:
        return 0.0;
      case Fresh::initial:
        return layer.rng->uniform(-1, 1) / std::sqrt(double(fan_in(weight.shape))) / d;
      case Fresh::normal:
        return deviation * layer.rng->normal() / d;
      case Fresh::uniform:
        return layer.rng->uniform(-1, 1) * sum / n / d;
      case Fresh::gradient:
        return -double(gradient_at(at)) / d;
      case Fresh::gradient_sign: {
        const float g = gradient_at(at);
        return (g > 0 ? -1.0 : g < 0 ? 1.0 : 0.0) / d;
      }
    }
    return 0.0;
  };
  size_t a = 0, b = 0;
  const auto& old = layer.old;
  while (a < old.at.size() || b < layer.grown.size()) {
    const bool has_old = a < old.at.size(), has_new = b < layer.grown.size();
    if (has_old && (!has_new || old.at[a] <= layer.grown[b])) {
      const bool regrown = has_new && old.at[a] == layer.grown[b];
      if (layer.kept[a] || regrown) {
        layer.now.at.push_back(old.at[a]);
        layer.now.value.push_back(old.value[a]);
        layer.fresh.push_back(false);
      }
      layer.regrown += regrown;
      b += regrown;
      ++a;
    } else {
      layer.now.at.push_back(layer.grown[b]);
      layer.now.value.push_back(float(fresh(layer.grown[b])));
      layer.fresh.push_back(true);
      ++b;
    }
  }
}

std::optional<Net> Engine::update(Executor& executor, const Moment& now) {
  if (!due(now)) return {};
  const Net net = executor.trained();
  const std::vector<Weight> weights = this->weights(net.graph);
  if (weights.empty()) return {};
  const double fraction = drop_fraction(options_.updates, now);
  std::vector<Layer> list = layers(executor, net, weights, now.step);
  choose_dropped(list, fraction);
  choose_grown(list);
  UpdateReport report{.step = now.step, .drop_fraction = fraction, .weights = {}};
  std::vector<Connections> all;
  for (Layer& layer : list) {
    fill(layer, executor);
    const auto first_slot = [&](int32_t at) {
      const int64_t row = at / row_size(*layer.weight);
      return options_.fresh_slot * gradient(executor, *layer.weight, row, row + 1)
                                       .read()[size_t(at - row * row_size(*layer.weight))];
    };
    require(!layer.weight->format || options_.fresh_slot == 0,
            "{}: fresh_slot is for masked weights; entries of sparse ones begin with 0",
            layer.weight->name);
    for (int k = 0; !layer.weight->format && k < executor.options().slots; ++k)
      move_slot(executor, *layer.weight, k, layer.now.at, layer.fresh,
                k == 0 && options_.fresh_slot != 0 ? first_slot : std::function<float(int32_t)>{});
    report.weights.push_back({.name = layer.weight->name,
                              .size = layer.weight->size(),
                              .before = layer.old.size(),
                              .dropped = layer.dropped,
                              .grown = int64_t(layer.grown.size()),
                              .regrown = layer.regrown,
                              .after = layer.now.size(),
                              .at = options_.report ? layer.now.at : std::vector<int32_t>{}});
    all.push_back(layer.now);
  }
  if (options_.report) options_.report(report);
  return with_connections(net, weights, all);
}

}  // namespace sparlet::sparse
