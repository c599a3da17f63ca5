#include "nn/train.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/model.h"
#include "cli/sparse.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "search/pipeline.h"
#include "sparse/report.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

// The steps of a search's trial, on one net. What only a search reads, or an option says, is
// refused.
search::Config config_of(const TrainArgs& a) {
  static const std::vector<std::string> options = {"source",     "path", "train",
                                                   "validation", "test", "seed"};
  search::Config config = search::config_from_text("", "--set", a.set);
  for (const search::Setting& s : config.settings) {
    const size_t dot = s.path.find('.');
    const std::string table = s.path.substr(0, dot), key = s.path.substr(dot + 1);
    require(table == "train" || table == "prune" || table == "quant" || table == "data",
            "--set {}: of no use with train, only with a search", s.path);
    require(table != "data" || std::ranges::find(options, key) == options.end(),
            "--set {}: give it as --{}", s.path,
            key == "source" ? "data"
            : key == "path" ? key
            : key == "seed" ? "data-seed"
                            : key + "-samples");
  }
  DataOptions& d = config.data;
  const DataOptions set = d;
  d = a.data;
  d.validation_fraction = set.validation_fraction;
  d.test_fraction = set.test_fraction;
  d.by_group = set.by_group;
  d.steps = set.steps;
  d.fit = set.fit;
  d.channels_first = set.channels_first;
  return config;
}

}  // namespace

void train(const TrainArgs& args) {
  require(args.epochs >= 1, "--epochs: {} is not at least 1", args.epochs);
  require(args.prune >= 0 && args.prune < 1, "--prune: {} is not in 0 .. 1", args.prune);
  check_sparse(args);
  const search::Config config = config_of(args);
  require(config.train.learning_rate > 0, "--rate: {} is not above 0", config.train.learning_rate);
  deploy::check_target(args.out);
  deploy::check_target(float_path(args.out));
  const Data data = load_data(config.data);
  Rng rng(args.seed);
  const Net fresh = fresh_net(args.net, data.spec, rng);
  check_fit(fresh, data, args.net);
  const search::Pipeline pipeline = search::default_pipeline(config);
  search::Point point;
  if (args.prune > 0) point.set("prune_threshold", args.prune);
  try {
    pipeline.predict(fresh, point);  // before hours of training
  } catch (const Error& error) {
    fail("{}; --set quant.scheme=none trains it as a float net", error.what());
  }
  const auto progress = [&](const EpochReport& e) {
    fmt::print(stderr, "epoch {}/{}  loss {:.4f}  validation error {:.2f} %  {:.1f} s\n",
               e.epoch + 1, args.epochs, e.train_loss, 100 * e.validation_error, e.seconds);
    return true;
  };
  const search::TrainJob job{.net = fresh,
                             .point = point,
                             .data = data,
                             .epochs = args.epochs,
                             .user = pipeline.user,
                             .progress = progress};
  const Trained trained = args.sparse.empty() ? pipeline.train(job, rng)
                                              : train_sparse(args, config, job, rng);
  require(!trained.diverged, "train: the loss blew up; a smaller --rate than {} may help",
          config.train.learning_rate);
  deploy::save(trained.net, float_path(args.out));
  const Net shipped = pipeline.quantize(trained.net, point, data);
  deploy::save(shipped, args.out);
  const cost::Cost cost = cost::measure(shipped);
  const double validation = error_of(shipped, data.validation);
  if (args.json) {
    nlohmann::json out = to_json(cost);
    out["model"] = args.out.string();
    out["validation_error"] = validation;
    out["float_validation_error"] = trained.validation_error;
    out["seconds"] = trained.seconds;
    fmt::print("{}\n", out.dump(2));
    return;
  }
  if (!args.sparse.empty()) fmt::print("{}", sparse::sparsity_table(trained.net));
  fmt::print("validation accuracy {:.2f} % (float {:.2f} %)\n{}{}: written, {} too\n",
             100 * (1 - validation), 100 * (1 - trained.validation_error), cost_summary(cost),
             args.out.string(), float_path(args.out).string());
}

}  // namespace sparlet::cli
