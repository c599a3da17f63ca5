// The sparlet tool: reads the command line (the only user of CLI11) and calls a subcommand.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "cli/commands.h"
#include "cli/model.h"
#include "nn/models.h"
#include "search/training.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace {

using namespace sparlet;
using namespace sparlet::cli;

void data_options(CLI::App& app, DataOptions& data) {
  app.add_option(
         "--data", data.source,
         "digits, gestures, touch (built in), mnist, fashion, idx, cifar10, cifar100, har, npz")
      ->capture_default_str();
  app.add_option("--path", data.path, "folder of its files");
  app.add_option("--train-samples", data.train, "training samples; 0: all");
  app.add_option("--validation-samples", data.validation, "validation samples; 0: the usual share");
  app.add_option("--test-samples", data.test, "test samples; 0: all");
  app.add_option("--data-seed", data.seed, "draws the digits and the split")->capture_default_str();
}

void add_search(CLI::App& app, SearchArgs& a) {
  CLI::App& c =
      *app.add_subcommand("search", "search for networks; resumes a run that was broken off");
  c.add_option("config", a.config, "TOML file (docs/config.md)")->required();
  c.add_option("--out", a.out, "run folder; default runs/NAME");
  c.add_option("--seed", a.seed, "instead of the config's seed");
  c.add_option("--workers", a.workers, "instead of search.workers");
  c.add_option("--trials", a.trials, "instead of search.trials");
  c.add_option("--minutes", a.minutes, "instead of search.minutes");
  c.add_option("--method", a.method, "instead of search.method: sparse, auto, random ...");
  c.add_option("--set", a.set, "KEY=VALUE: instead of what the config says")
      ->allow_extra_args(false);
  c.add_flag("--dry-run", a.dry_run, "show the space and predicted costs; train nothing");
  c.add_flag("--json", a.json, "the result as JSON");
  c.callback([&a] {
    require(!a.dry_run || !a.json, "--json: of no use with --dry-run, only with a search");
    cli::search(a);
  });
}

void add_show(CLI::App& app, ShowArgs& a) {
  CLI::App& c = *app.add_subcommand("show", "the Pareto table of a run, or one arm of it");
  c.add_option("run", a.run, "run folder")->required();
  c.add_option("arm", a.arm, "show this arm: its point, layers and text");
  c.add_option("--where", a.where, "only these, as 'size<=2kB, error<=2%'");
  c.add_option("--sort", a.sort, "by this column; -column: greatest first");
  c.add_flag("--all", a.all, "all trained arms, not only the front");
  c.add_flag("--json", a.json, "as JSON");
  c.add_option("--svg", a.svg, "draw the front into this file");
  c.callback([&a, &c] {
    for (const char* option : {"--where", "--sort", "--all", "--svg"})
      require(!a.arm || c.count(option) == 0, "{}: of no use with one arm, only with show RUN",
              option);
    show(a);
  });
}

void add_test(CLI::App& app, TestArgs& a) {
  CLI::App& c =
      *app.add_subcommand("test", "an arm's error on the test split, stored and trained anew");
  c.add_option("run", a.run, "run folder")->required();
  c.add_option("arm", a.arm, "the arm")->required();
  c.add_option("--seeds", a.seeds, "train anew so many times; 0: only the stored model")
      ->capture_default_str();
  c.add_option("--epochs", a.epochs, "of each; 0: as many as the arm and its ancestors had");
  c.add_option("--save", a.save, "write the seed that is best on validation (.spt)");
  c.add_flag("--json", a.json, "as JSON");
  c.callback([&a] { cli::test(a); });
}

void add_train(CLI::App& app, TrainArgs& a) {
  CLI::App& c = *app.add_subcommand("train", "train, prune and quantise one network");
  c.add_option(
       "--net", a.net,
       fmt::format("{} (D, K, A: numbers) or a FILE.net", fmt::join(nn::model_names(), ", ")))
      ->capture_default_str();
  data_options(c, a.data);
  c.add_option("--epochs", a.epochs)->capture_default_str();
  const auto short_for = [&](const char* option, const std::string& key, const std::string& help) {
    c.add_option_function<std::string>(
        option, [&a, key](const std::string& value) { a.set.push_back(key + "=" + value); }, help);
  };
  short_for("--batch", "train.batch_size", "samples of a batch; 64 if not given");
  short_for("--rate", "train.learning_rate", "learning rate; 0.001 if not given");
  short_for("--optimizer", "train.optimizer",
            fmt::format("{}; adam if not given", fmt::join(search::optimizer_words(), ", ")));
  short_for("--schedule", "train.schedule",
            fmt::format("{}; cosine if not given", fmt::join(search::schedule_words(), ", ")));
  c.add_option_function<std::vector<std::string>>(
       "--set",
       [&a](const std::vector<std::string>& all) {
         a.set.insert(a.set.end(), all.begin(), all.end());
       },
       "KEY=VALUE, as train.label_smoothing=0.1: a key of [train], [prune], [quant] or [data] "
       "(docs/config.md)")
      ->allow_extra_args(false);
  c.add_option("--prune", a.prune, "share of the weights to remove")->capture_default_str();
  c.add_option(
      "--sparse", a.sparse,
      "train sparse by static, set, snfs, rigl, rigl-itop, snip, gmp, feedback or variational");
  c.add_option("--density", a.density,
               "with --sparse: share of the weights that are there; 0.1 if not given, with "
               "variational what its threshold leaves");
  c.add_option("--distribution", a.distribution, "with --sparse: uniform, first-dense, er or erk")
      ->capture_default_str();
  c.add_option("--sparse-log", a.sparse_log, "CSV of what each update dropped and grew");
  c.add_option("--sparse-pictures", a.sparse_pictures,
               "folder for a picture of each weight: where its connections were");
  c.add_option("--seed", a.seed)->capture_default_str();
  c.add_option("--out", a.out, "int8 model; the float one goes beside it (.float.spt)")
      ->capture_default_str();
  c.add_flag("--json", a.json, "as JSON");
  c.callback([&a, &c] {
    for (const char* option : {"--density", "--distribution", "--sparse-log", "--sparse-pictures"})
      require(!a.sparse.empty() || c.count(option) == 0, "{}: of no use without --sparse", option);
    require(a.sparse != "variational" || c.count("--distribution") == 0,
            "--distribution: of no use with variational, which ranks the whole net");
    cli::train(a);
  });
}

void add_prune(CLI::App& app, PruneArgs& a) {
  CLI::App& c = *app.add_subcommand("prune", "remove weights or channels of a float model");
  c.add_option("model", a.model, "float .spt file")->required();
  c.add_option("--out", a.out, "file")->required();
  c.add_option("--sparsity", a.sparsity, "share of the weights to mask, the least magnitudes");
  c.add_option("--distribution", a.distribution,
               "global (ranked over the net), uniform, first-dense, er or erk; default global");
  c.add_option("--keep", a.keep, "a weight to leave alone, as fc.w; may be given again")
      ->allow_extra_args(false);
  c.add_flag("--biases", a.biases, "biases too");
  c.add_option("--block", a.block, "as 2x4: rows and columns that stay or go as a whole");
  c.add_option("--pattern", a.pattern, "as 2:4: the 2 greatest of every 4 in a row stay");
  c.add_option("--channels", a.channels, "share of the channels to remove for real");
  c.add_option("--keep-layer", a.keep_layers, "a layer whose channels stay; may be given again")
      ->allow_extra_args(false);
  c.add_flag("--propagate", a.propagate, "then close the connections of units that are dead");
  c.add_flag("--compact", a.compact, "then remove channels that do nothing");
  c.callback([&a, &c] {
    for (const char* option : {"--distribution", "--block", "--biases"})
      require(a.sparsity > 0 || c.count(option) == 0, "{}: of no use without --sparsity", option);
    require(a.sparsity > 0 || !a.pattern.empty() || c.count("--keep") == 0,
            "--keep: of no use without --sparsity or --pattern");
    require(a.pattern.empty() || a.sparsity == 0, "--sparsity: of no use with --pattern");
    for (const char* option : {"--distribution", "--biases"})
      require(a.block.empty() || c.count(option) == 0, "{}: of no use with --block", option);
    require(a.channels > 0 || c.count("--keep-layer") == 0,
            "--keep-layer: of no use without --channels");
    cli::prune(a);
  });
}

void add_optimize(CLI::App& app, OptimizeArgs& a) {
  CLI::App& c = *app.add_subcommand(
      "optimize", "any black box: writes points and reads values as JSON lines (docs/cli.md)");
  c.add_option("space", a.space, "TOML file of parameters, constraints and objectives")->required();
  c.add_option("--trials", a.trials, "in all")->capture_default_str();
  c.add_option("--init", a.init, "Sobol points before the method; 0: 2 (d + 1), at most 20")
      ->capture_default_str();
  c.add_option("--batch", a.batch, "trials that wait for answers at a time")->capture_default_str();
  c.add_option("--seed", a.seed)->capture_default_str();
  c.add_option("--method", a.method,
               "ehvi, chebyshev, thompson, random, sobol, nsga2, aging or local")
      ->capture_default_str();
  c.add_option("--tolerance", a.tolerance,
               "stop once 20 answers grow the hypervolume by less than this share; 0: never")
      ->capture_default_str();
  c.add_option("--store", a.store, "file that keeps the run; one that exists is resumed");
  c.add_flag("--timing", a.timing, "add the seconds it took to each point");
  c.callback([&a] { cli::optimize(a); });
}

void add_eval(CLI::App& app, EvalArgs& a) {
  CLI::App& c = *app.add_subcommand("eval", "a model's accuracy on a split");
  c.add_option("model", a.model, ".spt file")->required();
  data_options(c, a.data);
  c.add_option("--split", a.split, "train, validation or test")->capture_default_str();
  c.add_flag("--json", a.json, "as JSON");
  c.callback([&a] { cli::eval(a); });
}

void add_predict(CLI::App& app, PredictArgs& a) {
  CLI::App& c = *app.add_subcommand("predict", "a model's raw outputs for every sample of a split");
  c.add_option("model", a.model, ".spt file")->required();
  c.add_option("--out", a.out, "file: int8 values of int8 models, else float32")->required();
  data_options(c, a.data);
  c.add_option("--split", a.split, "train, validation or test")->capture_default_str();
  c.callback([&a] { cli::predict(a); });
}

void add_cost(CLI::App& app, CostArgs& a) {
  CLI::App& c = *app.add_subcommand("cost", "size, memory, MACs and latency, layer by layer");
  c.add_option("model", a.model, ".spt file");
  c.add_option("--net", a.net, "of an untrained net once int8: lenet5, mlp, linear or a FILE.net");
  c.add_option("--sparsity", a.sparsity, "with --net: share of the weights that will be removed");
  data_options(c, a.data);
  c.callback([&a, &c] {
    require(a.model.empty() || c.count("--sparsity") == 0,
            "--sparsity: of no use with a model, which has its weights; only with --net");
    for (const char* option : {"--data", "--path", "--train-samples", "--validation-samples",
                               "--test-samples", "--data-seed"})
      require(
          (a.model.empty() && !is_net_file(a.net)) || c.count(option) == 0,
          "{}: of no use with a model or a FILE.net, which has its shape; only with a named --net",
          option);
    cli::cost(a);
  });
  c.add_option("--device", a.device, "a known device or a TOML file");
  c.add_flag("--json", a.json, "as JSON");
}

void add_export(CLI::App& app, ExportArgs& a) {
  CLI::App& c = *app.add_subcommand("export", "write a model for a device");
  c.add_option("model", a.model, ".spt file; a float one is quantised")->required();
  c.add_option("--format", a.format, "spt")->capture_default_str();
  c.add_option("--out", a.out, "file")->required();
  data_options(c, a.data);
  c.add_option("--calibration", a.calibration,
               "training samples, spread evenly, that set the ranges")
      ->capture_default_str();
  c.callback([&a] { export_model(a); });
}

void add_convert(CLI::App& app, ConvertArgs& a) {
  CLI::App& c = *app.add_subcommand("convert", "a model's weights as dense, masked, COO or CSR");
  c.add_option("model", a.model, "float .spt file")->required();
  c.add_option("--format", a.format, "dense, masked, coo, csr or automatic");
  c.add_option("--out", a.out, "file")->required();
  c.add_option("--density", a.density, "first prune the smallest weights, to this share of all");
  c.add_option("--mask", a.mask, "first take the masks or entries of this model, or file of masks");
  c.add_option("--weights", a.weights, "first take the weights of this model, or file of weights");
  c.add_option("--only", a.only, "write just the masks or just the weights, for those two");
  c.add_option("--layer", a.layers, "only this layer; may be given again")->allow_extra_args(false);
  CLI::Option& batch = *c.add_option("--batch", a.batch, "what automatic chooses for");
  c.add_flag("--json", a.json, "as JSON");
  c.callback([&a, &batch] {
    require(a.only.empty() || (a.format.empty() && a.layers.empty()),
            "--format and --layer: of no use with --only");
    require(!a.format.empty() || !a.only.empty(), "convert: give --format or --only");
    require(batch.count() == 0 || a.format == "automatic",
            "--batch: of no use with --format {}, only with automatic", a.format);
    cli::convert(a);
  });
}

void add_bench(CLI::App& app, BenchArgs& a) {
  CLI::App& c = *app.add_subcommand("bench", "time and memory of sparse layers on this machine");
  c.add_flag("--sparse", a.sparse, "linear layers by shape, batch and density");
  c.add_flag("--model", a.model,
             "VGG11's classifier, dense, COO and CSR at 90 and 99 %, one image; JSON");
  for (const auto& [option, help] : {std::pair("--size", "inputs and outputs of the layer"),
                                     {"--batch", "samples of a call"},
                                     {"--density", "share of the weights that is there"}}) {
    const std::string name = option;
    CLI::Option& made = *(name == "--size"    ? c.add_option(name, a.sizes, help)
                          : name == "--batch" ? c.add_option(name, a.batches, help)
                                              : c.add_option(name, a.densities, help));
    made.allow_extra_args(false)->excludes("--model")->capture_default_str();
  }
  c.add_option("--milliseconds", a.milliseconds, "of each measurement")->capture_default_str();
  c.add_option("--resident", a.resident)->group("");
  c.add_flag("--json", a.json, "as JSON");
  c.callback([&a] { cli::bench(a); });
}

// CLI11 tells of a missing subcommand only that there is one.
void check_subcommand(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  bool found = word.starts_with("-");
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    found = found || command->get_name() == word;
    if (!command->get_group().empty()) known.push_back(command->get_name());
  }
  require(found, "no subcommand '{}', one of {}{}", word, fmt::join(known, ", "),
          did_you_mean(word, known));
}

// One line, whatever the library says.
int report(const char* what, int code, const char* prefix = "") {
  std::string line = what;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (char& c : line)
    if (c == '\n') c = ' ';
  fmt::print(stderr, "sparlet: {}{}\n", prefix, line);
  return code;
}

constexpr const char* kNotWritten = "standard output: cannot be written";

// What was printed is only done when it is written.
void flush_output() {
  require(std::fflush(stdout) == 0 && !std::ferror(stdout), "{}", kNotWritten);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Finds, trains, prunes, quantises and ships neural networks that fit in kilobytes.",
               "sparlet");
  app.set_version_flag("--version", "sparlet " SPARLET_VERSION);
  app.require_subcommand(1);
  SearchArgs search;
  ShowArgs show;
  TestArgs test;
  TrainArgs train;
  OptimizeArgs optimize;
  PruneArgs prune;
  EvalArgs eval;
  PredictArgs predict;
  CostArgs cost;
  ExportArgs export_args;
  ConvertArgs convert;
  BenchArgs bench;
  std::filesystem::path worker;
  add_search(app, search);
  add_show(app, show);
  add_test(app, test);
  add_train(app, train);
  add_optimize(app, optimize);
  add_prune(app, prune);
  add_eval(app, eval);
  add_predict(app, predict);
  add_cost(app, cost);
  add_export(app, export_args);
  add_convert(app, convert);
  add_bench(app, bench);
  CLI::App& hidden =
      *app.add_subcommand("worker", "take trials of a run, until it ends")->group("");
  hidden.add_option("run", worker, "run folder")->required();
  hidden.callback([&worker] { sparlet::cli::worker(worker); });
  try {
    if (argc == 1) {
      fmt::print("{}", app.help());
      flush_output();
      return 0;
    }
    check_subcommand(app, argv[1]);
    app.parse(argc, argv);
    flush_output();
    return 0;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return report(error.what(), 1);
    app.exit(error);
    std::cout.flush();
    return std::cout.good() && std::fflush(stdout) == 0 ? 0 : report(kNotWritten, 1);
  } catch (const Error& error) {
    return report(error.what(), 1);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error.what(), 1);
  } catch (const std::system_error& error) {  // fmt::print, where a write fails at once
    return report(std::ferror(stdout) ? kNotWritten : error.what(), 1);
  } catch (const std::bad_alloc& error) {
    return report(error.what(), 1, "not enough memory: ");
  } catch (const std::length_error& error) {
    return report(error.what(), 1, "not enough memory: ");
  } catch (const std::exception& error) {
    return report(error.what(), 2, "internal error: ");
  }
}
