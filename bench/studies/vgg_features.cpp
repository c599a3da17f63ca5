// Pruning VGG-11's classifier, 512-4096-4096-10, on features of CIFAR-10: one-shot, in rounds of a
// fraction each, gradually, and RigL from scratch.
//   vgg_features [--sparsities 0.9,0.99] [--methods one-shot,k-fraction,gradual,rigl] [--train N]
//                [--results vgg_features.txt] [--path folder; else cifar-10-batches-bin in
//                $SPARLET_DATA]
// and what else is listed in defaults(). Smoke: --train 2000 --epochs 1
// The features: 3 convolutions with batch-norm, relu and max-pool, trained on the same training
// images with a linear layer on top for --feature-epochs; then their 128 maps of 4x4 averaged to
// 2x2. They and the dense classifier are made once and kept beside the results. Every method has
// the same number of epochs: --epochs of dense training and --retrain after or while it prunes;
// RigL their sum. All prune each of the three weights by the same fraction, biases stay.
#include "data/cifar.h"
#include "data/load.h"
#include "nn/checkpoint.h"
#include "nn/layers.h"
#include "runs.h"
#include "sparse/convert.h"
#include "sparse/dynamic.h"
#include "sparse/masks.h"
#include "sparse/prune.h"
#include "study.h"

using namespace sparlet;
using study::number;

namespace {

study::Options defaults() {
  return {{"feature-epochs", "3"},
          {"epochs", "3"},
          {"retrain", "2"},
          {"rounds", "6"},  // of k-fraction, in the first of the --retrain epochs
          {"every", "20"},  // steps between two updates of gradual pruning and RigL
          {"batch", "128"},
          {"rate", "0.05"},
          {"retrain-rate", "0.02"},
          {"dropout", "0"},
          {"seed", "1"},
          {"train", "0"},
          {"methods", "one-shot,k-fraction,gradual,rigl"},
          {"sparsities", "0.9,0.99"},
          {"results", "vgg_features.txt"},
          {"path", ""},
          {"one", ""}};  // METHOD:SPARSITY, one run, for the process below
}

bool show(const EpochReport& e) {
  fmt::print(stderr, "  epoch {}: loss {:.4f}, validation {:.2f} %, {:.1f} s\n", e.epoch + 1,
             e.train_loss, 100 * (1 - e.validation_error), e.seconds);
  return true;
}

// --- features

Var maps(Var x, const std::string& name, int64_t out) {
  x = nn::conv2d(x, name, {.out = out, .pad = 1, .bias = false});
  return nn::max_pool(nn::relu(nn::batch_norm(x, name + ".bn")));
}

Net extractor(const DataSpec& spec, bool classifies, Rng& rng) {
  NetBuilder b(rng);
  Var x = maps(maps(maps(b.data_input(spec), "c1", 32), "c2", 64), "c3", 128);
  x = nn::flatten(nn::avg_pool(x));
  return b.finish(classifies ? nn::linear(x, "fc", {.out = spec.classes}) : x);
}

Dataset with_features(const Net& net, const Dataset& images) {
  Tensor x = images.gathered(), labels({images.size()}, DType::i32);
  for (int64_t i = 0; i < images.size(); ++i) labels.write<int32_t>()[size_t(i)] = images.label(i);
  return Dataset::all(run(net, {x.shape(), x.dtype(), x.raw_write()}), labels);
}

// --- the nets that all runs begin with

std::filesystem::path beside(const study::Options& o, const std::string& what) {
  return fmt::format("{}.{}-{}-{}-{}-{}-{}-{}.sptc", o.at("results"), what, o.at("train"),
                     o.at("seed"), o.at("feature-epochs"), o.at("epochs"), o.at("rate"),
                     o.at("dropout"));
}

// The net in that file, else what `make` makes, kept there.
template <class F>
Net kept(const std::filesystem::path& file, const F& make) {
  if (std::filesystem::exists(file)) return load_checkpoint(file).net;
  Checkpoint c{.net = make()};
  c.best = c.net;
  save(c, file);
  return c.net;
}

struct Study {
  const study::Options& o;
  Data images, data;  // data: the features

  int64_t batch() const { return int64_t(number(o, "batch")); }
  Trained fit(const Net& net, const Data& on, int epochs, double rate, Rng& rng,
              std::vector<Hook> hooks = {}) const {
    TrainOptions options{.epochs = epochs, .batch = batch(), .schedule = Cosine{}};
    options.hooks = std::move(hooks);
    options.progress = show;
    options.checkpoint_from_step = epochs * std::max<int64_t>(1, on.train.size() / batch());
    return train(net, on, Sgd{.rate = float(rate), .momentum = 0.9f, .weight_decay = 1e-4f},
                 options, rng);
  }
};

Net classifier(const Study& s, Rng& rng) {
  NetBuilder b(rng);
  Var x = b.data_input(s.data.spec);
  const double dropout = number(s.o, "dropout");
  for (const char* name : {"fc1", "fc2"}) {
    x = nn::relu(nn::linear(x, name, {.out = 4096}));
    if (dropout > 0) x = nn::dropout(x, dropout);
  }
  return b.finish(nn::linear(x, "fc3", {.out = s.data.spec.classes}));
}

void make_features(Study& s) {
  Rng rng(7);
  const Net trained = kept(beside(s.o, "features"), [&] {
    TrainOptions options{.epochs = int(number(s.o, "feature-epochs")), .schedule = OneCycle{}};
    options.progress = show;
    const Sgd sgd{.rate = 0.1f, .momentum = 0.9f, .weight_decay = 5e-4f, .nesterov = true};
    return train(extractor(s.images.spec, true, rng), s.images, sgd, options, rng).net;
  });
  fmt::print(stderr, "features by a net of {:.2f} % on validation\n",
             100 * (1 - error_of(trained, s.images.validation)));
  Net net = extractor(s.images.spec, false, rng);
  for (Id id = 0; id <= net.graph.output(); ++id)
    if (net.params[size_t(id)]) net.params[size_t(id)] = trained.value(net.graph[id].name);
  s.data = {.name = "features"};
  s.data.train = with_features(net, s.images.train);
  s.data.validation = with_features(net, s.images.validation);
  s.data.test = with_features(net, s.images.test);
  s.data.spec = {.shape = s.data.train.shape(), .classes = 10, .dtype = DType::f32};
  fit_normalization(s.data);
}

// --- methods

struct Pruned {
  Net before, net;  // before the last epochs that the mask is fixed in, and after them
};

// The last epochs, on sparse weights.
Pruned finished(const Study& s, const Net& masked, int epochs, Rng& rng) {
  const Net csr = sparse::convert(masked, sparse::Format::csr);
  return {masked, s.fit(csr, s.data, epochs, number(s.o, "retrain-rate"), rng).net};
}

Pruned in_rounds(const Study& s, Net net, double sparsity, Rng& rng) {
  const int rounds = int(number(s.o, "rounds"));
  Data part = s.data;
  const int64_t n = s.data.train.size() / rounds;
  for (int round = 0; round < rounds; ++round) {
    net = sparse::prune_smallest(net, sparsity / rounds);
    if (round + 1 == rounds) break;
    std::vector<int32_t> some(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) some[size_t(i)] = int32_t(i * rounds + round);
    part.train = s.data.train.subset(some);
    net = s.fit(net, part, 1, number(s.o, "retrain-rate"), rng).net;
  }
  return finished(s, net, int(number(s.o, "retrain")) - 1, rng);
}

Pruned gradual(const Study& s, const Net& net, double sparsity, Rng& rng) {
  const int64_t steps = std::max<int64_t>(1, s.data.train.size() / s.batch());
  const Hook hook = sparse::gradual({.target = sparsity,
                                     .begin = 0,
                                     .end = steps,
                                     .every = int64_t(number(s.o, "every")),
                                     .distribution = sparse::uniform()});
  const double rate = number(s.o, "retrain-rate");
  const Net pruned = s.fit(sparse::mask(net, {}), s.data, 1, rate, rng, {hook}).net;
  return finished(s, pruned, int(number(s.o, "retrain")) - 1, rng);
}

Pruned rigl(const Study& s, double sparsity, Rng& rng) {
  Net net = sparse::random_mask(classifier(s, rng), {.sparsity = sparsity}, rng);
  net = sparse::convert(sparse::sparse_initialized(net, {}, rng), sparse::Format::csr);
  sparse::DynamicOptions options = sparse::rigl_options();
  options.updates.every = int64_t(number(s.o, "every"));
  const int epochs = int(number(s.o, "epochs")) + int(number(s.o, "retrain"));
  const Trained t = s.fit(net, s.data, epochs, number(s.o, "rate"), rng, {sparse::rigl(options)});
  return {t.net, t.net};
}

Pruned pruned(const Study& s, const std::string& method, double sparsity, Rng& rng) {
  if (method == "rigl") return rigl(s, sparsity, rng);
  const Net dense = kept(beside(s.o, "dense"), [&] {
    return s.fit(classifier(s, rng), s.data, int(number(s.o, "epochs")), number(s.o, "rate"), rng)
        .net;
  });
  const int retrain = int(number(s.o, "retrain"));
  if (method == "dense")
    return {dense, s.fit(dense, s.data, retrain, number(s.o, "retrain-rate"), rng).net};
  if (method == "one-shot") {
    const Net masked =
        sparse::mask(dense, {.sparsity = sparsity, .distribution = sparse::uniform()});
    return finished(s, masked, retrain, rng);
  }
  if (method == "k-fraction") return in_rounds(s, dense, sparsity, rng);
  require(method == "gradual", "--methods: '{}' is none of one-shot, k-fraction, gradual, rigl",
          method);
  return gradual(s, dense, sparsity, rng);
}

int64_t connections_in(const Net& net) {
  int64_t n = 0;
  for (const sparse::Weight& w : sparse::weights_of(net.graph)) n += connection_count(net, w);
  return n;
}

// Test % before the last epochs, validation %, test %, connections, s.
void run_one(const study::Options& o) {
  const std::vector<std::string> what = study::words(o.at("one"), ':');
  require(what.size() == 2, "--one: wanted METHOD:SPARSITY");
  Study s{.o = o};
  s.images =
      load_data({.source = "cifar10", .path = o.at("path"), .train = int64_t(number(o, "train"))});
  make_features(s);
  Rng rng(uint64_t(number(o, "seed")));
  const double start = study::processor_seconds();
  const Pruned p = pruned(s, what[0], std::stod(what[1]), rng);
  fmt::print("{:.2f} {:.2f} {:.2f} {} {:.0f}\n", 100 * (1 - error_of(p.before, s.data.test)),
             100 * (1 - error_of(p.net, s.data.validation)),
             100 * (1 - error_of(p.net, s.data.test)), connections_in(p.net),
             study::processor_seconds() - start);
}

void run_all(const study::Options& o, const char* self) {
  study::Runs runs(o.at("results"));
  const study::Command command = study::command_of(o, self, {"methods", "sparsities"});
  fmt::print(
      "512-4096-4096-10 on features of CIFAR-10\n\n"
      "| sparsity | method | weights | test % before the last epochs | validation % | test % "
      "| processor s |\n|---|---|---|---|---|---|---|\n");
  const auto row = [&](const std::string& method, const std::string& sparsity) {
    const std::string one = method + ":" + sparsity;
    fmt::print(stderr, "{}\n", one);
    const auto r =
        runs.run(command.settings + one, fmt::format("{} --one {}", command.line, one), 5);
    fmt::print("| {} | {} | {:.0f} | {:.2f} | {:.2f} | {:.2f} | {:.0f} |\n", sparsity, method, r[3],
               r[0], r[1], r[2], r[4]);
    std::fflush(stdout);
  };
  row("dense", "0");
  for (const std::string& sparsity : study::words(o.at("sparsities")))
    for (const std::string& method : study::words(o.at("methods"))) row(method, sparsity);
}

}  // namespace

int main(int argc, char** argv) {
  return study::on_data(argc, argv, defaults(), "cifar-10-batches-bin", run_one, run_all);
}
