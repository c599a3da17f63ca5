#include "nn/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "nn/batches.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void check(const Data& data, const Optimizer& optimizer, const TrainOptions& options) {
  require(data.train.size() > 0, "data: no training samples");
  require(options.epochs >= 0, "epochs: {} given, wanted 0 or more", options.epochs);
  require(options.batch >= 1, "batch: {} given, wanted 1 or more", options.batch);
  const float rate = rate_of(optimizer);
  require(std::isfinite(rate) && rate >= 0, "rate: {} given, wanted 0 or more", rate);
  if (const auto* step = std::get_if<Step>(&options.schedule))
    require(step->size >= 1, "schedule: step size {}, wanted 1 or more", step->size);
  if (const auto* entropy = std::get_if<CrossEntropy>(&options.loss))
    require(entropy->label_smoothing >= 0 && entropy->label_smoothing <= 1,
            "label_smoothing: {} given, wanted 0 to 1", entropy->label_smoothing);
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
    steps_per_epoch_ = options.drop_last ? n / batch_ : (n + batch_ - 1) / batch_;
    total_steps_ = steps_per_epoch_ * options.epochs;
    result_.net = net;
    result_.history.reserve(size_t(options.epochs));
    make_executor(net);
  }

  Trained run() {
    const Clock::time_point start = Clock::now();
    for (int epoch = 0; epoch < options_.epochs && !stop_; ++epoch) run_epoch(epoch);
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
  }

  void run_epoch(int epoch) {
    const Clock::time_point start = Clock::now();
    EpochReport report{.epoch = epoch};
    rng_.shuffle(order_);
    double total = 0;
    int64_t seen = 0;
    for (int64_t i = 0; i < steps_per_epoch_; ++i) {
      const int64_t begin = i * batch_, n = std::min(batch_, int64_t(order_.size()) - begin);
      report.rate = float(double(rate_) * factor(options_.schedule, step_, total_steps_));
      const float loss = run_step(std::span(order_).subspan(size_t(begin), size_t(n)), report.rate);
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

  float run_step(std::span<const int32_t> positions, float rate) {
    const auto labels = feed_.load(data_.train, positions, *executor_);
    const View y = executor_->forward(int64_t(positions.size()));
    const float value = loss(options_.loss, y, labels, executor_->output_grad());
    ++step_;
    if (!std::isfinite(value)) return value;
    executor_->backward();
    executor_->step(rule_, rate, step_);
    return value;
  }

  void call_hooks(int epoch, float rate, float loss) {
    for (const Hook& hook : options_.hooks) {
      const std::optional<Net> changed = hook({.step = step_,
                                               .total_steps = total_steps_,
                                               .steps_per_epoch = steps_per_epoch_,
                                               .epoch = epoch,
                                               .rate = rate,
                                               .loss = loss,
                                               .executor = *executor_});
      if (changed) replace(*changed);
    }
  }

  // Goes on with another net; what the optimiser knows of a param stays where name and shape do.
  void replace(const Net& net) {
    if (hash(net.graph) == graph_hash_) return executor_->load(net);
    struct Kept {
      std::string name;
      std::vector<Tensor> slots;
    };
    std::vector<Kept> kept;
    const Graph old = executor_->net().graph;
    for (Id id = 0; rule_.slots() > 0 && id < Id(old.nodes.size()); ++id) {
      if (old[id].op != &param_op) continue;
      kept.push_back({old[id].name, {}});
      for (int k = 0; k < rule_.slots(); ++k) kept.back().slots.push_back(executor_->slot(id, k));
    }
    make_executor(net);
    for (const Kept& param : kept) {
      const std::optional<Id> id = net.graph.find(param.name);
      if (!id || net.graph[*id].op != &param_op ||
          net.graph[*id].type.shape != param.slots[0].shape())
        continue;
      for (int k = 0; k < rule_.slots(); ++k) executor_->set_slot(*id, k, param.slots[size_t(k)]);
    }
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
    report.seconds = seconds_since(start);
    result_.history.push_back(report);
    if (options_.progress && !options_.progress(report)) stop_ = true;
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
  const uint64_t seed_;
  const int64_t batch_;
  Batches feed_;
  std::vector<int32_t> order_;
  int64_t steps_per_epoch_ = 0, total_steps_ = 0, step_ = 0;
  std::optional<Executor> executor_, checker_;
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
  return Training(net, data, optimizer, options, rng).run();
}

}  // namespace sparlet
