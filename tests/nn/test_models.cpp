// The reference nets have the published numbers of weights and multiply-accumulates.
#include <doctest/doctest.h>

#include <cmath>

#include "../data/make_files.h"
#include "autograd/ops/ops.h"
#include "nn/models.h"
#include "nn/train.h"
#include "tensor/error.h"

using namespace sparlet;

namespace {

struct Counts {
  int64_t macs = 0, weights = 0, biases = 0;  // of convolutions and linear layers, norms folded
};

Counts counts_of(const Net& net) {
  Counts counts;
  for (const Node& node : net.graph.nodes) {
    if (node.op != &conv2d_op && node.op != &linear_op) continue;
    counts.macs += node.op->macs(node, net.graph.types_of(node.in));
    const Shape& weight = net.graph[node.in[1]].type.shape;
    counts.weights += count(weight);
    counts.biases += weight[0];
  }
  return counts;
}

Net make(const char* name, const Shape& shape, int classes) {
  Rng rng(1);
  return nn::by_name(name, {.shape = shape, .classes = classes}, rng);
}

void check_folded(const Net& net, int64_t macs, int64_t weights, int64_t biases) {
  const Counts counts = counts_of(net);
  CHECK(counts.macs == macs);
  CHECK(counts.weights == weights);
  CHECK(counts.biases == biases);
}

}  // namespace

// Bytes: int8 weights and int32 biases.
TEST_CASE("MLPerf Tiny: multiply-accumulates, weights and biases") {
  check_folded(make("ds-cnn", {1, 49, 10}, 12), 2656768, 22016, 588);
  check_folded(make("mobilenetv1-0.25", {3, 96, 96}, 2), 7489664, 208112, 2738);
  check_folded(make("resnet8", {3, 32, 32}, 10), 12501632, 77360, 346);
  check_folded(make("autoencoder", {640}, 2), 264192, 264192, 1672);
}

TEST_CASE("LeNets, VGG and ResNets: weights and multiply-accumulates") {
  struct Case {
    const char* name;
    Shape shape;
    int classes;
    int64_t weights, macs;  // 0: not published
  };
  const Case cases[] = {{"lenet5", {1, 28, 28}, 10, 61706, 416520},
                        {"lenet5-caffe", {1, 28, 28}, 10, 431080, 2293000},
                        {"mlp", {1, 28, 28}, 10, 266610, 266200},
                        {"vgg11", {3, 32, 32}, 10, 9231114, 152769536},
                        {"vgg16", {3, 32, 32}, 10, 14728266, 313201664},
                        {"resnet18", {3, 224, 224}, 1000, 11689512, 1814073344},
                        {"resnet18", {3, 32, 32}, 10, 11173962, 555422720},
                        {"resnet34", {3, 224, 224}, 1000, 21797672, 3663761408},
                        {"resnet34", {3, 32, 32}, 10, 21282122, 1159402496},
                        {"wrn-16-4", {3, 32, 32}, 10, 2748890, 0},
                        {"wrn-40-2", {3, 32, 32}, 10, 2243546, 327599360},
                        {"mobilenetv1-0.25", {3, 224, 224}, 1000, 470072, 41030272},
                        {"mobilenetv1-0.5", {3, 224, 224}, 1000, 1331592, 149497088},
                        {"mobilenetv1-1.0", {3, 224, 224}, 1000, 4231976, 568740352},
                        {"mobilenetv2-0.5", {3, 224, 224}, 1000, 1968680, 97131840},
                        {"mobilenetv2-1.0", {3, 224, 224}, 1000, 3504872, 300774272}};
  for (const Case& test : cases) {
    CAPTURE(test.name);
    const Net net = make(test.name, test.shape, test.classes);
    CHECK(weight_count(net.graph) == test.weights);
    if (test.macs) CHECK(counts_of(net).macs == test.macs);
    CHECK(from_text(to_text(net.graph)).nodes.size() == net.graph.nodes.size());
  }
}

TEST_CASE("every reference net runs forwards and backwards") {
  Rng rng(1);
  for (const char* name : {"lenet5-caffe", "resnet8", "wrn-10-1", "mobilenetv1-0.1",
                           "mobilenetv2-0.1", "ds-cnn", "mlp"}) {
    CAPTURE(name);
    const Net net = make(name, {1, 32, 32}, 4);
    Executor executor(net, {.batch = 2, .mode = Mode::train});
    Tensor x({2, 1, 32, 32});
    for (float& v : x.write()) v = float(rng.normal());
    executor.set_input(net.graph.at("x"), {x.shape(), DType::f32, x.raw_write()});
    executor.forward(2);
    const std::vector<int32_t> labels{1, 3};
    const float before = loss(CrossEntropy{}, executor.forward(2), labels, executor.output_grad());
    executor.backward();
    executor.step(rule_of(Sgd{}), 1e-3f, 1);
    CHECK(std::isfinite(before));
    CHECK(executor.output().shape() == Shape{2, 4});
  }
}

TEST_CASE("names that are none, and numbers that make no sense") {
  for (const char* name : {"wrn-11-2", "wrn-16", "wrn-16.5-2", "mobilenetv1-0", "resnet", "wrn-D-K",
                           "mobilenetv2-x", "vgg16 ", "lenet5-"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(make(name, {3, 32, 32}, 10), Error);
  }
  CHECK_THROWS_AS(make("resnet8", {32}, 10), Error);
}

TEST_CASE("weights by node name out of an .npz file") {
  using namespace data_files;
  Rng rng(1);
  const Net net = nn::softmax_regression({.shape = {3}, .classes = 2}, rng);
  const ZipMember w{"f1.w.npy", npy<float>("<f4", "(2, 3)", {1, 2, 3, 4, 5, 6}), true};
  const ZipMember b{"f1.b.npy", npy<double>("<f8", "(2,)", {7, 8})};
  const Folder folder;
  const auto load = [&](const std::vector<ZipMember>& members) {
    try {
      return to_text(nn::load_weights(net, folder.put("w.npz", zip(members))).graph);
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  const Net loaded = nn::load_weights(net, folder.put("w.npz", zip({w, b})));
  CHECK(loaded.value("f1.w") == Tensor({2, 3}, {1, 2, 3, 4, 5, 6}));
  CHECK(loaded.value("f1.b") == Tensor({2}, {7, 8}));
  CHECK(load({w}).find("no array f1.b, wanted [2]") != std::string::npos);
  CHECK(load({w, {"f1.b.npy", npy<float>("<f4", "(3,)", {7, 8, 9})}}).find("wanted f32 [2]") !=
        std::string::npos);
  CHECK(load({w, {"f1.b.npy", npy<float>("<f4", "(2,)", {7, NAN})}})
            .find("w.npz:f1.b.npy: found nan at 1, wanted a finite number") != std::string::npos);
  CHECK(load({w, b, {"f2.w.npy", w.bytes}}).find("w.npz:f2.w.npy: ") != std::string::npos);
  CHECK(load({w, b, {"f1.npy", w.bytes}}).find("no leaf") != std::string::npos);
}
