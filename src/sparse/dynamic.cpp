#include "sparse/dynamic.h"

#include <cmath>

#include "nn/slots.h"
#include "sparse/engine.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::sparse {
namespace {

Moment moment_of(const TrainState& state) {
  return {.step = state.step,
          .training = double(state.step) / double(state.total_steps),
          .epoch = state.steps_per_epoch,
          .rate = state.base_rate > 0 ? double(state.rate) / double(state.base_rate) : 1};
}

}  // namespace

DynamicOptions set_options() {
  DynamicOptions o;
  o.updates = {.every = 0, .stop = 1, .fraction = 0.3, .anneal = Anneal::constant};
  o.keep = keep_by_sign();
  o.grow = grow_random();
  return o;
}

DynamicOptions snfs_options() {
  DynamicOptions o;
  o.updates = {.every = 0, .stop = 1, .fraction = 0.5};
  o.grow = grow_momentum();
  o.share = share_momentum();
  o.spare_dense = o.round_up = true;
  o.momentum = 0.9f;
  return o;
}

DynamicOptions rigl_options() {
  DynamicOptions o;
  o.replaces_step = true;
  return o;
}

DynamicOptions rigl_itop_options() {
  DynamicOptions o = rigl_options();
  o.updates.fraction = 0.5;
  o.updates.anneal = Anneal::constant;
  o.updates.stop = 1;
  return o;
}

DynamicOptions dynamic_from(std::string_view word) {
  if (word == "set") return set_options();
  if (word == "snfs") return snfs_options();
  if (word == "rigl") return rigl_options();
  if (word == "rigl-itop") return rigl_itop_options();
  const std::vector<std::string> known{"static", "set", "snfs", "rigl", "rigl-itop"};
  require(word == "static", "sparse: '{}' is none of static, set, snfs, rigl, rigl-itop{}", word,
          did_you_mean(word, known));
  DynamicOptions o;
  o.updates.fraction = 0;  // never due
  return o;
}

Hook dynamic(const DynamicOptions& options) {
  const auto engine = std::make_shared<Engine>(options);
  Hook hook(
      [engine](const TrainState& state) {
        return engine->update(state.executor, moment_of(state));
      },
      [engine](const TrainState& state) {
        const Moment now = moment_of(state);
        engine->gather(state.executor, now, state.batch, state.batches, state.samples);
        return engine->options().replaces_step && engine->due(now);
      });
  if (options.momentum > 0) {
    hook.save = [engine] { return engine->saved(); };
    hook.load = [engine](std::span<const uint8_t> bytes) { engine->load(bytes); };
  }
  return hook;
}

namespace {

// With the same graph it loads; else it is made anew. State follows the entries of sparse weights.
void go_on(Executor& executor, const Net& net) {
  const ExecutorOptions options = executor.options();
  const bool same = hash(executor.net().graph) == hash(net.graph);
  if (same && !patterns_differ(executor.net(), net)) return executor.load(net);
  const std::vector<KeptSlots> kept = keep_slots(executor, options.slots);
  if (same)
    executor.load(net);
  else
    executor = Executor(net, options);
  restore_slots(executor, kept);
}

}  // namespace

struct Dynamic::State {
  Executor& executor;
  UpdateRule rule;
  float base_rate, rate;
  std::optional<Engine> engine = {};  // or
  std::optional<Hook> hook = {};
  int batch = 0;

  State(Executor& e, const Optimizer& optimizer)
      : executor(e), rule(rule_of(optimizer)), base_rate(rate_of(optimizer)), rate(base_rate) {}

  Moment moment(int64_t step, double fraction) const {
    return {.step = step,
            .training = fraction,
            .epoch = 0,
            .rate = base_rate > 0 ? double(rate) / double(base_rate) : 1};
  }
  TrainState train_state(int64_t step, double fraction, int batches, int64_t samples) const {
    return {.step = step,
            .total_steps = std::llround(double(step) / fraction),
            .rate = rate,
            .base_rate = base_rate,
            .executor = executor,
            .batch = batch,
            .batches = batches,
            .samples = samples};
  }
  // After backward(); whether the optimiser's step is left out.
  bool look(int64_t step, double fraction, int batches, int64_t samples) {
    if (hook)
      return hook->after_backward &&
             hook->after_backward(train_state(step, fraction, batches, samples));
    const Moment now = moment(step, fraction);
    engine->gather(executor, now, batch, batches, samples);
    return engine->options().replaces_step && engine->due(now);
  }
  std::optional<Net> change(int64_t step, double fraction) {
    if (engine) return engine->update(executor, moment(step, fraction));
    return hook->after_step ? hook->after_step(train_state(step, fraction, 1, 0)) : std::nullopt;
  }
};

Dynamic::Dynamic(Executor& executor, const Optimizer& optimizer, const DynamicOptions& options)
    : state_(new State(executor, optimizer)) {
  state_->engine.emplace(options);
}
Dynamic::Dynamic(Executor& executor, const Optimizer& optimizer, Hook hook)
    : state_(new State(executor, optimizer)) {
  state_->hook = std::move(hook);
}
Dynamic::~Dynamic() = default;

void Dynamic::set_rate(float rate) { state_->rate = rate; }
int64_t Dynamic::dense_bytes() const { return state_->engine ? state_->engine->dense_bytes() : 0; }
int64_t Dynamic::dense_rows() const { return state_->engine ? state_->engine->dense_rows() : 0; }

std::vector<uint8_t> Dynamic::saved() const {
  if (state_->engine) return state_->engine->saved();
  return state_->hook->save ? state_->hook->save() : std::vector<uint8_t>{};
}
void Dynamic::load(std::span<const uint8_t> bytes) {
  if (state_->engine) return state_->engine->load(bytes);
  if (state_->hook->load) return state_->hook->load(bytes);
  require(bytes.empty(), "resume: {} bytes for a hook that remembers nothing", bytes.size());
}

void Dynamic::add(int64_t step, double fraction, int64_t samples) {
  // How many are to come is not known: more than this one.
  state_->look(step, fraction, state_->batch + 2, samples);
  ++state_->batch;
}

bool Dynamic::step(int64_t step, double fraction) { return this->step(step, fraction, 1); }

bool Dynamic::step(int64_t step, double fraction, int64_t samples) {
  State& s = *state_;
  const bool skip = s.look(step, fraction, s.batch + 1, samples);
  s.batch = 0;
  if (!skip) s.executor.step(s.rule, s.rate, step);
  const std::optional<Net> changed = s.change(step, fraction);
  if (changed) go_on(s.executor, *changed);
  return changed.has_value();
}

}  // namespace sparlet::sparse
