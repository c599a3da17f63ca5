// What turns a point into a trained, pruned, quantised net and its figures. Every step is a
// function that a host may replace.
#pragma once
#include <functional>
#include <map>

#include "nn/checkpoint.h"
#include "search/builder.h"
#include "search/config.h"
#include "search/trial.h"

namespace sparlet::search {

using BuildStep = std::function<Net(const Point&, const DataSpec&, const UserTable&, Rng&)>;

// The data as the net of a point takes them: sequences of the point's max_len, in the builder's
// layout. `spec` alone is asked for when only shapes matter.
using SpecStep = std::function<DataSpec(const DataSpec&, const Point&)>;
using DataStep = std::function<Data(const Data&, const Point&)>;

struct TrainJob {
  const Net& net;               // fresh
  const Net* parent = nullptr;  // whose weights to inherit: trained, masks in place
  const Point& point;
  const Data& data;  // as prepared for the point; without its test part, during a search
  int epochs = 1;    // in all
  const UserTable& user;
  std::function<bool(const EpochReport&)> progress = {};
  // Of a trial that goes on after a pause: epochs done. `parent` is its own net then, to be trained
  // further; `resume` what it last gave to `checkpoint`, if it did.
  int begun = 0;
  const Checkpoint* resume = nullptr;
  std::function<void(const Checkpoint&)> checkpoint = {};  // asked for where it may be paused
};
// The [train] table of a config for a job: all that is not pruning.
struct Recipe {
  Optimizer optimizer;
  TrainOptions options;
  int64_t steps = 0;  // of the whole run
};
Recipe recipe_of(const TrainingOptions&, bool channels_first, const TrainJob&);

// The trained float net; masks stay in it (children inherit them).
using TrainStep = std::function<Trained(const TrainJob&, Rng&)>;

// The net that ships: masks applied, norms folded, quantised. Ranges come from training samples
// only.
using QuantizeStep = std::function<Net(const Net& trained, const Point&, const Data&)>;

// What the shipped net of a fresh one will cost, before training. Throws Error where there can be
// none.
using PredictStep = std::function<cost::Cost(const Net& fresh, const Point&)>;

// Error and costs of a shipped net on a split.
using EvaluateStep = std::function<Metrics(const Net& shipped, const Dataset&)>;

// A further figure of the shipped net on a split: an objective of that name may use it.
using MetricStep = std::function<double(const Net& shipped, const Dataset&, const UserTable&)>;

struct Pipeline {
  BuildStep build;
  TrainStep train;
  QuantizeStep quantize;
  PredictStep predict;
  EvaluateStep evaluate;
  std::map<std::string, MetricStep> metrics = {};
  UserTable user;
  SpecStep spec = {};  // none: as they are; the same of `prepare`
  DataStep prepare = {};
};

DataSpec spec_for(const Pipeline&, const DataSpec&, const Point&);
Data data_for(const Pipeline&, const Data&, const Point&);

// The steps that the config describes. Throws Error for an unknown builder, optimiser ...
Pipeline default_pipeline(const Config&);

// Which steps are still those of default_pipeline: what those read of a point is known.
struct BuiltIn {
  bool train = false;
  bool all = false;  // build, train, quantize and predict
};
BuiltIn built_in_steps(const Pipeline&);
// The parameters that the built-in training reads.
const std::vector<std::string>& trainer_names();

// All figures of a shipped net on one split: evaluate's and the metrics'.
Metrics measure(const Pipeline&, const Net& shipped, const Dataset& split);

// The costs alone; the error stays 1.
Metrics costs_of(const cost::Cost&);

// Fraction of weights that a point asks to remove: its prune_threshold, 0 where pruning is off.
double pruning_target(const PruningOptions&, const Point&);

}  // namespace sparlet::search
