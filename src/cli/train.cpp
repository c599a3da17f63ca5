#include "nn/train.h"

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/model.h"
#include "cli/table.h"
#include "deploy/spt.h"
#include "search/pipeline.h"
#include "tensor/error.h"

namespace sparlet::cli {
namespace {

void check(const TrainArgs& a) {
  require(a.epochs >= 1, "--epochs: {} is not at least 1", a.epochs);
  require(a.batch >= 1, "--batch: {} is not at least 1", a.batch);
  require(a.rate > 0, "--rate: {} is not above 0", a.rate);
  require(a.prune >= 0 && a.prune < 1, "--prune: {} is not in 0 .. 1", a.prune);
  const bool optimizer = a.optimizer == "adam" || a.optimizer == "adamw" || a.optimizer == "sgd";
  require(optimizer, "--optimizer: '{}' is none of adam, adamw, sgd", a.optimizer);
  require(a.schedule == "constant" || a.schedule == "cosine",
          "--schedule: '{}' is none of constant, cosine", a.schedule);
}

// The steps of a search's trial, on one net.
search::Config config_of(const TrainArgs& a) {
  search::Config config;
  config.train.optimizer = a.optimizer;
  config.train.learning_rate = a.rate;
  config.train.schedule = a.schedule;
  config.train.batch_size = a.batch;
  return config;
}

}  // namespace

void train(const TrainArgs& args) {
  check(args);
  deploy::check_target(args.out);
  deploy::check_target(float_path(args.out));
  const Data data = load_data(args.data);
  Rng rng(args.seed);
  const Net fresh = fresh_net(args.net, data.spec, rng);
  check_fit(fresh, data, args.net);
  const search::Pipeline pipeline = search::default_pipeline(config_of(args));
  search::Point point;
  if (args.prune > 0) point.set("prune_threshold", args.prune);
  const auto progress = [&](const EpochReport& e) {
    fmt::print(stderr, "epoch {}/{}  loss {:.4f}  validation error {:.2f} %  {:.1f} s\n",
               e.epoch + 1, args.epochs, e.train_loss, 100 * e.validation_error, e.seconds);
    return true;
  };
  const Trained trained = pipeline.train({.net = fresh,
                                          .point = point,
                                          .data = data,
                                          .epochs = args.epochs,
                                          .user = pipeline.user,
                                          .progress = progress},
                                         rng);
  require(!trained.diverged, "train: the loss blew up; a smaller --rate than {} may help",
          args.rate);
  const Net shipped = pipeline.quantize(trained.net, point, data);
  deploy::save(trained.net, float_path(args.out));
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
  fmt::print("validation accuracy {:.2f} % (float {:.2f} %)\n{}{}: written, {} too\n",
             100 * (1 - validation), 100 * (1 - trained.validation_error), cost_summary(cost),
             args.out.string(), float_path(args.out).string());
}

}  // namespace sparlet::cli
