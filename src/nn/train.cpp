#include "nn/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nn/batches.h"
#include "nn/checkpoint.h"
#include "nn/gradients.h"
#include "nn/slots.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One output a class: another number would train, and answer with classes that do not exist.
void check_outputs(const Graph& graph, const DataSpec& spec) {
  require(!graph.nodes.empty(), "net: has no nodes");
  const Node& output = graph.nodes.back();
  require(spec.classes == 0 || count(output.type.shape) == spec.classes,
          "{} ({}): {} outputs, the data has {} classes", output.name, output.op->name,
          count(output.type.shape), spec.classes);
}

void check(const Data& data, const Optimizer& optimizer, const TrainOptions& options) {
  require(data.train.size() > 0, "data: no training samples");
  require(options.epochs >= 0, "epochs: {} given, wanted 0 or more", options.epochs);
  require(options.batch >= 1, "batch: {} given, wanted 1 or more", options.batch);
  const float rate = rate_of(optimizer);
  require(std::isfinite(rate) && rate >= 0, "rate: {} given, wanted 0 or more", rate);
  check(options.schedule);
  require(options.warmup_steps >= 0, "warmup_steps: {} given, wanted 0 or more",
          options.warmup_steps);
  require(options.clip_norm >= 0, "clip_norm: {} given, wanted 0 (any) or more", options.clip_norm);
  require(options.accumulate >= 1, "accumulate: {} given, wanted 1 or more", options.accumulate);
  require(options.checkpoint_every >= 1, "checkpoint_every: {} given, wanted 1 or more",
          options.checkpoint_every);
  if (const auto* entropy = std::get_if<CrossEntropy>(&options.loss)) {
    require(entropy->label_smoothing >= 0 && entropy->label_smoothing <= 1,
            "label_smoothing: {} given, wanted 0 to 1", entropy->label_smoothing);
    for (const float weight : entropy->class_weights)
      require(std::isfinite(weight) && weight >= 0, "class_weights: {} given, wanted 0 or more",
              weight);
  }
  if (const auto* both = std::get_if<Distillation>(&options.loss))
    require(both->alpha >= 0 && both->alpha <= 1 && both->temperature > 0,
            "distillation: alpha {} and temperature {}, wanted 0 to 1 and more than 0", both->alpha,
            both->temperature);
}

// A loss that has grown past all sense.
bool is_lost(float loss, float first) { return !(loss <= 1e4f * std::max(first, 1.f)); }

// One run of train().
class Training {
 public:
  Training(const Net& net, const Data& data, const Optimizer& optimizer,
           const TrainOptions& options, Rng& rng)
      : data_(data),
        options_(options),
        rule_(rule_of(optimizer)),
        rate_(rate_of(optimizer)),
        rng_(rng),
        seed_(rng.next()),
        batch_(std::min(options.batch, data.train.size())),
        feed_(net.graph, data.train, batch_),
        order_(positions(data.train.size())) {
    const int64_t n = data.train.size();
    batches_per_epoch_ = options.drop_last ? n / batch_ : (n + batch_ - 1) / batch_;
    steps_per_epoch_ = (batches_per_epoch_ + options.accumulate - 1) / options.accumulate;
    total_steps_ = steps_per_epoch_ * options.epochs;
    result_.net = net;
    if (const auto* both = std::get_if<Distillation>(&options.loss)) {
      teacher_graph_ = &both->teacher.graph;
      Batches(*teacher_graph_, data.train, batch_);  // throws where they do not fit
      teacher_.emplace(both->teacher, ExecutorOptions{.batch = batch_, .kernels = options.kernels});
    }
    options.resume ? resume(*options.resume) : make_executor(net);
  }

  Trained run() {
    const Clock::time_point start = Clock::now();
    for (int epoch = first_epoch_; epoch < options_.epochs && !stop_; ++epoch) run_epoch(epoch);
    if (options_.epochs == 0) result_.validation_error = validate(result_.net).error;
    result_.seconds = seconds_since(start);
    return std::move(result_);
  }

 private:
  void make_executor(const Net& net) {
    graph_hash_ = hash(net.graph);
    executor_.emplace(net, ExecutorOptions{.batch = batch_,
                                           .mode = Mode::train,
                                           .kernels = options_.kernels,
                                           .slots = rule_.slots(),
                                           .seed = mix(seed_, uint64_t(step_))});
    gradients_.emplace(net.graph, options_.accumulate);
  }

  void run_epoch(int epoch) {
    const Clock::time_point start = Clock::now();
    EpochReport report{.epoch = epoch};
    rng_.shuffle(order_);
    double total = 0;
    int64_t seen = 0;
    for (int64_t i = 0; i < steps_per_epoch_; ++i) {
      report.rate = float(double(rate_) * plateau_.factor *
                          factor(options_.schedule, step_, total_steps_, options_.warmup_steps));
      const auto [loss, n] = run_step(i * options_.accumulate, epoch, report.rate);
      total += double(loss) * double(n);
      seen += n;
      if (step_ == 1) first_loss_ = loss;
      if (is_lost(loss, first_loss_)) {
        result_.diverged = stop_ = true;
        break;
      }
      call_hooks(epoch, report.rate, loss);
    }
    report.train_loss = float(total / double(seen));
    end_epoch(report, start);
  }

  struct StepResult {
    float loss;  // mean over the samples
    int64_t samples;
  };

  // The step whose first batch is the epoch's batch `first`.
  StepResult run_step(int64_t first, int epoch, float rate) {
    double total = 0;
    int64_t seen = 0;
    bool skip = false;
    ++step_;
    const int64_t end = std::min(first + options_.accumulate, batches_per_epoch_);
    for (int64_t i = first; i < end; ++i) {
      const int64_t begin = i * batch_, n = std::min(batch_, int64_t(order_.size()) - begin);
      const float value =
          run_batch(std::span(order_).subspan(size_t(begin), size_t(n)), uint64_t(i - first));
      if (!std::isfinite(value)) return {value, n};
      total += double(value) * double(n);
      seen += n;
      executor_->backward();
      TrainState state = this->state(epoch, rate, value);
      state.batch = int(i - first);
      state.batches = int(end - first);
      state.samples = n;
      skip = look(state);
      gradients_->add(*executor_, n);
    }
    gradients_->finish(*executor_, options_.clip_norm);
    if (!skip) executor_->step(rule_, rate, step_);
    return {float(total / double(seen)), seen};
  }

  float run_batch(std::span<const int32_t> positions, uint64_t which) {
    const uint64_t seed = mix(mix(seed_, 0xa46), mix(uint64_t(step_), which));
    const auto labels = feed_.load(data_.train, positions, *executor_, &options_.augment, seed);
    const int64_t n = int64_t(positions.size());
    View teacher;
    if (teacher_) {
      feed_.feed(*teacher_, *teacher_graph_);
      teacher = teacher_->forward(n);
    }
    const View y = executor_->forward(n);
    return loss(options_.loss, y, labels, executor_->output_grad(), teacher);
  }

  TrainState state(int epoch, float rate, float loss) {
    return {.step = step_,
            .total_steps = total_steps_,
            .steps_per_epoch = steps_per_epoch_,
            .epoch = epoch,
            .rate = rate,
            .base_rate = rate_,
            .loss = loss,
            .executor = *executor_};
  }

  // Whether a hook leaves the optimiser step out.
  bool look(const TrainState& state) {
    bool skip = false;
    for (const Hook& hook : options_.hooks)
      if (hook.after_backward) skip = hook.after_backward(state) || skip;
    return skip;
  }

  void call_hooks(int epoch, float rate, float loss) {
    for (const Hook& hook : options_.hooks) {
      if (!hook.after_step) continue;
      const std::optional<Net> changed = hook.after_step(state(epoch, rate, loss));
      if (changed) replace(*changed);
    }
  }

  // Goes on with another net; what the optimiser knows of a weight stays with it.
  void replace(const Net& net) {
    const bool same = hash(net.graph) == graph_hash_;
    if (same && !patterns_differ(executor_->net(), net)) return executor_->load(net);
    const std::vector<KeptSlots> kept = keep_slots(*executor_, rule_.slots());
    same ? executor_->load(net) : make_executor(net);
    restore_slots(*executor_, kept);
  }

  void end_epoch(EpochReport& report, Clock::time_point start) {
    if (!result_.diverged) {
      const Net now = executor_->trained();
      const Score score = validate(now);
      report.validation_error = score.error;
      if (score.finite)
        consider(now, report);
      else
        result_.diverged = stop_ = true;
    }
    if (const auto* plateau = std::get_if<ReduceOnPlateau>(&options_.schedule))
      plateau_ = after_epoch(*plateau, plateau_, report.validation_error);
    report.seconds = seconds_since(start);
    result_.history.push_back(report);
    const int done = report.epoch + 1;
    if (options_.checkpoint && !result_.diverged && done % options_.checkpoint_every == 0)
      options_.checkpoint(checkpoint(done));
    if (options_.progress && !options_.progress(report)) stop_ = true;
  }

  Checkpoint checkpoint(int epochs_done) {
    Checkpoint c{.step = step_,
                 .epoch = epochs_done,
                 .rng = rng_.state(),
                 .seed = seed_,
                 .executor_rng = executor_->rng().state(),
                 .first_loss = first_loss_,
                 .plateau = plateau_,
                 .validation_error = result_.validation_error,
                 .best_epoch = result_.best_epoch,
                 .epochs_without = epochs_without_,
                 .has_best = has_checkpoint_,
                 .net = executor_->trained(),
                 .best = result_.net,
                 .order = order_,
                 .history = result_.history};
    for (const Hook& hook : options_.hooks)
      if (hook.save) c.hooks.push_back(hook.save());
    for (Id id = 0; rule_.slots() > 0 && id < Id(c.net.graph.nodes.size()); ++id) {
      if (c.net.graph[id].op != &param_op) continue;
      std::vector<Tensor>& of_param = c.slots.emplace_back();
      for (int k = 0; k < rule_.slots(); ++k) of_param.push_back(executor_->slot(id, k));
    }
    return c;
  }

  void resume(const Checkpoint& c) {
    const size_t params = size_t(
        std::ranges::count(c.net.graph.nodes, &param_op, [](const Node& n) { return n.op; }));
    const bool slots_fit =
        rule_.slots() == 0
            ? c.slots.empty()
            : c.slots.size() == params && (params == 0 || int(c.slots[0].size()) == rule_.slots());
    require(slots_fit,
            "resume: the checkpoint's optimiser keeps another state, wanted {} values a weight",
            rule_.slots());
    require(c.order.size() == order_.size() && c.step == int64_t(c.epoch) * steps_per_epoch_,
            "resume: the checkpoint is of {} samples and {} steps in {} epochs, wanted {} samples "
            "and {} steps an epoch",
            c.order.size(), c.step, c.epoch, order_.size(), steps_per_epoch_);
    for (const int32_t position : c.order)
      require(position >= 0 && size_t(position) < order_.size(),
              "resume: the checkpoint has no sample {}", position);
    Batches(c.net.graph, data_.train, batch_);  // throws where they do not fit
    step_ = c.step;
    first_epoch_ = c.epoch;
    seed_ = c.seed;
    rng_ = Rng(c.rng);
    first_loss_ = c.first_loss;
    plateau_ = c.plateau;
    order_ = c.order;
    has_checkpoint_ = c.has_best;
    epochs_without_ = c.epochs_without;
    stop_ = options_.patience > 0 && epochs_without_ >= options_.patience;
    result_.net = c.best;
    result_.validation_error = c.validation_error;
    result_.best_epoch = c.best_epoch;
    result_.history = c.history;
    resume_hooks(c);
    make_executor(c.net);
    executor_->rng() = Rng(c.executor_rng);
    size_t at = 0;
    for (Id id = 0; rule_.slots() > 0 && id < Id(c.net.graph.nodes.size()); ++id) {
      if (c.net.graph[id].op != &param_op) continue;
      for (int k = 0; k < rule_.slots(); ++k) executor_->set_slot(id, k, c.slots[at][size_t(k)]);
      ++at;
    }
  }

  void resume_hooks(const Checkpoint& c) const {
    size_t at = 0, wanted = 0;
    for (const Hook& hook : options_.hooks) wanted += hook.save != nullptr;
    require(c.hooks.size() == wanted,
            "resume: the checkpoint is of {} hooks that remember something, wanted {}",
            c.hooks.size(), wanted);
    for (const Hook& hook : options_.hooks)
      if (hook.save) hook.load(c.hooks[at++]);
  }

  // The executor for validation is kept from epoch to epoch while the structure is the same.
  Score validate(const Net& net) {
    const Dataset& data = data_.validation;
    if (data.size() == 0) return {};
    const int64_t batch = std::min(std::max<int64_t>(batch_, 64), data.size());
    if (checker_ && checker_hash_ == graph_hash_) {
      checker_->load(net);
    } else {
      checker_.emplace(net, ExecutorOptions{.batch = batch, .kernels = options_.kernels});
      checker_feed_.emplace(net.graph, data, batch);
      checker_hash_ = graph_hash_;
    }
    return score(*checker_, *checker_feed_, data);
  }

  // Takes the net as checkpoint if it is the best so far, or none counts yet.
  void consider(const Net& net, const EpochReport& report) {
    const bool counts = step_ >= options_.checkpoint_from_step;
    const bool better = data_.validation.size() == 0 || !has_checkpoint_ ||
                        report.validation_error < result_.validation_error;
    if (!counts || better) {
      result_.net = net;
      result_.validation_error = report.validation_error;
      result_.best_epoch = report.epoch;
      has_checkpoint_ = counts;
      epochs_without_ = 0;
    } else if (++epochs_without_ >= options_.patience && options_.patience > 0) {
      stop_ = true;
    }
  }

  const Data& data_;
  const TrainOptions& options_;
  const UpdateRule rule_;
  const float rate_;
  Rng& rng_;
  uint64_t seed_;
  const int64_t batch_;
  Batches feed_;
  std::vector<int32_t> order_;
  int64_t batches_per_epoch_ = 0, steps_per_epoch_ = 0, total_steps_ = 0, step_ = 0;
  int first_epoch_ = 0;
  Plateau plateau_;
  std::optional<Executor> executor_, checker_, teacher_;
  std::optional<Gradients> gradients_;
  const Graph* teacher_graph_ = nullptr;
  std::optional<Batches> checker_feed_;
  uint64_t graph_hash_ = 0, checker_hash_ = 0;
  float first_loss_ = 0;
  bool stop_ = false, has_checkpoint_ = false;
  int epochs_without_ = 0;
  Trained result_;
};

}  // namespace

Trained train(const Net& net, const Data& data, const Optimizer& optimizer,
              const TrainOptions& options, Rng& rng) {
  check(data, optimizer, options);
  check_outputs(net.graph, data.spec);
  return Training(net, data, optimizer, options, rng).run();
}

}  // namespace sparlet
