// Dynamic sparse training of ResNet-8 on CIFAR-10: static, SET and RigL beside dense training with
// the same epochs, batches and rates. Sparse nets start from the same Erdős–Rényi-kernel densities,
// all convolutions and the last layer counted, biases and batch-norms not.
//   dst_resnet8 [--epochs 30] [--seeds 3] [--sparsities 0.9,0.8] [--methods dense,static,set,rigl]
//               [--results dst_resnet8.txt] [--path folder; else cifar-10-batches-bin in
//               $SPARLET_DATA]
// and what else is listed in defaults(). Smoke: --epochs 1 --train 2000 --seeds 1 --every 10
// The weights are those of the last epoch: nothing is chosen on test, nor on validation, which is
// there to set the options by (--test 0: its accuracy is shown in test's place).
#include "data/load.h"
#include "nn/models.h"
#include "runs.h"
#include "sparse/convert.h"
#include "sparse/dynamic.h"
#include "sparse/masks.h"
#include "study.h"

using namespace sparlet;
using study::number;

namespace {

study::Options defaults() {
  return {{"epochs", "30"},
          {"batch", "32"},
          {"rate", "0.1"},
          {"decay", "5e-4"},
          {"every", "50"},      // steps between two updates
          {"fraction", "0.3"},  // of connections dropped at first, cosine to 0
          {"stop", "0.75"},     // share of training after which there are no updates
          {"distribution", "erk"},
          {"format", "csr"},
          {"train", "0"},       // samples; 0: all that do not validate
          {"validation", "0"},  // 0: a twelfth
          {"test", "1"},
          {"methods", "dense,static,set,rigl"},
          {"sparsities", "0.9,0.8"},
          {"seeds", "3"},
          {"results", "dst_resnet8.txt"},
          {"path", ""},
          {"one", ""}};  // METHOD:SPARSITY:SEED, one run, for the process below
}

sparse::DynamicOptions updates_of(const study::Options& o, const std::string& method) {
  sparse::DynamicOptions dynamic = sparse::dynamic_from(method);
  if (method == "static") return dynamic;
  dynamic.updates = {.every = int64_t(number(o, "every")),
                     .stop = number(o, "stop"),
                     .fraction = number(o, "fraction")};
  return dynamic;
}

Net start(const study::Options& o, const Net& dense, double sparsity, Rng& rng) {
  const Net masked = sparse::random_mask(
      dense,
      {.sparsity = sparsity, .distribution = sparse::distribution_from(o.at("distribution"))}, rng);
  return sparse::convert(sparse::sparse_initialized(masked, {}, rng),
                         sparse::format_from(o.at("format")));
}

int64_t connections_in(const Net& net) {
  int64_t n = 0;
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) n += connection_count(net, w);
  return n;
}

bool show(const EpochReport& e) {
  fmt::print(stderr, "epoch {:>2}: loss {:.4f}, validation {:.2f} %, {:.1f} s\n", e.epoch + 1,
             e.train_loss, 100 * (1 - e.validation_error), e.seconds);
  return true;
}

// Validation %, test %, s, connections.
void run_one(const study::Options& o) {
  const std::vector<std::string> what = study::words(o.at("one"), ':');
  require(what.size() == 3, "--one: wanted METHOD:SPARSITY:SEED");
  const Data data = load_data({.source = "cifar10",
                               .path = o.at("path"),
                               .train = int64_t(number(o, "train")),
                               .validation = int64_t(number(o, "validation"))});
  Rng rng(std::stoull(what[2]));
  Net net = nn::resnet8(data.spec, rng);
  TrainOptions options{.epochs = int(number(o, "epochs")), .batch = int64_t(number(o, "batch"))};
  options.schedule = OneCycle{};
  options.augment = all_of({flip(), shift(4)});
  options.progress = show;
  options.checkpoint_from_step = options.epochs * (data.train.size() / options.batch);
  if (what[0] != "dense") {
    net = start(o, net, std::stod(what[1]), rng);
    sparse::DynamicOptions dynamic = updates_of(o, what[0]);
    dynamic.seed = rng.next();
    options.hooks = {sparse::dynamic(dynamic)};
  }
  const Sgd sgd{.rate = float(number(o, "rate")),
                .momentum = 0.9f,
                .weight_decay = float(number(o, "decay")),
                .nesterov = true};
  const Trained t = train(net, data, sgd, options, rng);
  const double validation = 100 * (1 - t.validation_error);
  const bool tested = number(o, "test") != 0;
  fmt::print("{:.3f} {:.3f} {:.1f} {}\n", validation,
             tested ? 100 * (1 - error_of(t.net, data.test)) : validation, t.seconds,
             connections_in(t.net));
}

// A row of the table: all seeds of a method at a sparsity.
std::vector<double> row(const study::Options& o, study::Runs& runs, const char* self,
                        const std::string& method, const std::string& sparsity) {
  const study::Command command = study::command_of(o, self, {"seeds", "sparsities", "methods"});
  std::vector<double> validation, test, seconds;
  double weights = 0;
  for (int seed = 1; seed <= int(number(o, "seeds")); ++seed) {
    const std::string one = fmt::format("{}:{}:{}", method, sparsity, seed);
    fmt::print(stderr, "{}\n", one);
    const auto found =
        runs.run(command.settings + one, fmt::format("{} --one {}", command.line, one), 4);
    validation.push_back(found[0]);
    test.push_back(found[1]);
    seconds.push_back(found[2]);
    weights = found[3];
  }
  const study::Spread v = study::spread(validation), t = study::spread(test);
  fmt::print("| {} | {} | {:.0f} | {:.2f} ± {:.2f} | {:.2f} ± {:.2f} | {:.0f} |\n", sparsity,
             method, weights, v.mean, v.deviation, t.mean, t.deviation,
             study::spread(seconds).mean);
  std::fflush(stdout);
  return test;
}

std::string difference(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> by_seed;
  for (size_t i = 0; i < a.size(); ++i) by_seed.push_back(a[i] - b[i]);
  const study::Spread s = study::spread(by_seed);
  return fmt::format("{:+.2f} ± {:.2f}", s.mean, s.deviation);
}

void run_all(const study::Options& o, const char* self) {
  study::Runs runs(o.at("results"));
  fmt::print("ResNet-8 on CIFAR-10, {} epochs, batch {}, {} seeds, densities {}\n\n",
             o.at("epochs"), o.at("batch"), o.at("seeds"), o.at("distribution"));
  fmt::print(
      "| sparsity | method | weights | validation % | test % | s |\n|---|---|---|---|---|---|\n");
  std::map<std::string, std::vector<double>> tests;
  const std::vector<std::string> methods = study::words(o.at("methods"));
  for (const std::string& sparsity : study::words(o.at("sparsities")))
    for (const std::string& method : methods)
      if (method != "dense") tests[sparsity + " " + method] = row(o, runs, self, method, sparsity);
  for (const std::string& method : methods)
    if (method == "dense") tests["dense"] = row(o, runs, self, "dense", "0");
  fmt::print("\nDifferences by seed:\n");
  for (const auto& [name, test] : tests) {
    const std::string base = name.substr(0, name.find(' ')) + " static";
    if (tests.contains(base) && base != name)
      fmt::print("{} - static: {}\n", name, difference(test, tests.at(base)));
    if (tests.contains("dense") && name != "dense")
      fmt::print("{} - dense: {}\n", name, difference(test, tests.at("dense")));
  }
}

}  // namespace

int main(int argc, char** argv) {
  return study::on_data(argc, argv, defaults(), "cifar-10-batches-bin", run_one, run_all);
}
