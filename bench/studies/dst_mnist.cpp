// Sparse training of LeNet-300-100 (or Caffe's LeNet-5) on MNIST: every method at every density,
// beside dense training with the same epochs and batch. Test accuracy, seconds, and the memory that
// training adds.
//   dst_mnist [--net mlp|lenet5-caffe] [--epochs 100] [--seeds 3] [--densities 0.1,0.05,0.02,0.01]
//             [--methods set,rigl,...] [--batch 128] [--format csr|masked] [--train N]
//             [--path folder; else mnist in $SPARLET_DATA]
// the recipe of all methods, SGD with momentum 0.9 and a cosine (shift: images by up to a pixel):
//             [--rate 0.2] [--decay 2e-4] [--smoothing 0] [--shift 1] [--warmup 0] [--clip 0]
// and the share of training at which the pruning of gmp and feedback reaches its target: [--until
// 0.5]
//
// The checkpoint of each run is the best epoch on validation; the method of each density is the
// best mean on validation; test is looked at once, for the table. Densities count weights without
// biases. Every run is a process of its own: its seconds are processor time of train(), its MB the
// most that net and training add to what the data takes.
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

#include "data/load.h"
#include "nn/models.h"
#include "sparse/convert.h"
#include "sparse/dynamic.h"
#include "sparse/feedback.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "sparse/score.h"
#include "study.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

struct Args {
  int epochs = 100, seeds = 3;
  std::string net = "mlp";
  std::vector<std::string> densities{"0.1", "0.05", "0.02", "0.01"};
  std::vector<std::string> methods{"dense", "static", "set", "rigl",    "rigl-itop",
                                   "snfs",  "snip",   "gmp", "feedback"};
  int64_t batch = 128, train = 0;
  float rate = 0.2f, decay = 2e-4f, smoothing = 0, clip = 0;
  int64_t shift = 1, warmup = 0;
  double until = 0.5;
  std::string format = "csr", path, one;
  uint64_t seed = 1;
};

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> out{""};
  for (const char c : list)
    if (c == ',')
      out.emplace_back();
    else
      out.back().push_back(c);
  return out;
}

Args parse(int argc, char** argv) {
  Args a;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--net")
      a.net = value;
    else if (key == "--epochs")
      a.epochs = std::stoi(value);
    else if (key == "--seeds")
      a.seeds = std::stoi(value);
    else if (key == "--densities")
      a.densities = words(value);
    else if (key == "--methods")
      a.methods = words(value);
    else if (key == "--batch")
      a.batch = std::stoll(value);
    else if (key == "--rate")
      a.rate = std::stof(value);
    else if (key == "--decay")
      a.decay = std::stof(value);
    else if (key == "--smoothing")
      a.smoothing = std::stof(value);
    else if (key == "--shift")
      a.shift = std::stoll(value);
    else if (key == "--warmup")
      a.warmup = std::stoll(value);
    else if (key == "--until")
      a.until = std::stod(value);
    else if (key == "--clip")
      a.clip = std::stof(value);
    else if (key == "--format")
      a.format = value;
    else if (key == "--train")
      a.train = std::stoll(value);
    else if (key == "--path")
      a.path = value;
    else if (key == "--one")
      a.one = value;  // METHOD:DENSITY, one run, for the process below
    else if (key == "--seed")
      a.seed = std::stoull(value);
    else
      fail("{}: unknown; see the head of dst_mnist.cpp", key);
  }
  require(a.net == "mlp" || a.net == "lenet5-caffe", "--net: '{}' is none of mlp, lenet5-caffe",
          a.net);
  require(argc % 2 == 1, "{}: wants a value", argv[argc - 1]);
  return a;
}

struct Outcome {
  double validation = 0, test = 0, seconds = 0, memory = 0;  // accuracies in %, MB
  int64_t weights = 0;
  int diverged = 0;  // 1: the figures are of what was before
};

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
  const auto format = sparse::format_from(a.format);
  plan.net = sparse::mask(plan.net, {});
  plan.options.checkpoint_from_step = end;
  if (feedback)
    plan.options.hooks = {sparse::feedback({.target = 1 - density, .begin = 0, .end = end}),
                          sparse_from(end, format)};
  else
    plan.options.hooks = {
        sparse::gradual({.target = 1 - density, .begin = steps / 20, .end = end, .every = 100}),
        sparse_below(0.15, format)};
}

Plan plan_of(const Args& a, const std::string& method, double density, const Data& data, Rng& rng) {
  Plan plan{a.net == "mlp" ? nn::mlp(data.spec, rng) : nn::lenet5_caffe(data.spec, rng),
            options_of(a)};
  const auto format = sparse::format_from(a.format);
  if (method == "dense") return plan;
  if (method == "gmp" || method == "feedback") {
    const int64_t steps = a.epochs * (data.train.size() / a.batch);
    prune_while_training(a, method == "feedback", density, steps, plan);
    return plan;
  }
  if (method == "snip") {
    plan.net = sparse::convert(
        sparse::snip(plan.net, data.train, {.sparsity = 1 - density, .samples = 1024}, rng),
        format);
    return plan;
  }
  plan.net = sparse::random_mask(
      plan.net, {.sparsity = 1 - density, .distribution = sparse::erdos_renyi()}, rng);
  plan.net = sparse::convert(sparse::sparse_initialized(plan.net, {}, rng), format);
  sparse::DynamicOptions dynamic = sparse::dynamic_from(method);
  dynamic.seed = rng.next();
  if (method != "static") plan.options.hooks = {sparse::dynamic(dynamic)};
  return plan;
}

Outcome run_one(const Args& a) {
  const size_t colon = a.one.find(':');
  const std::string method = a.one.substr(0, colon);
  const double density = std::stod(a.one.substr(colon + 1));
  const Data data = load_data({.source = "mnist", .path = a.path, .train = a.train});
  Rng rng(a.seed);
  malloc_trim(0);
  const double before = study::megabytes("VmRSS:");
  const Plan plan = plan_of(a, method, density, data, rng);
  // SNIP's scoring step is dense: it counts neither as training time nor as its memory.
  malloc_trim(0);
  study::forget_peak();
  const double start = study::processor_seconds();
  const Trained t =
      train(plan.net, data, Sgd{.rate = a.rate, .momentum = 0.9f, .weight_decay = a.decay},
            plan.options, rng);
  const double seconds = study::processor_seconds() - start,
               memory = study::megabytes("VmHWM:") - before;
  return {.validation = 100 * (1 - t.validation_error),
          .test = 100 * (1 - error_of(t.net, data.test)),
          .seconds = seconds,
          .memory = memory,
          .weights = connections_in(t.net),
          .diverged = t.diverged};
}

Outcome in_process(const Args& a, const char* self, const std::string& one, int seed) {
  std::string command = fmt::format(
      "'{}' --net {} --one {} --seed {} --epochs {} --batch {} --rate {} --decay {} --smoothing {} "
      "--shift {} --warmup {} --clip {} --until {} --format {} --train {}",
      self, a.net, one, seed, a.epochs, a.batch, a.rate, a.decay, a.smoothing, a.shift, a.warmup,
      a.clip, a.until, a.format, a.train);
  if (!a.path.empty()) command += fmt::format(" --path '{}'", a.path);
  FILE* pipe = popen(command.c_str(), "r");
  require(pipe != nullptr, "dst_mnist: cannot start {}", self);
  Outcome out;
  long weights = 0;
  const int read = std::fscanf(pipe, "%lf %lf %lf %lf %ld %d", &out.validation, &out.test,
                               &out.seconds, &out.memory, &weights, &out.diverged);
  require(pclose(pipe) == 0 && read == 6, "dst_mnist: the run {} failed", one);
  out.weights = weights;
  return out;
}

struct Summary {
  double validation = 0, test = 0, deviation = 0, seconds = 0, memory = 0;
  int64_t weights = 0;
  int diverged = 0;
};

Summary summary_of(const std::vector<Outcome>& runs) {
  Summary s;
  const double n = double(runs.size());
  for (const Outcome& run : runs) {
    s.validation += run.validation / n;
    s.test += run.test / n;
    s.seconds += run.seconds / n;
    s.memory += run.memory / n;
    s.weights = std::max(s.weights, run.weights);
    s.diverged += run.diverged;
  }
  for (const Outcome& run : runs) s.deviation += (run.test - s.test) * (run.test - s.test);
  s.deviation = n > 1 ? std::sqrt(s.deviation / (n - 1)) : 0;
  return s;
}

void print(const std::string& density, const std::string& method, const Summary& s) {
  const std::string note = s.diverged ? fmt::format(" ({} diverged)", s.diverged) : "";
  fmt::print("| {} | {}{} | {} | {:.2f} | {:.2f} ± {:.2f} | {:.1f} | {:.1f} |\n", density, method,
             note, s.weights, s.validation, s.test, s.deviation, s.seconds, s.memory);
  std::fflush(stdout);
}

void run_all(const Args& a, const char* self) {
  fmt::print("{} on MNIST, {} epochs, batch {}, {} seeds, sparse weights as {}\n\n", a.net,
             a.epochs, a.batch, a.seeds, a.format);
  fmt::print("| density | method | weights | validation % | test % | s | MB |\n");
  fmt::print("|---|---|---|---|---|---|---|\n");
  std::map<std::string, std::pair<double, std::string>> best;
  const auto one = [&](const std::string& method, const std::string& density) {
    std::vector<Outcome> runs;
    for (int seed = 1; seed <= a.seeds; ++seed)
      runs.push_back(in_process(a, self, method + ":" + density, seed));
    const Summary s = summary_of(runs);
    print(density, method, s);
    const auto found = best.find(density);
    if (s.diverged == 0 && (found == best.end() || found->second.first < s.validation))
      best[density] = {s.validation, fmt::format("{}, test {:.2f} %", method, s.test)};
  };
  for (const std::string& method : a.methods)
    if (method == "dense") one(method, "1");
  for (const std::string& density : a.densities)
    for (const std::string& method : a.methods)
      if (method != "dense") one(method, density);
  fmt::print("\n");
  for (const auto& [density, what] : best)
    fmt::print("best on validation at {}: {}\n", density, what.second);
}

}  // namespace

int main(int argc, char** argv) try {
  const Args args = parse(argc, argv);
  if (args.one.empty()) {
    run_all(args, argv[0]);
    return 0;
  }
  const Outcome o = run_one(args);
  fmt::print("{} {} {} {} {} {}\n", o.validation, o.test, o.seconds, o.memory, long(o.weights),
             o.diverged);
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
