// The configuration of a run: one TOML file, typed and checked. docs/config.md lists the keys.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cost/cost.h"
#include "data/load.h"
#include "nn/train.h"
#include "search/objective.h"
#include "search/settings.h"
#include "search/space.h"

namespace sparlet::search {

// The [user] table: dotted keys to values, passed untouched to builder, trainer and metrics.
using UserTable = std::map<std::string, TomlValue>;

// sparse, auto, and those of optimizer.h.
const std::vector<std::string_view>& search_methods();

struct PhaseOptions {
  // sparse: the three phases below. auto: one loop in which new designs, morphs and further
  // training of paused trials compete. The others are those of optimizer.h.
  std::string method = "sparse";
  int r1 = 30, r2 = 40, r3 = 30;              // trials of the Sobol, GP and morphism phases
  int epochs1 = 3, epochs2 = 5, epochs3 = 5;  // of one trial in them
  int epochs = 0;                             // of a full training; 0: the most of those
  std::optional<bool> asha;                   // successive halving; not given: of auto alone
  int min_epochs = 1;    // that it begins with; of sparse the phases' epochs are it
  double eta = 3;        // one in so many goes on
  double tolerance = 0;  // stop when the hypervolume grows by a smaller share; 0: never
  int patience = 20;     // in so many trainings
  int trials = 0;        // at most so many in all; 0: r1 + r2 + r3
  double minutes = 0;    // stop proposing after this time; 0: never
  int workers = 0;       // 0: one a core
  int candidates = 20;   // morphs that a morphism trial chooses from
  int min_changes = 1, max_changes = 3;  // moves of one morph
  std::vector<std::string> moves = {};   // sets of moves by name (moves.h); none: all
  bool morphisms = true;                 // false: no third phase
};

// Where the Point has a parameter of the same name, the Point's value counts.
struct TrainingOptions {
  std::string optimizer = "adam";  // adam | adamw | sgd | sgdw | rmsprop
  double learning_rate = 1e-3;
  // constant | step | cosine | multistep | one_cycle | flat_cosine | restarts | plateau
  std::string schedule = "cosine";
  double learning_gamma = 0.95;  // step: factor every learning_step × 1000 batches
  double learning_step = 1;
  int64_t batch_size = 64;
  std::vector<double> milestones = {0.5, 0.75};  // multistep: shares of the steps
  int plateau_patience = 3;                      // plateau: epochs
  int64_t warmup_steps = 0;
  double momentum = 0.9;  // sgd, sgdw
  bool nesterov = false;
  double weight_decay = 0;
  double clip_norm = 0;
  int accumulate = 1;
  std::string loss = "cross_entropy";  // cross_entropy | mse | bce
  double label_smoothing = 0;
  std::string class_weights = "none";  // none | balanced
  std::filesystem::path teacher;       // a float .spt: distillation
  double distill_alpha = 0.5, temperature = 4;
  bool flip = false;  // augmentation, of training batches
  int64_t shift = 0, time_shift = 0;
  double noise = 0;
  int patience = 0;
  bool operator==(const TrainingOptions&) const = default;
};

struct PruningOptions {
  bool enabled = true;            // false: prune_threshold is ignored
  double begin = 0.1, end = 0.7;  // of all training steps
};

struct QuantizeOptions {
  std::string scheme = "static";      // static | none
  int64_t calibration = 512;          // training samples
  std::string encoding = "smallest";  // smallest | dense | bitmask
};

struct Config {
  std::string name = "search";
  uint64_t seed = 1;
  std::string space;                  // of presets.h; empty: `parameters` are all there is
  std::string builder = "chain_cnn";  // the space's, unless the file says otherwise
  std::vector<Objective> objectives;
  DataOptions data;
  PhaseOptions search;
  TrainingOptions train;
  PruningOptions prune;
  QuantizeOptions quant;
  cost::Device device;
  std::vector<Parameter> parameters;
  std::vector<Constraint> constraints;
  UserTable user;

  std::string text;               // TOML, overrides in place: what the run folder keeps
  std::vector<Setting> settings;  // the same, for comparing

  int planned() const;  // designs in all
};

// Throws Error: "file.toml:12: search.r5: unknown key; the nearest is \"search.r1\"", or for a
// wrong type or range. Overrides: see read_settings.
Config config_from_text(std::string_view text, std::string_view where,
                        const std::vector<std::string>& overrides = {});
Config load_config(const std::filesystem::path&, const std::vector<std::string>& overrides = {});

// The first setting that differs between two configs and matters to the results, as
// "key: 3 before, now 4"; "" where there is none. search.trials and search.minutes do not matter.
std::string first_difference(const Config& before, const Config& now);

// One line of docs/config.md.
struct KeyInfo {
  std::string path, type, range, preset, meaning;
};
std::vector<KeyInfo> known_keys();

}  // namespace sparlet::search
