// Speed of the ops and of whole nets, in microseconds:
//   op/NAME/SAMPLE/{forward,backward}      every sample of every op, batch 32
//   train_step/{lenet,tiny,lstm,mlp}/b{1,32,128}  forward + cross-entropy + backward + Adam
//   infer/{lenet,tiny,lstm,mlp}/b{1,32}
// on the kernel path that SPARLET_KERNELS names. The nets are those of bench/torch_baseline.py.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "autograd/executor.h"
#include "autograd/op_runner.h"
#include "nn/layers.h"
#include "nn/recurrent.h"
#include "nn/train.h"

using namespace sparlet;

namespace {

// --- ops

constexpr int64_t kBatch = 32;

struct OpCase {
  Graph graph;
  std::vector<Tensor> values;
  OpCase(const OpDef& op, const Sample& sample)
      : graph(sample_graph(op, sample)), values(sample_values(graph, sample, kBatch, 1)) {}
};

void op_forward(benchmark::State& state, const OpDef* op, const Sample* sample) {
  const OpCase one(*op, *sample);
  OpRunner runner(one.graph, {.batch = kBatch, .kernels = &default_kernels()});
  runner.forward(kBatch, one.values);
  for (auto _ : state) runner.repeat_forward();
}

void op_backward(benchmark::State& state, const OpDef* op, const Sample* sample) {
  const OpCase one(*op, *sample);
  OpRunner runner(one.graph, {.batch = kBatch, .mode = Mode::train, .kernels = &default_kernels()});
  runner.backward(runner.forward(kBatch, one.values));
  for (auto _ : state) runner.repeat_backward();
}

// --- nets

using Body = Var (*)(Var);

Var lenet(Var x) {
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c1", {.out = 6, .kernel = 5})));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c2", {.out = 16, .kernel = 5})));
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 120}));
  x = nn::relu(nn::linear(x, "f2", {.out = 84}));
  return nn::linear(x, "f3", {.out = 10});
}
Var tiny(Var x) {
  x = nn::max_pool(nn::relu(nn::conv2d(x, "c1", {.out = 16, .kernel = 3, .pad = 1})));
  x = nn::relu(nn::depthwise(x, "dw", {.kernel = 3, .pad = 1}));
  x = nn::max_pool(nn::relu(nn::conv2d(x, "pw", {.out = 32, .kernel = 1})));
  return nn::linear(nn::flatten(x), "fc", {.out = 10});
}
Var lstm(Var x) { return nn::linear(nn::lstm(x, "rnn", {.hidden = 64}).h, "fc", {.out = 10}); }
Var mlp(Var x) {
  x = nn::relu(nn::linear(x, "f1", {.out = 300}));
  x = nn::relu(nn::linear(x, "f2", {.out = 100}));
  return nn::linear(x, "f3", {.out = 10});
}

struct NetCase {
  const char* name;
  Shape shape;
  Body body;
};
const NetCase nets[] = {{"lenet", {1, 28, 28}, lenet},
                        {"tiny", {3, 32, 32}, tiny},
                        {"lstm", {50, 32}, lstm},
                        {"mlp", {784}, mlp}};

Net built(const NetCase& net, Rng& rng) {
  NetBuilder builder(rng);
  return builder.finish(net.body(builder.input("x", net.shape)));
}

// An executor with random samples in its input.
Executor loaded(const NetCase& one, ExecutorOptions options) {
  Rng rng(1);
  const Net net = built(one, rng);
  Executor executor(net, options);
  Tensor x = filled(batched(options.batch, one.shape), DType::f32, Fill::normal, rng);
  executor.set_input(net.graph.at("x"), {x.shape(), x.dtype(), x.raw_write()});
  return executor;
}

void train_step(benchmark::State& state, const NetCase* one, int64_t batch) {
  Executor executor = loaded(*one, {.batch = batch, .mode = Mode::train, .slots = 2});
  const UpdateRule rule = rule_of(Adam{});
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back(int32_t(i % 10));
  int64_t step = 0;
  for (auto _ : state) {
    const View y = executor.forward(batch);
    benchmark::DoNotOptimize(cross_entropy(y, labels, {}, executor.output_grad()));
    executor.backward();
    executor.step(rule, 1e-3f, ++step);
  }
}

void infer(benchmark::State& state, const NetCase* one, int64_t batch) {
  Executor executor = loaded(*one, {.batch = batch});
  for (auto _ : state) benchmark::DoNotOptimize(executor.forward(batch).data);
}

void add_ops() {
  for (const OpDef* op : all_ops()) {
    if (is_leaf(*op)) continue;
    for (const Sample& sample : op->samples) {
      const std::string name = fmt::format("op/{}/{}", op->name, sample.name);
      benchmark::RegisterBenchmark((name + "/forward").c_str(), op_forward, op, &sample);
      if (op->trainable)
        benchmark::RegisterBenchmark((name + "/backward").c_str(), op_backward, op, &sample);
    }
  }
}

void add_nets() {
  for (const NetCase& net : nets) {
    for (int64_t batch : {1, 32, 128})
      benchmark::RegisterBenchmark(fmt::format("train_step/{}/b{}", net.name, batch).c_str(),
                                   train_step, &net, batch)
          ->Unit(benchmark::kMicrosecond);
    for (int64_t batch : {1, 32})
      benchmark::RegisterBenchmark(fmt::format("infer/{}/b{}", net.name, batch).c_str(), infer,
                                   &net, batch)
          ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  add_ops();
  add_nets();
  benchmark::RunSpecifiedBenchmarks();
}
