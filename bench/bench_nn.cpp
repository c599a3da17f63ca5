// Speed of the ops and of whole nets, in microseconds:
//   op/NAME/SAMPLE/{forward,backward}      every sample of every op, batch 32
//   train_step/{lenet,tiny,lstm,mlp,chain,resnet8,gru}/b{1,32,128}  forward + cross-entropy +
//                                          backward + Adam
//   infer/{lenet,tiny,lstm,mlp,chain,resnet8,gru}/b{1,32}
//   overhead/{relu,add,linear}/{forward,both}     one op of a chain of them on one number
// on the kernel path that SPARLET_KERNELS names. The nets are those of bench/torch_baseline.py.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "autograd/executor.h"
#include "autograd/op_runner.h"
#include "nn/layers.h"
#include "nn/models.h"
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

Var gru(Var x) { return nn::linear(nn::gru(x, "rnn", {.hidden = 64}).h, "fc", {.out = 10}); }
// A design drawn at random from the space of examples/digits.toml.
Var normed(Var x, const char* name, nn::Conv2d options) {
  options.bias = false;
  options.pad = options.kernel / 2;
  return nn::relu(nn::batch_norm(nn::conv2d(x, name, options), std::string(name) + ".bn"));
}
Var chain(Var x) {
  x = normed(x, "b1.l1", {.out = 4, .kernel = 3, .stride = 2});
  x = nn::depthwise(x, "b1.l2.dw", {.kernel = 5, .pad = 2, .bias = false});
  x = nn::avg_pool(normed(x, "b1.l2.pw", {.out = 2, .kernel = 1}));
  x = nn::conv2d(x, "b2.down", {.out = 4, .kernel = 1, .bias = false});
  x = nn::max_pool(normed(x, "b2.l1", {.out = 9, .kernel = 5}));
  x = nn::dropout(x, 0.3);
  x = normed(x, "b3.l1", {.out = 20, .kernel = 5});
  x = normed(x, "b3.l2", {.out = 11, .kernel = 5});
  return nn::linear(nn::flatten(x), "out", {.out = 10});
}

struct NetCase {
  const char* name;
  Shape shape;
  Body body;  // none: ResNet-8
};
const NetCase nets[] = {{"lenet", {1, 28, 28}, lenet}, {"tiny", {3, 32, 32}, tiny},
                        {"lstm", {50, 32}, lstm},      {"mlp", {784}, mlp},
                        {"chain", {1, 28, 28}, chain}, {"resnet8", {3, 32, 32}, nullptr},
                        {"gru", {50, 32}, gru}};

Net built(const NetCase& net, Rng& rng) {
  if (!net.body) return nn::resnet8({.shape = net.shape, .classes = 10, .dtype = DType::f32}, rng);
  NetBuilder builder(rng);
  return builder.finish(net.body(builder.input("x", net.shape)));
}

// An executor, and random samples for its input.
struct Loaded {
  Executor executor;
  Id input;
  Tensor x;

  void set() { executor.set_input(input, {x.shape(), x.dtype(), x.raw_write()}); }
};
Loaded loaded(const NetCase& one, ExecutorOptions options) {
  Rng rng(1);
  const Net net = built(one, rng);
  Loaded all{Executor(net, options), net.graph.at("x"),
             filled(batched(options.batch, one.shape), DType::f32, Fill::normal, rng)};
  all.set();
  return all;
}

void train_step(benchmark::State& state, const NetCase* one, int64_t batch) {
  Loaded made = loaded(*one, {.batch = batch, .mode = Mode::train, .slots = 2});
  Executor& executor = made.executor;
  const UpdateRule rule = rule_of(Adam{});
  std::vector<int32_t> labels;
  for (int64_t i = 0; i < batch; ++i) labels.push_back(int32_t(i % 10));
  int64_t number = 0;
  const auto step = [&] {
    const View y = executor.forward(batch);
    benchmark::DoNotOptimize(cross_entropy(y, labels, {}, executor.output_grad()));
    executor.backward();
    executor.step(rule, 1e-3f, ++number);
  };
  step();  // large memory comes as it is touched
  for (auto _ : state) step();
}

void infer(benchmark::State& state, const NetCase* one, int64_t batch) {
  Loaded made = loaded(*one, {.batch = batch});
  made.executor.forward(batch);
  for (auto _ : state) {
    made.set();  // its memory has been taken by other values since
    benchmark::DoNotOptimize(made.executor.forward(batch).data);
  }
}

// --- what the executor costs: a chain of ops on one number, a net of kChain of them

constexpr int kChain = 100;

Var relu_link(Var x, int) { return nn::relu(x); }
Var add_link(Var x, int) { return nn::add(x, x); }
Var linear_link(Var x, int i) { return nn::linear(x, fmt::format("f{}", i), {.out = 1}); }

struct Link {
  const char* name;
  Var (*link)(Var, int);
};
const Link links[] = {{"relu", relu_link}, {"add", add_link}, {"linear", linear_link}};

void overhead(benchmark::State& state, const Link* link, bool both) {
  Rng rng(1);
  NetBuilder b(rng);
  Var x = nn::linear(b.input("x", {1}), "first", {.out = 1});
  for (int i = 0; i < kChain; ++i) x = link->link(x, i);
  const Net net = b.finish(x);
  Executor executor(net, {.batch = 1, .mode = both ? Mode::train : Mode::infer, .fuse = false});
  float one = 1;
  executor.set_input(net.graph.at("x"), {Shape{1, 1}, DType::f32, &one});
  for (auto _ : state) {
    benchmark::DoNotOptimize(executor.forward(1).data);
    if (!both) continue;
    executor.output_grad().f32()[0] = 1;
    executor.backward();
  }
  state.counters["an_op"] =
      benchmark::Counter(double(state.iterations()) * (kChain + 1),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void add_overhead() {
  for (const Link& link : links)
    for (const bool both : {false, true})
      benchmark::RegisterBenchmark(
          fmt::format("overhead/{}/{}", link.name, both ? "both" : "forward").c_str(), overhead,
          &link, both)
          ->Unit(benchmark::kMicrosecond);
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
  add_overhead();
  benchmark::RunSpecifiedBenchmarks();
}
