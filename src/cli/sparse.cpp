#include "cli/sparse.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "sparse/dynamic.h"
#include "sparse/feedback.h"
#include "sparse/history.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "sparse/score.h"
#include "sparse/variational.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::cli {
namespace {

const std::vector<std::string> kMethods{"static", "set", "snfs",     "rigl",       "rigl-itop",
                                        "snip",   "gmp", "feedback", "variational"};

// One line an update and weight: step, fraction, weight, what was dropped, grown, regrown, what is
// left.
std::function<void(const sparse::UpdateReport&)> log_to(const std::filesystem::path& path) {
  const auto file = std::make_shared<std::ofstream>(path);
  require(file->good(), "--sparse-log: {} cannot be written", path.string());
  *file << "step,drop_fraction,weight,size,dropped,grown,regrown,connections,density\n";
  return [file](const sparse::UpdateReport& report) {
    for (const auto& w : report.weights)
      *file << fmt::format("{},{:.6f},{},{},{},{},{},{},{:.6f}\n", report.step,
                           report.drop_fraction, w.name, w.size, w.dropped, w.grown, w.regrown,
                           w.after, double(w.after) / double(w.size));
    file->flush();
  };
}

// One file a weight, NAME.ppm; small weights enlarged.
void write_pictures(const sparse::MaskHistory& history, const std::filesystem::path& folder) {
  for (const sparse::MaskHistory::Of& weight : history.weights()) {
    const int64_t rows = weight.shape[0], columns = count(weight.shape) / rows;
    const int scale = int(std::clamp<int64_t>(512 / std::max(rows, columns), 1, 16));
    const std::filesystem::path path = folder / (weight.name + ".ppm");
    std::ofstream file(path, std::ios::binary);
    file << sparse::picture(weight, scale) << std::flush;
    require(file.good(), "--sparse-pictures: {} cannot be written", path.string());
  }
}

std::filesystem::path made_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  require(!error && std::filesystem::is_directory(folder),
          "--sparse-pictures: no folder can be made at {}", folder.string());
  return folder;
}

// With the log and the pictures of `a`.
Trained train_dynamic(const TrainArgs& a, const Net& net, const Data& data, search::Recipe& recipe,
                      Rng& rng) {
  sparse::DynamicOptions o = sparse::dynamic_from(a.sparse);
  o.seed = a.seed;
  // The papers' 100 steps are few of theirs: at least ten updates of a short run.
  if (o.updates.every > 0)
    o.updates.every = std::clamp<int64_t>(recipe.steps / 10, 1, o.updates.every);
  sparse::MaskHistory history(net);
  const auto log = a.sparse_log.empty() ? nullptr : log_to(a.sparse_log);
  const bool pictures = !a.sparse_pictures.empty();
  const std::filesystem::path folder = pictures ? made_folder(a.sparse_pictures) : "";
  if (log || pictures)
    o.report = [&](const sparse::UpdateReport& report) {
      if (log) log(report);
      if (pictures) history.add(report);
    };
  recipe.options.hooks.push_back(sparse::dynamic(o));
  Trained trained = train(net, data, recipe.optimizer, recipe.options, rng);
  if (pictures) write_pictures(history, folder);
  return trained;
}

}  // namespace

void check_sparse(const TrainArgs& a) {
  if (a.sparse.empty()) {
    require(a.sparse_log.empty(), "--sparse-log: of no use without --sparse");
    require(a.sparse_pictures.empty(), "--sparse-pictures: of no use without --sparse");
    return;
  }
  require(std::ranges::find(kMethods, a.sparse) != kMethods.end(), "--sparse: '{}' is none of {}{}",
          a.sparse, fmt::join(kMethods, ", "), did_you_mean(a.sparse, kMethods));
  require(!a.density || (*a.density > 0 && *a.density <= 1), "--density: {} is not in 0 .. 1",
          a.density.value_or(0));
  require(a.prune == 0, "--prune: of no use with --sparse, whose share is --density");
  const bool moves = a.sparse == "set" || a.sparse == "snfs" || a.sparse.starts_with("rigl");
  require(moves || a.sparse_log.empty(), "--sparse-log: {} does not move connections", a.sparse);
  require(moves || a.sparse_pictures.empty(), "--sparse-pictures: {} does not move connections",
          a.sparse);
  sparse::distribution_from(a.distribution);  // throws
}

Trained train_sparse(const TrainArgs& a, const search::Config& config, const search::TrainJob& job,
                     Rng& rng) {
  const double sparsity = 1 - a.density.value_or(0.1);
  const sparse::Distribution distribution = sparse::distribution_from(a.distribution);
  search::Recipe recipe = search::recipe_of(config.train, config.data.channels_first, job);
  TrainOptions& options = recipe.options;
  const int64_t steps = recipe.steps, end = std::max<int64_t>(1, steps * 3 / 4);
  Net net = job.net;
  if (a.sparse == "gmp" || a.sparse == "feedback") {
    net = sparse::mask(net, {});
    options.checkpoint_from_step = end;
    const int64_t every = std::max<int64_t>(1, end / 50);
    options.hooks.push_back(a.sparse == "gmp" ? sparse::gradual({.target = sparsity,
                                                                 .begin = 0,
                                                                 .end = end,
                                                                 .every = every,
                                                                 .distribution = distribution})
                                              : sparse::feedback({.target = sparsity,
                                                                  .begin = 0,
                                                                  .end = end,
                                                                  .every = 16,
                                                                  .distribution = distribution}));
  } else if (a.sparse == "variational") {
    sparse::Variational o{.samples = job.data.train.size(), .full = (end + 2) / 3, .end = end};
    if (a.density) o.sparsity = sparsity;
    options.checkpoint_from_step = end;
    options.hooks.push_back(sparse::variational(o));
    net = sparse::with_noise(net, o);
  } else if (a.sparse == "snip") {
    net = sparse::snip(net, job.data.train, {.sparsity = sparsity, .distribution = distribution},
                       rng);
  } else {
    net = sparse::random_mask(net, {.sparsity = sparsity, .distribution = distribution}, rng);
    net = sparse::sparse_initialized(net, {}, rng);
    return train_dynamic(a, net, job.data, recipe, rng);
  }
  return train(net, job.data, recipe.optimizer, options, rng);
}

}  // namespace sparlet::cli
