// train(): a net, data, an optimiser -> the trained net and its history. Also evaluation.
#pragma once
#include <functional>
#include <optional>
#include <variant>

#include "autograd/executor.h"
#include "data/dataset.h"
#include "nn/loss.h"

namespace sparlet {

// --- optimisers: definitions as PyTorch's
struct Sgd { float rate = 0.1f, momentum = 0, weight_decay = 0; bool nesterov = false; };
struct Adam { float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0; };
struct AdamW { float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0.01f; };
using Optimizer = std::variant<Sgd, Adam, AdamW>;
UpdateRule rule_of(const Optimizer&);
float rate_of(const Optimizer&);

// --- schedules: a factor on the rate, per batch. `step`: steps done before, from 0.
struct Constant {};
struct Step { int64_t size = 1000; double gamma = 0.95; };    // gamma^(step / size), whole division
struct Cosine { double final_factor = 0; };                   // half a cosine over all steps
using Schedule = std::variant<Constant, Step, Cosine>;
double factor(const Schedule&, int64_t step, int64_t total_steps);

// What a hook sees after a step.
struct TrainState {
  int64_t step = 0, total_steps = 0;     // steps done (from 1)
  int64_t steps_per_epoch = 0;
  int epoch = 0;                         // from 0
  float rate = 0;                        // of this step
  float loss = 0;
  Executor& executor;
};

// Changes the net while it trains: called after every optimiser step, may return a new net. Where
// only leaf values differ the Executor goes on with them; else it is rebuilt and the optimiser state
// is kept by param name where the shape is the same.
using Hook = std::function<std::optional<Net>(const TrainState&)>;

struct EpochReport { int epoch = 0; float train_loss = 0; double validation_error = 1; float rate = 0; double seconds = 0; };

struct TrainOptions {
  int epochs = 5;
  int64_t batch = 64;
  bool drop_last = true;                 // of training batches only
  Schedule schedule = Constant{};
  Loss loss = CrossEntropy{};
  std::vector<Hook> hooks = {};
  // The checkpoint is the best on validation among epochs that end at or after this step (the pruning
  // target is reached by then); the last state where there is none. -1: any epoch.
  int64_t checkpoint_from_step = -1;
  int patience = 0;                      // epochs without a better checkpoint before stopping; 0: never
  // Called after every epoch; return false to stop.
  std::function<bool(const EpochReport&)> progress = {};
  const Kernels* kernels = nullptr;
};

struct Trained {
  Net net;                               // the checkpoint (the last state where there is no validation)
  std::vector<EpochReport> history;
  double validation_error = 1;           // of the checkpoint
  int best_epoch = -1;
  bool diverged = false;                 // loss became NaN or infinite, or grew past all sense
  double seconds = 0;
};

// Trains on data.train, checks on data.validation after every epoch; data.test is never touched. The
// net: one input, one value per class as output. Each epoch takes every sample once in an order drawn
// from the rng; a train set smaller than a batch is one batch. Same seed, same bytes. A run that
// diverges (see Trained) ends with the last good checkpoint, or with the initial net. Throws Error for a
// net that cannot be trained, data that does not fit it, or an option out of range, before any step.
Trained train(const Net&, const Data&, const Optimizer&, const TrainOptions&, Rng&);

// Fraction of samples whose largest output is not the label's (of equal ones the first counts); every
// sample exactly once, the last batch may be partial. Float and int8 nets.
double error_of(const Net&, const Dataset&, int64_t batch = 64, const Kernels* = nullptr);

}  // namespace sparlet
