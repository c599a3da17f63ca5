// Sparse training of LeNet-300-100 (or Caffe's LeNet-5) on MNIST: every method at every density,
// beside dense training with the same epochs and batch. Test accuracy, seconds, and the memory that
// training adds.
//   dst_mnist [--net mlp|lenet5-caffe] [--epochs 100] [--seeds 3] [--densities 0.1,0.05,0.02,0.01]
//             [--methods set,rigl,...] [--batch 128] [--format csr|masked] [--train N]
//             [--results dst_mnist.txt] [--path folder; else mnist in $SPARLET_DATA]
// the recipe of all methods, SGD with momentum 0.9 and a cosine (shift: images by up to a pixel):
//             [--rate 0.2] [--decay 2e-4] [--smoothing 0] [--shift 1] [--warmup 0] [--clip 0]
// and the share of training at which the pruning of gmp and feedback reaches its target: [--until
// 0.5]. Smoke: --epochs 1 --train 2000 --seeds 1
//
// The checkpoint of each run is the best epoch on validation; the method of each density is the
// best mean on validation; test is looked at once, for the table. Densities count weights without
// biases. Every run is a process of its own: its seconds are processor time of train(), its MB the
// most that net and training add to what the data takes. An interrupted study goes on from its
// results file.
#include <malloc.h>

#include <cstdio>
#include <map>

#include "data/load.h"
#include "nn/models.h"
#include "runs.h"
#include "sparse/convert.h"
#include "sparse/dynamic.h"
#include "sparse/feedback.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "sparse/score.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;
using study::number;

namespace {

study::Options defaults() {
  return {{"net", "mlp"},
          {"epochs", "100"},
          {"seeds", "3"},
          {"densities", "0.1,0.05,0.02,0.01"},
          {"methods", "dense,static,set,rigl,rigl-itop,snfs,snip,gmp,feedback"},
          {"batch", "128"},
          {"rate", "0.2"},
          {"decay", "2e-4"},
          {"smoothing", "0"},
          {"shift", "1"},
          {"warmup", "0"},
          {"clip", "0"},
          {"until", "0.5"},
          {"format", "csr"},
          {"train", "0"},  // samples; 0: all
          {"results", "dst_mnist.txt"},
          {"path", ""},
          {"one", ""}};  // METHOD:DENSITY:SEED, one run, for the process below
}

struct Args {
  int epochs;
  std::string net;
  int64_t batch, train, shift, warmup;
  float rate, decay, smoothing, clip;
  double until;
  sparse::Format format;
};

Args args_of(const study::Options& o) {
  const std::string& net = o.at("net");
  require(net == "mlp" || net == "lenet5-caffe", "--net: '{}' is none of mlp, lenet5-caffe", net);
  return {.epochs = int(number(o, "epochs")),
          .net = net,
          .batch = int64_t(number(o, "batch")),
          .train = int64_t(number(o, "train")),
          .shift = int64_t(number(o, "shift")),
          .warmup = int64_t(number(o, "warmup")),
          .rate = float(number(o, "rate")),
          .decay = float(number(o, "decay")),
          .smoothing = float(number(o, "smoothing")),
          .clip = float(number(o, "clip")),
          .until = number(o, "until"),
          .format = sparse::format_from(o.at("format"))};
}

int64_t connections_in(const Net& net) {
  int64_t n = 0;
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) n += connection_count(net, w);
  return n;
}

// A method: what training starts from, and its hooks. What keeps dense state runs on masks.
struct Plan {
  Net net;
  TrainOptions options;
};

// Goes on with sparse weights, every 100 steps looking whether it is time to.
Hook sparse_when(std::function<bool(const TrainState&)> time, sparse::Format format) {
  return Hook([=](const TrainState& state) -> std::optional<Net> {
    if (state.step % 100 != 0 || !time(state)) return {};
    for (const sparse::Weight& weight : sparse::weights_of(state.executor.net().graph))
      if (!weight.format) return sparse::convert(state.executor.trained(), format);
    return {};
  });
}
Hook sparse_below(double density, sparse::Format format) {
  return sparse_when(
      [=](const TrainState& s) { return sparse::density(s.executor.net()) < density; }, format);
}
Hook sparse_from(int64_t step, sparse::Format format) {
  return sparse_when([=](const TrainState& s) { return s.step > step; }, format);
}

TrainOptions options_of(const Args& a) {
  TrainOptions o;
  o.epochs = a.epochs;
  o.batch = a.batch;
  o.schedule = Cosine{};
  o.loss = CrossEntropy{.label_smoothing = a.smoothing};
  o.warmup_steps = a.warmup;
  o.clip_norm = a.clip;
  if (a.shift > 0) o.augment = shift(a.shift);
  return o;
}

// From the dense net, in steps; sparse weights follow where they are faster.
void prune_while_training(const Args& a, bool feedback, double density, int64_t steps, Plan& plan) {
  const int64_t end = int64_t(a.until * double(steps));
  plan.net = sparse::mask(plan.net, {});
  plan.options.checkpoint_from_step = end;
  if (feedback)
    plan.options.hooks = {sparse::feedback({.target = 1 - density, .begin = 0, .end = end}),
                          sparse_from(end, a.format)};
  else
    plan.options.hooks = {
        sparse::gradual({.target = 1 - density, .begin = steps / 20, .end = end, .every = 100}),
        sparse_below(0.15, a.format)};
}

Plan plan_of(const Args& a, const std::string& method, double density, const Data& data, Rng& rng) {
  Plan plan{a.net == "mlp" ? nn::mlp(data.spec, rng) : nn::lenet5_caffe(data.spec, rng),
            options_of(a)};
  if (method == "dense") return plan;
  if (method == "gmp" || method == "feedback") {
    const int64_t steps = a.epochs * (data.train.size() / a.batch);
    prune_while_training(a, method == "feedback", density, steps, plan);
    return plan;
  }
  if (method == "snip") {
    plan.net = sparse::convert(
        sparse::snip(plan.net, data.train, {.sparsity = 1 - density, .samples = 1024}, rng),
        a.format);
    return plan;
  }
  plan.net = sparse::random_mask(
      plan.net, {.sparsity = 1 - density, .distribution = sparse::erdos_renyi()}, rng);
  plan.net = sparse::convert(sparse::sparse_initialized(plan.net, {}, rng), a.format);
  sparse::DynamicOptions dynamic = sparse::dynamic_from(method);
  dynamic.seed = rng.next();
  if (method != "static") plan.options.hooks = {sparse::dynamic(dynamic)};
  return plan;
}

// Validation %, test %, s, MB, connections, and whether it diverged (then the figures are of
// before).
void run_one(const study::Options& o) {
  const Args a = args_of(o);
  const std::vector<std::string> what = study::words(o.at("one"), ':');
  require(what.size() == 3, "--one: wanted METHOD:DENSITY:SEED");
  const Data data = load_data({.source = "mnist", .path = o.at("path"), .train = a.train});
  Rng rng(std::stoull(what[2]));
  malloc_trim(0);
  const double before = study::megabytes("VmRSS:");
  const Plan plan = plan_of(a, what[0], std::stod(what[1]), data, rng);
  // SNIP's scoring step is dense: it counts neither as training time nor as its memory.
  malloc_trim(0);
  study::forget_peak();
  const double start = study::processor_seconds();
  const Trained t =
      train(plan.net, data, Sgd{.rate = a.rate, .momentum = 0.9f, .weight_decay = a.decay},
            plan.options, rng);
  const double seconds = study::processor_seconds() - start,
               memory = study::megabytes("VmHWM:") - before;
  fmt::print("{:.3f} {:.3f} {:.2f} {:.2f} {} {}\n", 100 * (1 - t.validation_error),
             100 * (1 - error_of(t.net, data.test)), seconds, memory, connections_in(t.net),
             int(t.diverged));
}

struct Row {
  double validation = 0;
  int diverged = 0;
  study::Spread test;
};

// A row of the table: all seeds of a method at a density.
Row row(const study::Options& o, study::Runs& runs, const char* self, const std::string& method,
        const std::string& density) {
  const study::Command command = study::command_of(o, self, {"seeds", "densities", "methods"});
  std::vector<double> validation, test, seconds, memory;
  Row row;
  double weights = 0;
  for (int seed = 1; seed <= int(number(o, "seeds")); ++seed) {
    const std::string one = fmt::format("{}:{}:{}", method, density, seed);
    const auto r =
        runs.run(command.settings + one, fmt::format("{} --one {}", command.line, one), 6);
    validation.push_back(r[0]);
    test.push_back(r[1]);
    seconds.push_back(r[2]);
    memory.push_back(r[3]);
    weights = std::max(weights, r[4]);
    row.diverged += int(r[5]);
  }
  row.validation = study::spread(validation).mean;
  row.test = study::spread(test);
  fmt::print("| {} | {}{} | {:.0f} | {:.2f} | {:.2f} ± {:.2f} | {:.1f} | {:.1f} |\n", density,
             method, row.diverged ? fmt::format(" ({} diverged)", row.diverged) : "", weights,
             row.validation, row.test.mean, row.test.deviation, study::spread(seconds).mean,
             study::spread(memory).mean);
  std::fflush(stdout);
  return row;
}

void run_all(const study::Options& o, const char* self) {
  study::Runs runs(o.at("results"));
  const Args a = args_of(o);
  fmt::print("{} on MNIST, {} epochs, batch {}, {} seeds, sparse weights as {}\n\n", a.net,
             a.epochs, a.batch, o.at("seeds"), o.at("format"));
  fmt::print("| density | method | weights | validation % | test % | s | MB |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  const std::vector<std::string> methods = study::words(o.at("methods"));
  for (const std::string& method : methods)
    if (method == "dense") row(o, runs, self, method, "1");
  std::map<std::string, std::pair<double, std::string>> best;
  for (const std::string& density : study::words(o.at("densities")))
    for (const std::string& method : methods) {
      if (method == "dense") continue;
      const Row r = row(o, runs, self, method, density);
      if (r.diverged == 0 && best[density].first < r.validation)
        best[density] = {r.validation, fmt::format("{}, test {:.2f} %", method, r.test.mean)};
    }
  fmt::print("\n");
  for (const auto& [density, what] : best)
    fmt::print("best on validation at {}: {}\n", density, what.second);
}

}  // namespace

int main(int argc, char** argv) {
  return study::on_data(argc, argv, defaults(), "mnist", run_one, run_all);
}
