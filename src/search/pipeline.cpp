#include "search/pipeline.h"

#include <algorithm>
#include <cmath>

#include "quant/quantize.h"
#include "search/chain_cnn.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

Optimizer optimizer_of(const TrainingOptions& options, const Point& point) {
  const float rate = float(point.number("learning_rate", options.learning_rate));
  const float decay = float(options.weight_decay);
  if (options.optimizer == "sgd")
    return Sgd{.rate = rate, .momentum = float(options.momentum), .weight_decay = decay};
  if (options.optimizer == "adamw") return AdamW{.rate = rate, .weight_decay = decay};
  return Adam{.rate = rate, .weight_decay = decay};
}

Schedule schedule_of(const TrainingOptions& options, const Point& point) {
  const std::string word = point.word("schedule", options.schedule);
  if (word == "constant") return Constant{};
  if (word == "cosine") return Cosine{};
  require(word == "step", "schedule \"{}\" is unknown; known: constant, step, cosine", word);
  const double thousands = point.number("learning_step", options.learning_step);
  return Step{.size = std::max<int64_t>(1, int64_t(std::llround(thousands * 1000))),
              .gamma = point.number("learning_gamma", options.learning_gamma)};
}

// The net that training starts from: the parent's weights, and its masks where this point prunes at
// least as much (masks never grow back).
Net starting_net(const TrainJob& job, double target) {
  const auto masked = [&](const Net& net) {
    return target > 0 ? sparse::mask(net, {.sparsity = 0}) : net;
  };
  if (!job.parent) return masked(job.net);
  // Half a permille: counts are rounded.
  if (target > 0 && target >= 1 - sparse::density(*job.parent) - 5e-4)
    return inherit(*job.parent, masked(job.net)).net;
  return masked(inherit(sparse::unmask(*job.parent), job.net).net);
}

Trained train_default(const TrainingOptions& options, const PruningOptions& pruning,
                      const TrainJob& job, Rng& rng) {
  const double target = pruning_target(pruning, job.point);
  const int64_t samples = job.data.train.size();
  TrainOptions train_options;
  train_options.epochs = job.epochs;
  train_options.batch =
      std::clamp<int64_t>(job.point.integer("batch_size", options.batch_size), 1, samples);
  train_options.schedule = schedule_of(options, job.point);
  train_options.loss = CrossEntropy{.label_smoothing = float(options.label_smoothing)};
  train_options.patience = options.patience;
  train_options.progress = job.progress;
  if (target > 0) {
    const int64_t total = job.epochs * (samples / train_options.batch);
    const auto begin = int64_t(double(total) * pruning.begin);
    const int64_t end = std::max(begin + 1, int64_t(double(total) * pruning.end));
    train_options.hooks.push_back(
        sparse::gradual({.target = target,
                         .begin = begin,
                         .end = end,
                         .every = std::max<int64_t>(1, (end - begin) / 40)}));
    train_options.checkpoint_from_step = std::min(end, total);
  }
  return train(starting_net(job, target), job.data, optimizer_of(options, job.point), train_options,
               rng);
}

quant::Encoding encoding_of(const std::string& word) {
  if (word == "dense") return quant::Encoding::dense;
  return word == "bitmask" ? quant::Encoding::bitmask : quant::Encoding::smallest;
}

Net quantize_default(const QuantizeOptions& options, const Net& trained, const Data& data) {
  const Net folded = quant::fold_norms(sparse::unmask(trained));
  if (options.scheme == "none") return folded;
  const quant::Ranges ranges = quant::observe(folded, data.train.take(options.calibration));
  return quant::to_int8(folded, ranges, {.encoding = encoding_of(options.encoding)});
}

Metrics evaluate_default(const cost::Device& device, const Net& shipped, const Dataset& split) {
  Metrics m = costs_of(cost::measure(shipped, device));
  m.error = error_of(shipped, split);
  return m;
}

}  // namespace

Metrics costs_of(const cost::Cost& cost) {
  Metrics m;
  m.size = cost.size;
  m.weight_bytes = cost.weight_bytes;
  m.memory = cost.memory;
  m.memory_without_input = cost.memory_without_input;
  m.macs = cost.macs;
  m.effective_macs = cost.effective_macs;
  m.latency = cost.latency;
  m.sparsity = cost.sparsity;
  return m;
}

double pruning_target(const PruningOptions& options, const Point& point) {
  return options.enabled ? std::clamp(point.number("prune_threshold", 0), 0.0, 0.999) : 0;
}

Pipeline default_pipeline(const Config& config) {
  Pipeline pipeline;
  pipeline.user = config.user;
  pipeline.build = [build = builder_named(config.builder)](const Point& point, const DataSpec& spec,
                                                           const UserTable&, Rng& rng) {
    return build(point, spec, rng);
  };
  pipeline.train = [train = config.train, prune = config.prune](const TrainJob& job, Rng& rng) {
    return train_default(train, prune, job, rng);
  };
  pipeline.quantize = [options = config.quant](const Net& trained, const Point&, const Data& data) {
    return quantize_default(options, trained, data);
  };
  pipeline.predict = [scheme = config.quant.scheme, prune = config.prune, device = config.device](
                         const Net& fresh, const Point& point) {
    return scheme == "none" ? cost::measure(quant::fold_norms(fresh), device)
                            : cost::predict(fresh, pruning_target(prune, point), device);
  };
  pipeline.evaluate = [device = config.device](const Net& shipped, const Dataset& split) {
    return evaluate_default(device, shipped, split);
  };
  return pipeline;
}

Metrics measure(const Pipeline& pipeline, const Net& shipped, const Dataset& split) {
  Metrics m = pipeline.evaluate(shipped, split);
  for (const auto& [name, metric] : pipeline.metrics)
    m.extra[name] = metric(shipped, split, pipeline.user);
  return m;
}

}  // namespace sparlet::search
