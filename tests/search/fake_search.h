// A search with a trainer that trains nothing: an analytic error, written into a weight.
#pragma once
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "deploy/spt.h"
#include "nn/layers.h"
#include "search/run.h"
#include "search_fixture.h"
#include "tensor/error.h"

namespace fake {

using namespace sparlet;
using namespace sparlet::search;

inline const char* kConfig = R"(
name = "fake"
seed = 3
objectives = ["error", "size"]
[search]
r1 = 6
r2 = 5
r3 = 6
epochs1 = 1
epochs2 = 2
epochs3 = 3
workers = 1
[[parameter]]
name = "x"
type = "real"
bounds = [0, 1]
[[parameter]]
name = "n"
type = "integer"
bounds = [1, 8]
[[parameter]]
name = "kind"
type = "choice"
values = ["a", "b"]
)";

inline Config config_with(std::vector<std::string> set) {
  return config_from_text(kConfig, "fake.toml", set);
}

inline Data tiny_data() {
  Data data;
  data.name = "tiny";
  data.spec = {.shape = {4}, .classes = 2, .dtype = DType::f32};
  const Tensor y({2}, DType::i32);
  data.train = data.validation = data.test = Dataset::all(Tensor(Shape{2, 4}), y);
  return data;
}

// Error falls with n and with the epochs of the net and of whom it inherits from; a child's is a
// little its parent's. Weights 0 .. 2: error, size, epochs, which a net that goes on goes on with.
inline Trained fake_train(const TrainJob& job, Rng& rng) {
  Trained out;
  out.net = job.net;
  const double x = job.point.number("x"), n = job.point.number("n");
  double error = (x - 0.3) * (x - 0.3) + 0.2 / n + 0.01 * rng.uniform();
  int epochs = job.epochs - job.begun;
  const float* before = job.parent ? job.parent->value("out.w").read().data() : nullptr;
  if (job.begun > 0) {
    REQUIRE(before);
    CHECK(before[2] == job.begun);
    epochs += int(before[2]);
  } else if (before) {
    error = 0.9 * error + 0.1 * double(before[0]);
  }
  error *= 1 + 1.0 / epochs;
  float* w = out.net.params[size_t(out.net.graph.at("out.w"))].write().data();
  w[0] = float(error), w[1] = float(100 * n), w[2] = float(epochs);
  out.diverged = job.point.word("kind") == "b" && n == 8;
  return out;
}

inline Pipeline fake_pipeline() {
  Pipeline p;
  p.build = [](const Point& point, const DataSpec& spec, const UserTable&, Rng& rng) {
    if (point.word("kind") == "b" && point.integer("n") == 3)
      fail("out (linear): three is not a number");
    NetBuilder b(rng);
    return b.finish(nn::linear(b.input("x", spec.shape), "out", {.out = 2}));
  };
  p.train = fake_train;
  p.quantize = [](const Net& net, const Point&, const Data&) { return net; };
  p.predict = [](const Net&, const Point& point) {
    cost::Cost cost;
    cost.size = 100 * point.integer("n");
    cost.macs = 50000 * point.integer("n");
    return cost;
  };
  // The point is not at hand here.
  p.evaluate = [](const Net& net, const Dataset&) {
    Metrics m;
    m.error = net.value("out.w").read()[0];
    m.size = int64_t(net.value("out.w").read()[1]);
    return m;
  };
  return p;
}

inline std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Result search_in(const std::filesystem::path& folder, const Config& config,
                        const Pipeline& pipeline) {
  return run(config, pipeline, tiny_data(), {.folder = folder});
}

// Runs `body` in a process of its own and gives how it ended.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      body();
    } catch (...) {
      _exit(3);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace fake
