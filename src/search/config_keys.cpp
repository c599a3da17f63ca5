#include "search/config_keys.h"

#include "search/builders.h"
#include "search/moves.h"
#include "search/presets.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "tensor/error.h"

namespace sparlet::search {

namespace {

constexpr int64_t kMany = std::numeric_limits<int64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void set_objectives(Draft& d, const Reading& r, size_t) {
  d.objectives_where = r.setting().where;
  static const char* cumulative[] = {"error", "size", "memory", "latency"};
  if (r.setting().value.get<int64_t>()) {
    d.objectives.assign(cumulative, cumulative + r.whole(1, 4));
    return;
  }
  if (!r.setting().value.get<std::vector<TomlValue>>()) r.wrong("1 .. 4 or a list of names");
  for (const TomlValue& item : r.list()) {
    // SpArSeMod's way: places in the same list, from 0.
    if (const auto* place = item.get<int64_t>(); place && *place >= 0 && *place < 4) {
      d.objectives.push_back(cumulative[*place]);
      continue;
    }
    const auto* name = item.get<std::string>();
    if (!name || name->empty()) r.wrong("1 .. 4 or a list of names");
    d.objectives.push_back(*name);
  }
}

double number_of(const Reading& r, const TomlValue& value) {
  if (const auto* v = value.get<double>(); v && std::isfinite(*v)) return *v;
  if (const auto* v = value.get<int64_t>()) return double(*v);
  r.wrong("numbers [low, high]");
}

void set_bounds(Draft& d, const Reading& r, size_t i) {
  const auto* list = r.setting().value.get<std::vector<TomlValue>>();
  if (!list || list->size() != 2) r.wrong("numbers [low, high]");
  d.parameters[i].parameter.low = number_of(r, (*list)[0]);
  d.parameters[i].parameter.high = number_of(r, (*list)[1]);
  d.parameters[i].has_bounds = true;
}

// A choice's value as a word; a number keeps its text.
std::string word_of(const Reading& r, const TomlValue& value) {
  if (const auto* v = value.get<std::string>(); v && !v->empty()) return *v;
  if (value.get<int64_t>()) return to_string(value);
  if (const auto* v = value.get<double>(); v && std::isfinite(*v)) return to_string(value);
  r.wrong("words or finite numbers");
}

void set_values(Draft& d, const Reading& r, size_t i) {
  for (const TomlValue& item : r.list())
    d.parameters[i].parameter.values.push_back(word_of(r, item));
  d.parameters[i].has_values = true;
}

void set_fixed(Draft& d, const Reading& r, size_t i) {
  Parameter& p = d.parameters[i].parameter;
  if (const auto* flag = r.setting().value.get<bool>())
    p.fixed = double(*flag);
  else
    p.fixed = value_from(word_of(r, r.setting().value));
  d.parameters[i].has_value = true;
}

void set_kind(Draft& d, const Reading& r, size_t i) {
  d.parameters[i].parameter.kind = kind_from(
      r.one_of({"integer", "real", "log_integer", "log_real", "choice", "flag", "fixed"}));
  d.parameters[i].has_type = true;
}

// Adds an edit to the box of an objective.
template <class Edit>
void edit_box(Draft& d, size_t i, Edit edit) {
  d.boxes[i].edit = [before = d.boxes[i].edit, edit](Objective& o) {
    before(o);
    edit(o);
  };
}

template <class Words>
std::string listed(const Words& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

std::vector<Key> keys_before_train() {
  using D = Draft;
  using R = Reading;
  return {
      {{"name", "string", "", "\"search\"",
        "names the run; the folder is `runs/NAME` unless `--out` says otherwise"},
       [](D& d, const R& r, size_t) { d.config.name = r.string(); }},
      {{"seed", "whole number", ">= 0", "1", "same seed and workers, same results"},
       [](D& d, const R& r, size_t) { d.config.seed = uint64_t(r.whole(0, kMany)); }},
      {{"objectives", "1 .. 4 or list", "names of objectives", "3",
        "what is optimised; a number takes the first of error, size, memory, latency"},
       set_objectives},
      {{"space", "string", listed(preset_names()), "",
        "a ready search space and its builder; `[[parameter]]` changes or adds to it"},
       [](D& d, const R& r, size_t) {
         d.config.space = r.string();
         d.space_where = r.setting().where;
       }},
      {{"builder", "string", listed(builder_names()), "the space's, else \"chain_cnn\"",
        "what makes a net of a point"},
       [](D& d, const R& r, size_t) {
         d.config.builder = r.string();
         d.has_builder = true;
       }},

      {{"data.source", "string", listed(data_sources()), "\"digits\"", "the data set"},
       [](D& d, const R& r, size_t) { d.config.data.source = r.one_of(data_sources()); }},
      {{"data.path", "string", "a folder", "`$SPARLET_DATA/SOURCE`",
        "where its files are; a file of npz"},
       [](D& d, const R& r, size_t) { d.config.data.path = r.string(); }},
      {{"data.train", "whole number", ">= 0", "0", "training samples; 0: as many as there are"},
       [](D& d, const R& r, size_t) { d.config.data.train = r.whole(0, kMany); }},
      {{"data.validation", "whole number", ">= 0", "0",
        "validation samples; 0: `data.validation_fraction` of the training files"},
       [](D& d, const R& r, size_t) { d.config.data.validation = r.whole(0, kMany); }},
      {{"data.test", "whole number", ">= 0", "0", "test samples; 0: as many as there are"},
       [](D& d, const R& r, size_t) { d.config.data.test = r.whole(0, kMany); }},
      {{"data.validation_fraction", "number", "0.001 .. 0.9", "0.0833", "share that validates"},
       [](D& d, const R& r, size_t) { d.config.data.validation_fraction = r.number(0.001, 0.9); }},
      {{"data.test_fraction", "number", "0.001 .. 0.9", "0.1667",
        "npz without X_test: the share that tests"},
       [](D& d, const R& r, size_t) { d.config.data.test_fraction = r.number(0.001, 0.9); }},
      {{"data.by_group", "boolean", "", "false",
        "har and npz: parts are split by whole groups (subjects)"},
       [](D& d, const R& r, size_t) { d.config.data.by_group = r.boolean(); }},
      {{"data.steps", "whole number", "0 .. 1000000", "0",
        "sequences: made this long by `data.fit`; 0: as they are"},
       [](D& d, const R& r, size_t) { d.config.data.steps = r.whole(0, 1000000); }},
      {{"data.fit", "string", "pad, chop, subsample", "\"pad\"",
        "how sequences get `data.steps` steps"},
       [](D& d, const R& r, size_t) {
         const std::string word = r.one_of({"pad", "chop", "subsample"});
         d.config.data.fit = word == "pad" ? Fit::pad : word == "chop" ? Fit::chop : Fit::subsample;
       }},
      {{"data.channels_first", "boolean", "", "false",
        "sequences: (steps, channels) as (channels, steps)"},
       [](D& d, const R& r, size_t) { d.config.data.channels_first = r.boolean(); }},
      {{"data.seed", "whole number", ">= 0", "1", "draws the digits and the split"},
       [](D& d, const R& r, size_t) { d.config.data.seed = uint64_t(r.whole(0, kMany)); }},

      {{"search.method", "string", listed(search_methods()), "\"sparse\"",
        "what proposes; see Methods below"},
       [](D& d, const R& r, size_t) { d.config.search.method = r.one_of(search_methods()); }},
      {{"search.r1", "whole number", "0 .. 100000", "30",
        "trials of the Sobol phase; of the other methods, Sobol points before their own"},
       [](D& d, const R& r, size_t) { d.config.search.r1 = int(r.whole(0, 100000)); }},
      {{"search.r2", "whole number", "0 .. 100000", "40", "trials of the GP phase"},
       [](D& d, const R& r, size_t) { d.config.search.r2 = int(r.whole(0, 100000)); }},
      {{"search.r3", "whole number", "0 .. 100000", "30", "trials of the morphism phase"},
       [](D& d, const R& r, size_t) { d.config.search.r3 = int(r.whole(0, 100000)); }},
      {{"search.epochs1", "whole number", "1 .. 10000", "3",
        "epochs of a trial of the Sobol phase"},
       [](D& d, const R& r, size_t) { d.config.search.epochs1 = int(r.whole(1, 10000)); }},
      {{"search.epochs2", "whole number", "1 .. 10000", "5", "epochs of a trial of the GP phase"},
       [](D& d, const R& r, size_t) { d.config.search.epochs2 = int(r.whole(1, 10000)); }},
      {{"search.epochs3", "whole number", "1 .. 10000", "5",
        "epochs of a trial of the morphism phase"},
       [](D& d, const R& r, size_t) { d.config.search.epochs3 = int(r.whole(1, 10000)); }},
      {{"search.epochs", "whole number", "0 .. 10000", "0",
        "epochs of a full training, of other methods than sparse or with `search.asha`; 0: the "
        "most "
        "of epochs1, epochs2, epochs3"},
       [](D& d, const R& r, size_t) { d.config.search.epochs = int(r.whole(0, 10000)); }},
      {{"search.asha", "boolean", "", "",
        "successive halving: trials are paused at rungs of epochs, and the best go on; not given: "
        "of "
        "method auto alone"},
       [](D& d, const R& r, size_t) { d.config.search.asha = r.boolean(); }},
      {{"search.min_epochs", "whole number", "1 .. 10000", "1",
        "of the first rung; of sparse a phase's own epochs are it"},
       [](D& d, const R& r, size_t) { d.config.search.min_epochs = int(r.whole(1, 10000)); }},
      {{"search.eta", "number", "1.01 .. 100", "3",
        "one in so many goes on from a rung, to so many times its epochs"},
       [](D& d, const R& r, size_t) { d.config.search.eta = r.number(1.01, 100); }},
      {{"search.tolerance", "number", "0 .. 1", "0",
        "stop when the last `search.patience` trainings grew the hypervolume by a smaller share; "
        "0: "
        "never"},
       [](D& d, const R& r, size_t) { d.config.search.tolerance = r.number(0, 1); }},
      {{"search.patience", "whole number", "1 .. 100000", "20", "of `search.tolerance`"},
       [](D& d, const R& r, size_t) { d.config.search.patience = int(r.whole(1, 100000)); }},
      {{"search.trials", "whole number", "0 .. 1000000", "0",
        "designs in all; 0: r1 + r2 + r3, of which sparse takes the first ones"},
       [](D& d, const R& r, size_t) { d.config.search.trials = int(r.whole(0, 1000000)); }},
      {{"search.minutes", "number", "0 .. 1000000", "0",
        "propose nothing after this time (of one call) and finish what runs; 0: no limit"},
       [](D& d, const R& r, size_t) { d.config.search.minutes = r.number(0, 1000000); }},
      {{"search.workers", "whole number", "0 .. 256", "0",
        "worker processes; 0: one a core. Part of what makes results the same"},
       [](D& d, const R& r, size_t) { d.config.search.workers = int(r.whole(0, 256)); }},
      {{"search.candidates", "whole number", "1 .. 10000", "20",
        "morphs that one morphism trial is chosen from"},
       [](D& d, const R& r, size_t) { d.config.search.candidates = int(r.whole(1, 10000)); }},
      {{"search.min_changes", "whole number", "1 .. 100", "1", "a morph is at least so many moves"},
       [](D& d, const R& r, size_t) { d.config.search.min_changes = int(r.whole(1, 100)); }},
      {{"search.max_changes", "whole number", "1 .. 100", "3", "and at most so many"},
       [](D& d, const R& r, size_t) { d.config.search.max_changes = int(r.whole(1, 100)); }},
      {{"search.moves", "list", listed(move_set_names()), "",
        "sets of moves that morphs are made of (src/search/moves.h); not given: all"},
       [](D& d, const R& r, size_t) {
         for (const TomlValue& item : r.list()) {
           const auto* name = item.get<std::string>();
           const std::vector<std::string> known = move_set_names();
           if (!name || std::find(known.begin(), known.end(), *name) == known.end())
             r.wrong("names of " + listed(known));
           d.config.search.moves.push_back(*name);
         }
       }},
      {{"search.morphisms", "boolean", "", "true", "false: no morphism phase"},
       [](D& d, const R& r, size_t) { d.config.search.morphisms = r.boolean(); }},
  };
}

std::vector<Key> keys_behind_train() {
  using D = Draft;
  using R = Reading;
  return {
      {{"prune.enabled", "boolean", "", "true", "false: `prune_threshold` is ignored"},
       [](D& d, const R& r, size_t) { d.config.prune.enabled = r.boolean(); }},
      {{"prune.begin", "number", "0 .. 1", "0.1", "pruning begins after this share of the steps"},
       [](D& d, const R& r, size_t) { d.config.prune.begin = r.number(0, 1); }},
      {{"prune.end", "number", "0 .. 1", "0.7",
        "and reaches its target after this one; then checkpoints count"},
       [](D& d, const R& r, size_t) { d.config.prune.end = r.number(0, 1); }},

      {{"quant.scheme", "string", "static, post, none", "\"static\"",
        "int8 after training, or float nets; `post` is `static`"},
       [](D& d, const R& r, size_t) {
         const std::string word = r.one_of({"static", "post", "none"});
         d.config.quant.scheme = word == "post" ? "static" : word;
       }},
      {{"quant.calibration", "whole number", "1 .. 10000000", "512",
        "training samples that set the ranges"},
       [](D& d, const R& r, size_t) { d.config.quant.calibration = r.whole(1, 10000000); }},
      {{"quant.encoding", "string", "smallest, dense, bitmask", "\"smallest\"",
        "of the weights, layer by layer"},
       [](D& d, const R& r, size_t) {
         d.config.quant.encoding = r.one_of({"smallest", "dense", "bitmask"});
       }},

      {{"device.name", "string", "a known device or a TOML file", "\"cortex-m4\"",
        "what latency is predicted for"},
       [](D& d, const R& r, size_t) { d.config.device.name = r.string(); }},
      {{"device.macs_per_second", "number", "1 .. 1e18", "the device's", "its effective rate"},
       [](D& d, const R& r, size_t) { d.config.device.macs_per_second = r.number(1, 1e18); }},

      {{"parameter.name", "string", "", "",
        "a parameter of the space, as the builder or trainer reads it"},
       [](D& d, const R& r, size_t i) {
         d.parameters[i].parameter.name = r.string();
         d.parameters[i].parameter.where = r.setting().where;
       }},
      {{"parameter.type", "string", "integer, real, log_integer, log_real, choice, flag, fixed", "",
        ""},
       set_kind},
      {{"parameter.bounds", "list", "[low, high]", "", "of numbers, both included"}, set_bounds},
      {{"parameter.step", "number", "> 0", "1 of integers", "values low + i × step"},
       [](D& d, const R& r, size_t i) {
         d.parameters[i].parameter.step = r.number(1e-12, kInfinity);
         d.parameters[i].has_step = true;
       }},
      {{"parameter.values", "list", "words or numbers", "", "of a choice"}, set_values},
      {{"parameter.value", "any", "", "", "of a fixed one"}, set_fixed},
      {{"parameter.when", "string", "an expression", "", "active where it holds, as `blocks >= 2`"},
       [](D& d, const R& r, size_t i) {
         d.parameters[i].parameter.when = r.string();
         d.parameters[i].has_when = true;
       }},

      {{"constraint.expression", "string", "an expression", "",
        "holds where a parameter in it is inactive"},
       [](D& d, const R& r, size_t i) {
         d.config.constraints[i].expression = r.string();
         d.config.constraints[i].where = r.setting().where;
       }},

      {{"objective.name", "string", "error, size, memory, macs, latency, or a metric", "", ""},
       [](D& d, const R& r, size_t i) {
         d.boxes[i].name = r.string();
         d.boxes[i].where = r.setting().where;
       }},
      {{"objective.minimize", "boolean", "", "true", ""},
       [](D& d, const R& r, size_t i) {
         edit_box(d, i, [v = r.boolean()](Objective& o) { o.minimize = v; });
       }},
      {{"objective.reference", "number", "",
        "0.9 of error, 64000 of size and memory, 1e7 of macs, 1000 of latency",
        "worst value of interest: a corner of the hypervolume's box"},
       [](D& d, const R& r, size_t i) {
         edit_box(d, i, [v = r.number(-kInfinity, kInfinity)](Objective& o) { o.reference = v; });
       }},
      {{"objective.ideal", "number", "", "0 of error, 1 of bytes and macs, 0.001 of latency",
        "the box's other corner"},
       [](D& d, const R& r, size_t i) {
         edit_box(d, i, [v = r.number(-kInfinity, kInfinity)](Objective& o) { o.ideal = v; });
       }},
      {{"objective.logarithmic", "boolean", "", "false of error and metrics",
        "compare log2 of values"},
       [](D& d, const R& r, size_t i) {
         edit_box(d, i, [v = r.boolean()](Objective& o) { o.logarithmic = v; });
       }},
      {{"objective.known", "string", "a formula", "",
        "`optimize` only: the objective's exact value, which then needs no model"},
       [](D& d, const R& r, size_t i) { d.boxes[i].known = r.string(); }},
      {{"user.*", "any", "", "", "passed untouched to builder, trainer and metrics"}, nullptr},
  };
}

}  // namespace

const std::vector<Key>& keys() {
  static const std::vector<Key> list = [] {
    std::vector<Key> all = keys_before_train();
    for (const auto& more : {train_keys(), keys_behind_train()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return list;
}

const std::vector<Alias>& aliases() {
  static const std::vector<Alias> list = {
      {"r1", "search.r1"},
      {"r2", "search.r2"},
      {"r3", "search.r3"},
      {"epochs1", "search.epochs1"},
      {"epochs2", "search.epochs2"},
      {"epochs3", "search.epochs3"},
      {"morphisms", "search.morphisms"},
      {"pruning", "prune.enabled"},
      {"quant_scheme", "quant.scheme"},
      {"flops", "device.macs_per_second"},
  };
  return list;
}

}  // namespace sparlet::search
