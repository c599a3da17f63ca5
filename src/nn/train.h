// train(): a net, data, an optimiser -> the trained net and its history. Also evaluation.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <variant>

#include "autograd/executor.h"
#include "data/augment.h"
#include "nn/loss.h"

namespace sparlet {

struct Checkpoint;

// --- optimisers: definitions as PyTorch's
// decoupled: SGDW, whose weights shrink by rate x weight_decay a step, as AdamW's.
struct Sgd { float rate = 0.1f, momentum = 0, weight_decay = 0; bool nesterov = false, decoupled = false; };
struct Adam { float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0; };
struct AdamW { float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f, weight_decay = 0.01f; };
struct RmsProp { float rate = 0.01f, alpha = 0.99f, epsilon = 1e-8f, weight_decay = 0, momentum = 0; };
using Optimizer = std::variant<Sgd, Adam, AdamW, RmsProp>;
UpdateRule rule_of(const Optimizer&);
float rate_of(const Optimizer&);

// --- schedules: a factor on the rate, per batch. `step`: steps done before, from 0.
struct Constant {};
struct Step { int64_t size = 1000; double gamma = 0.95; };    // gamma^(step / size), whole division
struct Cosine { double final_factor = 0; };                   // half a cosine over all steps
struct MultiStep { std::vector<int64_t> at = {}; double gamma = 0.1; };  // gamma^(how many of `at` are <= step)
// Up from `initial` to 1 over `rise` of the steps, then down to `final`, both by half a cosine: Smith &
// Topin 2018, as PyTorch's OneCycleLR.
struct OneCycle { double rise = 0.3, initial = 1.0 / 25, final = 1.0 / 250000; };
struct FlatCosine { double flat = 0.72; double final_factor = 0; };  // 1 for this share, then half a cosine
// Half cosines of `first`, first x multiply, ... steps: Loshchilov & Hutter 2017, eq. 5.
struct Restarts { int64_t first = 1000; double multiply = 2; double final_factor = 0; };
// x gamma after more than `patience` epochs whose validation error is not the lowest so far, never below
// `least`. factor() of it is 1: train() knows the errors.
struct ReduceOnPlateau { double gamma = 0.1; int patience = 10; double least = 1e-4; };
using Schedule = std::variant<Constant, Step, Cosine, MultiStep, OneCycle, FlatCosine, Restarts, ReduceOnPlateau>;
double factor(const Schedule&, int64_t step, int64_t total_steps);
// Rises in equal parts to 1 over `warmup` steps; the schedule runs over those behind them.
double factor(const Schedule&, int64_t step, int64_t total_steps, int64_t warmup);
// Throws Error for a schedule out of range.
void check(const Schedule&);

// What ReduceOnPlateau remembers.
struct Plateau { double lowest = 1e30; int epochs_without = 0; double factor = 1; };
Plateau after_epoch(const ReduceOnPlateau&, Plateau, double validation_error);

// What a hook sees of a step.
struct TrainState {
  int64_t step = 0, total_steps = 0;     // steps done (from 1), the present one among them
  int64_t steps_per_epoch = 0;
  int epoch = 0;                         // from 0
  float rate = 0, base_rate = 0;         // of this step; the optimiser's own
  float loss = 0;
  Executor& executor;
  int batch = 0, batches = 1;            // of those whose mean gradient makes the step; from 0
  int64_t samples = 0;                   // of this batch
};

// Changes the net while it trains. Any function TrainState -> std::optional<Net> is one.
struct Hook {
  using Change = std::function<std::optional<Net>(const TrainState&)>;
  using Look = std::function<bool(const TrainState&)>;

  template <class F>
    requires std::is_invocable_r_v<std::optional<Net>, F&, const TrainState&>
  Hook(F change) : after_step(std::move(change)) {}
  Hook(Change change, Look look) : after_step(std::move(change)), after_backward(std::move(look)) {}

  // Called after every optimiser step, may return a new net. Where only leaf values differ the Executor
  // goes on with them; else it is rebuilt. Optimiser state is kept by param name where the shape is the
  // same; of a sparse weight by row and column, whatever form it had or gets.
  Change after_step;
  // Called after every backward(), with that batch's gradients in the executor, which it may change. True
  // after the last batch of a step: the optimiser step is left out, after_step is called all the same.
  Look after_backward = {};
  // What the hook remembers from step to step, for checkpoints; none: nothing but what the net holds. load()
  // throws Error for bytes that are no such memory.
  std::function<std::vector<uint8_t>()> save = {};
  std::function<void(std::span<const uint8_t>)> load = {};
};

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
  int64_t warmup_steps = 0;              // see factor()
  float clip_norm = 0;                   // the norm of all gradients together, at most; 0: any
  int accumulate = 1;                    // batches whose mean gradient makes one step
  Augment augment = {};                  // changes training batches
  // Called after every `checkpoint_every`-th epoch with all that is needed to go on (nn/checkpoint.h).
  std::function<void(const Checkpoint&)> checkpoint = {};
  int checkpoint_every = 1;
  // Goes on from there: with the same net, data, optimiser and options the result is that of a run that
  // was never interrupted, byte for byte (hooks depend on TrainState and on what they save).
  const Checkpoint* resume = nullptr;
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
