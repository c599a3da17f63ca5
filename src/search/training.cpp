#include "search/training.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "deploy/spt.h"
#include "search/point.h"
#include "tensor/error.h"

namespace sparlet::search {

const std::vector<std::string_view>& optimizer_words() {
  static const std::vector<std::string_view> words{"adam", "adamw", "sgd", "sgdw", "rmsprop"};
  return words;
}

const std::vector<std::string_view>& schedule_words() {
  static const std::vector<std::string_view> words{
      "constant", "step", "cosine", "multistep", "one_cycle", "flat_cosine", "restarts", "plateau"};
  return words;
}

Optimizer optimizer_of(const TrainingOptions& options, const Point& point) {
  const float rate = float(point.number("learning_rate", options.learning_rate));
  const float decay = float(options.weight_decay), momentum = float(options.momentum);
  const std::string& word = options.optimizer;
  if (word == "sgd" || word == "sgdw")
    return Sgd{.rate = rate,
               .momentum = momentum,
               .weight_decay = decay,
               .nesterov = options.nesterov,
               .decoupled = word == "sgdw"};
  // PyTorch's usual momentum of RMSprop is 0; sgd's key is not for it.
  if (word == "rmsprop") return RmsProp{.rate = rate, .weight_decay = decay};
  if (word == "adamw") return AdamW{.rate = rate, .weight_decay = decay};
  require(word == "adam", "optimizer \"{}\" is unknown; known: {}", word,
          fmt::join(optimizer_words(), ", "));
  return Adam{.rate = rate, .weight_decay = decay};
}

Schedule schedule_of(const TrainingOptions& options, const Point& point, int64_t steps) {
  const std::string word = point.word("schedule", options.schedule);
  const double gamma = point.number("learning_gamma", options.learning_gamma);
  const double thousands = point.number("learning_step", options.learning_step);
  const auto size = std::max<int64_t>(1, int64_t(std::llround(thousands * 1000)));
  if (word == "constant") return Constant{};
  if (word == "cosine") return Cosine{};
  if (word == "step") return Step{.size = size, .gamma = gamma};
  if (word == "one_cycle") return OneCycle{};
  if (word == "flat_cosine") return FlatCosine{};
  if (word == "restarts") return Restarts{.first = size};
  if (word == "plateau")
    return ReduceOnPlateau{.gamma = gamma, .patience = options.plateau_patience};
  require(word == "multistep", "schedule \"{}\" is unknown; known: {}", word,
          fmt::join(schedule_words(), ", "));
  MultiStep schedule{.gamma = gamma};
  for (const double share : options.milestones)
    schedule.at.push_back(int64_t(std::llround(share * double(steps))));
  return schedule;
}

Loss loss_of(const TrainingOptions& options, const Data& data) {
  if (!options.teacher.empty()) {
    const Net teacher = deploy::load(options.teacher);
    return Distillation{.teacher = teacher,
                        .alpha = float(options.distill_alpha),
                        .temperature = float(options.temperature)};
  }
  if (options.loss == "mse") return MeanSquaredError{};
  if (options.loss == "bce") return BinaryCrossEntropy{};
  CrossEntropy loss{.label_smoothing = float(options.label_smoothing)};
  if (options.class_weights == "balanced") {
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < data.train.size(); ++i) labels.push_back(data.train.label(i));
    loss.class_weights = balanced_weights(labels, data.spec.classes);
  }
  return loss;
}

Augment augment_of(const TrainingOptions& options, const Shape& sample, bool channels_first) {
  require(options.shift == 0 || sample.rank() >= 2,
          "train.shift: samples of {} have no rows and columns", to_string(sample));
  require(options.time_shift == 0 || sample.rank() == 2,
          "train.time_shift: samples of {} are no sequences (steps, channels)", to_string(sample));
  std::vector<Augment> all;
  if (options.flip) all.push_back(flip());
  if (options.shift > 0) all.push_back(shift(options.shift));
  if (options.time_shift > 0) all.push_back(time_shift(options.time_shift, channels_first ? 1 : 0));
  if (options.noise > 0) all.push_back(noise(float(options.noise)));
  return all.empty() ? Augment{} : all_of(std::move(all));
}

}  // namespace sparlet::search
