// Interrupted runs, and what stands between gradients and steps.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "autograd/ops/ops.h"
#include "nn/checkpoint.h"
#include "tensor/error.h"
#include "toy.h"

using namespace sparlet;
using test::line_data;
using test::two_layers;

namespace {

// linear(x, mul(w, mask)): every third weight stays 0.
Var masked_linear(Var x, const std::string& name, int64_t out) {
  NetBuilder& b = *x.builder;
  const Shape shape{out, x.shape()[0]};
  Tensor mask(shape);
  for (int64_t i = 0; i < mask.size(); ++i) mask.write()[size_t(i)] = i % 3 ? 1.f : 0.f;
  const Var w = b.param(name + ".w", shape, Init::kaiming_uniform);
  const Var masked = b.op(mul_op, name + ".w.masked", {w, b.constant(name + ".w.mask", mask)});
  return b.op(linear_op, name, {x, masked});
}

// Dropout draws from the executor's generator, batch-norm keeps states, a mask keeps weights at 0.
Net rich_net(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = masked_linear(b.data_input(spec), "f1", 12);
  x = nn::dropout(nn::relu(nn::batch_norm(x, "n1")), 0.3);
  return b.finish(nn::linear(x, "f2", {.out = spec.classes}));
}

struct Run {
  Trained trained;
  uint64_t rng;
};

Run run(const Data& data, const Optimizer& optimizer, const TrainOptions& options) {
  Rng rng(11);
  const Net net = rich_net(data.spec, rng);
  Trained trained = train(net, data, optimizer, options, rng);
  return {std::move(trained), rng.state()};
}

}  // namespace

TEST_CASE("save, load and go on equals a run without interruption, byte for byte") {
  const Data data = line_data(200, 60);
  const Optimizer optimizers[] = {Sgd{.rate = 0.1f}, Sgd{.rate = 0.05f, .momentum = 0.9f},
                                  Adam{.rate = 0.02f}, AdamW{.rate = 0.02f},
                                  RmsProp{.rate = 0.01f, .momentum = 0.5f}};
  const Schedule schedules[] = {Cosine{}, ReduceOnPlateau{.patience = 0}, OneCycle{}};
  int which = 0;
  for (const Optimizer& optimizer : optimizers) {
    TrainOptions options{.epochs = 6,
                         .batch = 16,
                         .schedule = schedules[which++ % 3],
                         .patience = 4,
                         .warmup_steps = 7,
                         .clip_norm = 0.8f,
                         .accumulate = 2,
                         .augment = noise(0.02f)};
    std::map<int, std::vector<uint8_t>> files;
    options.checkpoint = [&](const Checkpoint& c) { files[c.epoch] = to_bytes(c); };
    const Run whole = run(data, optimizer, options);
    const std::map<int, std::vector<uint8_t>> all = files;
    for (const int stop : {1, 3, 5}) {
      if (!all.contains(stop)) continue;
      const Checkpoint from = checkpoint_from(all.at(stop), "file");
      CHECK(from.epoch == stop);
      TrainOptions again = options;
      again.resume = &from;
      files.clear();
      const Run rest = run(data, optimizer, again);
      CHECK(test::same_values(rest.trained.net, whole.trained.net));
      CHECK(rest.trained.validation_error == whole.trained.validation_error);
      CHECK(rest.trained.best_epoch == whole.trained.best_epoch);
      CHECK(rest.rng == whole.rng);
      REQUIRE(rest.trained.history.size() == whole.trained.history.size());
      for (size_t i = 0; i < rest.trained.history.size(); ++i) {
        CHECK(rest.trained.history[i].train_loss == whole.trained.history[i].train_loss);
        CHECK(rest.trained.history[i].rate == whole.trained.history[i].rate);
      }
      // The checkpoints that the second run makes are the first run's, to the last byte.
      for (const auto& [epoch, bytes] : files) CHECK(bytes == all.at(epoch));
      CHECK(files.size() + size_t(stop) == all.size());
    }
    CHECK(all.size() >= 3);
  }
}

TEST_CASE("a checkpoint's file: round trip, cut and damaged files, another optimiser or data") {
  const Data data = line_data(64, 20);
  Checkpoint last;
  TrainOptions options{
      .epochs = 2, .batch = 16, .checkpoint = [&](const Checkpoint& c) { last = c; }};
  run(data, Adam{}, options);
  const std::filesystem::path place =
      std::filesystem::temp_directory_path() / "sparlet-test-checkpoint.sptc";
  save(last, place);
  const std::vector<uint8_t> file = to_bytes(load_checkpoint(place));
  CHECK(file == to_bytes(last));
  std::filesystem::remove(place);
  CHECK_THROWS_AS(load_checkpoint(place), Error);
  for (size_t n = 0; n < file.size(); n += 1 + n / 20)
    CHECK_THROWS_AS(checkpoint_from({file.data(), n}, "f"), Error);
  for (size_t at = 0; at < file.size(); at += 1 + at / 20) {
    std::vector<uint8_t> damaged = file;
    damaged[at] ^= 4;
    CHECK_THROWS_AS(checkpoint_from(damaged, "f"), Error);
  }
  options.resume = &last;
  CHECK_THROWS_AS(run(data, Sgd{.momentum = 0.9f}, options), Error);
  CHECK_THROWS_AS(run(data, Sgd{}, options), Error);
  CHECK_THROWS_AS(run(line_data(80, 20), Adam{}, options), Error);
  options.batch = 32;
  CHECK_THROWS_AS(run(data, Adam{}, options), Error);
}

TEST_CASE("checkpoints come every so many epochs") {
  std::vector<int> epochs;
  run(line_data(32, 8), Sgd{},
      {.epochs = 7,
       .batch = 16,
       .checkpoint = [&](const Checkpoint& c) { epochs.push_back(c.epoch); },
       .checkpoint_every = 3});
  CHECK(epochs == std::vector<int>{3, 6});
}

TEST_CASE("accumulating k batches is a batch k times as large, the last one partial") {
  const Data data = line_data(90, 20);
  Rng rng(4);
  const Net net = two_layers(data.spec, rng);
  std::vector<int64_t> steps;
  const Hook look = [&](const TrainState& s) -> std::optional<Net> {
    steps.push_back(s.total_steps);
    return {};
  };
  Rng a(1), b(1);
  const Trained one = train(net, data, Sgd{.rate = 0.1f, .momentum = 0.9f},
                            {.epochs = 2, .batch = 40, .drop_last = false, .hooks = {look}}, a);
  const Trained four =
      train(net, data, Sgd{.rate = 0.1f, .momentum = 0.9f},
            {.epochs = 2, .batch = 10, .drop_last = false, .hooks = {look}, .accumulate = 4}, b);
  CHECK(steps == std::vector<int64_t>(12, 6));
  CHECK(one.history[1].train_loss == doctest::Approx(four.history[1].train_loss).epsilon(1e-5));
  const std::span<const float> w = one.net.value("f1.w").read(), v = four.net.value("f1.w").read();
  for (size_t i = 0; i < w.size(); ++i)
    CHECK(w[i] == doctest::Approx(v[i]).epsilon(1e-4).scale(0.1));
}

TEST_CASE("clipping: the norm of all gradients together is at most that") {
  const Data data = line_data(64, 20);
  std::vector<double> norms;
  const Hook look = [&](const TrainState& s) -> std::optional<Net> {
    double squares = 0;
    for (const char* name : {"f1.w", "f1.b", "f2.w", "f2.b"})
      for (const float g : s.executor.grad(s.executor.net().graph.at(name)).span<float>())
        squares += double(g) * g;
    norms.push_back(std::sqrt(squares));
    return {};
  };
  Rng rng(1);
  const Net net = two_layers(data.spec, rng);
  Rng a(2), b(2);
  train(net, data, Sgd{.rate = 0}, {.epochs = 1, .batch = 16, .hooks = {look}}, a);
  const std::vector<double> free = norms;
  norms.clear();
  train(net, data, Sgd{.rate = 0},
        {.epochs = 1, .batch = 16, .hooks = {look}, .clip_norm = float(free[0] / 2)}, b);
  CHECK(norms[0] == doctest::Approx(free[0] / 2).epsilon(1e-4));
  for (size_t i = 0; i < norms.size(); ++i)
    CHECK(norms[i] == doctest::Approx(std::min(free[i], free[0] / 2)).epsilon(1e-4));
}

TEST_CASE("a student learns from its teacher; classes can be weighed") {
  const Data data = line_data(200, 100);
  Rng rng(3);
  const Net teacher =
      train(two_layers(data.spec, rng, 16), data, Adam{.rate = 0.02f}, {.epochs = 30}, rng).net;
  // The student sees only wrong labels, and does what the teacher says.
  Data wrong = data;
  for (int32_t& label : wrong.train.y.write<int32_t>()) label = 1 - label;
  const Trained student =
      train(two_layers(data.spec, rng), wrong, Adam{.rate = 0.02f},
            {.epochs = 30, .loss = Distillation{.teacher = teacher, .alpha = 0.95f}}, rng);
  CHECK(error_of(student.net, data.validation) < 0.05);

  const std::vector<int32_t> labels{0, 0, 0, 1};
  const std::vector<float> weights = balanced_weights(labels, 2);
  CHECK(weights[0] == doctest::Approx(4.0 / 6));
  CHECK(weights[1] == doctest::Approx(2.0));
  CHECK_THROWS_AS(balanced_weights(labels, 3), Error);
  // A class that weighs nothing is never chosen where they overlap.
  const Trained one = train(two_layers(data.spec, rng), data, Adam{},
                            {.epochs = 20, .loss = CrossEntropy{.class_weights = {0, 1}}}, rng);
  CHECK(one.validation_error == doctest::Approx(0.5));
  CHECK_THROWS_AS(
      train(teacher, data, Adam{}, {.loss = CrossEntropy{.class_weights = {1, -1}}}, rng), Error);
  CHECK_THROWS_AS(train(teacher, data, Adam{}, {.loss = CrossEntropy{.class_weights = {1}}}, rng),
                  Error);
}

TEST_CASE("augmentation changes training batches only, and each step anew") {
  Data data = line_data(32, 10);
  int calls = 0;
  std::set<float> drawn;
  const Augment count = [&](View x, std::span<const int32_t>, Rng& rng) {
    calls += int(x.shape[0]);
    drawn.insert(float(rng.uniform()));
  };
  Rng rng(1);
  train(two_layers(data.spec, rng), data, Sgd{}, {.epochs = 3, .batch = 8, .augment = count}, rng);
  CHECK(calls == 96);
  CHECK(drawn.size() == 12);
}
