// The keys of [train].
#include <filesystem>
#include <limits>

#include "search/config_keys.h"
#include "search/training.h"

namespace sparlet::search {
namespace {

constexpr int64_t kMany = std::numeric_limits<int64_t>::max();

std::vector<double> shares(const Reading& r) {
  std::vector<double> list;
  for (const TomlValue& value : r.list()) {
    const auto* number = value.get<double>();
    if (!number || !(*number > 0 && *number < 1)) r.wrong("numbers above 0 and below 1");
    list.push_back(*number);
  }
  return list;
}

}  // namespace

std::vector<Key> train_keys() {
  using D = Draft;
  using R = Reading;
  return {
      {{"train.optimizer", "string", "adam, adamw, sgd, sgdw, rmsprop", "\"adam\"",
        "sgdw: sgd with adamw's weight decay"},
       [](D& d, const R& r, size_t) { d.config.train.optimizer = r.one_of(optimizer_words()); }},
      {{"train.learning_rate", "number", "0 .. 100", "0.001",
        "where the space has no `learning_rate`"},
       [](D& d, const R& r, size_t) { d.config.train.learning_rate = r.number(0, 100); }},
      {{"train.schedule", "string",
        "constant, step, cosine, multistep, one_cycle, flat_cosine, restarts, plateau",
        "\"cosine\"", "where the space has no `schedule`"},
       [](D& d, const R& r, size_t) { d.config.train.schedule = r.one_of(schedule_words()); }},
      {{"train.learning_gamma", "number", "0 .. 1", "0.95",
        "step, multistep, plateau: the factor; also a parameter"},
       [](D& d, const R& r, size_t) { d.config.train.learning_gamma = r.number(0, 1); }},
      {{"train.learning_step", "number", "0.001 .. 1000000", "1",
        "step: one every `learning_step` × 1000 batches; restarts: length of the first cycle, each "
        "next one twice as long; also a parameter"},
       [](D& d, const R& r, size_t) { d.config.train.learning_step = r.number(0.001, 1000000); }},
      {{"train.milestones", "list", "shares of the steps", "[0.5, 0.75]",
        "multistep: `learning_gamma` once more after each"},
       [](D& d, const R& r, size_t) { d.config.train.milestones = shares(r); }},
      {{"train.plateau_patience", "whole number", "0 .. 10000", "3",
        "plateau: epochs without a lower validation error before the factor"},
       [](D& d, const R& r, size_t) { d.config.train.plateau_patience = int(r.whole(0, 10000)); }},
      {{"train.warmup_steps", "whole number", ">= 0", "0",
        "the rate rises to its full size in so many batches"},
       [](D& d, const R& r, size_t) { d.config.train.warmup_steps = r.whole(0, kMany); }},
      {{"train.batch_size", "whole number", "1 .. 65536", "64",
        "where the space has no `batch_size`"},
       [](D& d, const R& r, size_t) { d.config.train.batch_size = r.whole(1, 65536); }},
      {{"train.momentum", "number", "0 .. 1", "0.9", "of sgd and sgdw"},
       [](D& d, const R& r, size_t) { d.config.train.momentum = r.number(0, 1); }},
      {{"train.nesterov", "boolean", "", "false", "of sgd and sgdw"},
       [](D& d, const R& r, size_t) { d.config.train.nesterov = r.boolean(); }},
      {{"train.weight_decay", "number", "0 .. 1", "0", ""},
       [](D& d, const R& r, size_t) { d.config.train.weight_decay = r.number(0, 1); }},
      {{"train.clip_norm", "number", "0 .. 1e9", "0",
        "the norm of all gradients together, at most; 0: any"},
       [](D& d, const R& r, size_t) { d.config.train.clip_norm = r.number(0, 1e9); }},
      {{"train.accumulate", "whole number", "1 .. 65536", "1",
        "batches whose mean gradient makes one step"},
       [](D& d, const R& r, size_t) { d.config.train.accumulate = int(r.whole(1, 65536)); }},
      {{"train.loss", "string", "cross_entropy, mse, bce", "\"cross_entropy\"",
        "mse and bce: against one-hot labels"},
       [](D& d, const R& r, size_t) {
         d.config.train.loss = r.one_of({"cross_entropy", "mse", "bce"});
       }},
      {{"train.class_weights", "string", "none, balanced", "\"none\"",
        "cross_entropy: balanced weighs a class by 1 / its share of the training samples"},
       [](D& d, const R& r, size_t) {
         d.config.train.class_weights = r.one_of({"none", "balanced"});
       }},
      {{"train.teacher", "string", "a float `.spt`", "",
        "learns from this model's outputs too (distillation) instead of `train.loss`"},
       [](D& d, const R& r, size_t) {
         d.config.train.teacher = r.string();
         if (!std::filesystem::is_regular_file(d.config.train.teacher)) r.wrong("a model file");
       }},
      {{"train.distill_alpha", "number", "0 .. 1", "0.5", "the teacher's share of the loss"},
       [](D& d, const R& r, size_t) { d.config.train.distill_alpha = r.number(0, 1); }},
      {{"train.temperature", "number", "0.01 .. 1000", "4", "of both softmaxes, with a teacher"},
       [](D& d, const R& r, size_t) { d.config.train.temperature = r.number(0.01, 1000); }},
      {{"train.flip", "boolean", "", "false", "half the training samples from left to right"},
       [](D& d, const R& r, size_t) { d.config.train.flip = r.boolean(); }},
      {{"train.shift", "whole number", "0 .. 65536", "0",
        "images: moved by up to so many rows and columns"},
       [](D& d, const R& r, size_t) { d.config.train.shift = r.whole(0, 65536); }},
      {{"train.time_shift", "whole number", "0 .. 1000000", "0",
        "sequences (steps, ...): moved by up to so many steps"},
       [](D& d, const R& r, size_t) { d.config.train.time_shift = r.whole(0, 1000000); }},
      {{"train.noise", "number", "0 .. 1e6", "0",
        "deviation of normal noise on training samples, in their own unit"},
       [](D& d, const R& r, size_t) { d.config.train.noise = r.number(0, 1e6); }},
      {{"train.label_smoothing", "number", "0 .. 1", "0", "of cross_entropy"},
       [](D& d, const R& r, size_t) { d.config.train.label_smoothing = r.number(0, 1); }},
      {{"train.patience", "whole number", "0 .. 10000", "0",
        "stop after so many epochs without a better checkpoint; 0: never"},
       [](D& d, const R& r, size_t) { d.config.train.patience = int(r.whole(0, 10000)); }},
  };
}

}  // namespace sparlet::search
