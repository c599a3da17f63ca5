#include "search/pipeline.h"

#include <algorithm>

#include "quant/quantize.h"
#include "search/builders.h"
#include "search/training.h"
#include "sparse/prune.h"
#include "tensor/error.h"

namespace sparlet::search {

Recipe recipe_of(const TrainingOptions& options, bool channels_first, const TrainJob& job) {
  Recipe recipe{.optimizer = optimizer_of(options, job.point)};
  TrainOptions& o = recipe.options;
  const int64_t samples = job.data.train.size();
  o.epochs = job.epochs;
  o.batch = std::clamp<int64_t>(job.point.integer("batch_size", options.batch_size), 1, samples);
  const int64_t batches = samples / o.batch;
  recipe.steps = job.epochs * ((batches + options.accumulate - 1) / options.accumulate);
  o.schedule = schedule_of(options, job.point, recipe.steps);
  o.loss = loss_of(options, job.data);
  o.augment = augment_of(options, job.data.spec.shape, channels_first);
  o.warmup_steps = options.warmup_steps;
  o.clip_norm = float(options.clip_norm);
  o.accumulate = options.accumulate;
  o.patience = options.patience;
  o.progress = job.progress;
  return recipe;
}

namespace {

// The net that training starts from: the parent's weights, and its masks where they leave the child
// no sparser than this point asks for (masks never grow back).
Net starting_net(const TrainJob& job, double target) {
  const auto masked = [&](const Net& net) {
    return target > 0 ? sparse::mask(net, {.sparsity = 0}) : net;
  };
  if (!job.parent) return masked(job.net);
  if (target > 0) {
    Net child = inherit(*job.parent, masked(job.net)).net;
    // Half a permille: counts are rounded.
    if (target >= 1 - sparse::density(child) - 5e-4) return child;
  }
  return masked(inherit(sparse::unmask(*job.parent), job.net).net);
}

Trained train_default(const TrainingOptions& options, const PruningOptions& pruning,
                      bool channels_first, const TrainJob& job, Rng& rng) {
  const double target = pruning_target(pruning, job.point);
  auto [optimizer, train_options, total] = recipe_of(options, channels_first, job);
  train_options.checkpoint = job.checkpoint;
  if (job.resume) {  // pruned already; the schedule is the longer run's from here on
    train_options.resume = job.resume;
    return train(job.resume->net, job.data, optimizer, train_options, rng);
  }
  if (target > 0) {
    const auto begin = int64_t(double(total) * pruning.begin);
    const int64_t end = std::max(begin + 1, int64_t(double(total) * pruning.end));
    train_options.hooks.push_back(
        sparse::gradual({.target = target,
                         .begin = begin,
                         .end = end,
                         .every = std::max<int64_t>(1, (end - begin) / 40)}));
    train_options.checkpoint_from_step = std::min(end, total);
  }
  return train(starting_net(job, target), job.data, optimizer, train_options, rng);
}

quant::Encoding encoding_of(const std::string& word) {
  if (word == "dense") return quant::Encoding::dense;
  return word == "bitmask" ? quant::Encoding::bitmask : quant::Encoding::smallest;
}

Net quantize_default(const QuantizeOptions& options, const Net& trained, const Data& data) {
  const Net folded = quant::fold_norms(sparse::unmask(trained));
  if (options.scheme == "none") return folded;
  const quant::Ranges ranges = quant::observe(folded, data.train.spread(options.calibration));
  return quant::to_int8(folded, ranges, {.encoding = encoding_of(options.encoding)});
}

Metrics evaluate_default(const cost::Device& device, const Net& shipped, const Dataset& split) {
  Metrics m = costs_of(cost::measure(shipped, device));
  m.error = error_of(shipped, split);
  return m;
}

// Steps of a sequence as the point has them, 0: as they are.
int64_t steps_of(const Point& point) {
  const int64_t steps = point.integer("max_len", 0);
  require(steps >= 0, "parameter 'max_len': {} is below 0", steps);
  return steps;
}

DataSpec spec_default(Layout layout, DataSpec spec, const Point& point) {
  if (const int64_t steps = steps_of(point); steps > 0) {
    require(spec.shape.rank() >= 2, "parameter 'max_len': samples of {} are no sequences",
            to_string(spec.shape));
    Shape shape{steps};
    for (int i = 1; i < spec.shape.rank(); ++i) shape.push_back(spec.shape[i]);
    spec.shape = shape;
  }
  if (layout == Layout::rows && spec.shape.rank() == 2)
    spec.shape = Shape{spec.shape[1], 1, spec.shape[0]};
  return spec;
}

Dataset prepared(const Dataset& part, Fit fit, Layout layout, const Point& point) {
  if (part.size() == 0) return part;
  const int64_t steps = steps_of(point);
  Dataset made = steps > 0 ? collated(part, fit, steps) : part;
  if (layout == Layout::rows && made.x.shape().rank() == 3) {
    made = channels_first(made);
    const Shape& s = made.x.shape();
    made.x = made.x.reshaped({s[0], s[1], 1, s[2]});
    made.lengths = {};  // the axis that they count is not the first one now
  }
  return made;
}

Data data_default(Fit fit, Layout layout, const Data& data, const Point& point) {
  Data made = data;
  for (Dataset* part : {&made.train, &made.validation, &made.test})
    *part = prepared(*part, fit, layout, point);
  made.spec = spec_default(layout, data.spec, point);
  return made;
}

// Types of their own, so that a pipeline tells whether they were replaced.
struct BuildDefault {
  Builder build;
  Net operator()(const Point& point, const DataSpec& spec, const UserTable&, Rng& rng) const {
    return build(point, spec, rng);
  }
};

struct TrainDefault {
  TrainingOptions train;
  PruningOptions prune;
  bool channels_first = false;
  Trained operator()(const TrainJob& job, Rng& rng) const {
    return train_default(train, prune, channels_first, job, rng);
  }
};

struct QuantizeDefault {
  QuantizeOptions options;
  Net operator()(const Net& trained, const Point&, const Data& data) const {
    return quantize_default(options, trained, data);
  }
};

struct PredictDefault {
  std::string scheme;
  PruningOptions prune;
  cost::Device device;
  cost::Cost operator()(const Net& fresh, const Point& point) const {
    return scheme == "none" ? cost::measure(quant::fold_norms(fresh), device)
                            : cost::predict(fresh, pruning_target(prune, point), device);
  }
};

}  // namespace

BuiltIn built_in_steps(const Pipeline& p) {
  const bool train = p.train.target<TrainDefault>();
  return {.train = train,
          .all = train && p.build.target<BuildDefault>() && p.quantize.target<QuantizeDefault>() &&
                 p.predict.target<PredictDefault>()};
}

const std::vector<std::string>& trainer_names() {
  static const std::vector<std::string> names = {"learning_rate", "schedule",   "learning_gamma",
                                                 "learning_step", "batch_size", "prune_threshold"};
  return names;
}

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
  pipeline.build = BuildDefault{builder_named(config.builder)};
  pipeline.train = TrainDefault{config.train, config.prune, config.data.channels_first};
  pipeline.quantize = QuantizeDefault{config.quant};
  pipeline.predict = PredictDefault{config.quant.scheme, config.prune, config.device};
  const Layout layout = builder_info(config.builder).layout;
  pipeline.spec = [layout](const DataSpec& spec, const Point& point) {
    return spec_default(layout, spec, point);
  };
  pipeline.prepare = [layout, fit = config.data.fit](const Data& data, const Point& point) {
    return data_default(fit, layout, data, point);
  };
  pipeline.evaluate = [device = config.device](const Net& shipped, const Dataset& split) {
    return evaluate_default(device, shipped, split);
  };
  return pipeline;
}

DataSpec spec_for(const Pipeline& pipeline, const DataSpec& spec, const Point& point) {
  return pipeline.spec ? pipeline.spec(spec, point) : spec;
}

Data data_for(const Pipeline& pipeline, const Data& data, const Point& point) {
  return pipeline.prepare ? pipeline.prepare(data, point) : data;
}

Metrics measure(const Pipeline& pipeline, const Net& shipped, const Dataset& split) {
  Metrics m = pipeline.evaluate(shipped, split);
  for (const auto& [name, metric] : pipeline.metrics)
    m.extra[name] = metric(shipped, split, pipeline.user);
  return m;
}

}  // namespace sparlet::search
