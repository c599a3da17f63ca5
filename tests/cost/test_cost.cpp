#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "cost/cost.h"
#include "deploy/spt.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "nn/recurrent.h"
#include "random_nets.h"
#include "sparse/convert.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::testing;
namespace fs = std::filesystem;

namespace {

Net int8_of(const Net& net, quant::Encoding encoding = quant::Encoding::smallest) {
  const Net folded = quant::fold_norms(net);
  return quant::to_int8(folded, quant::placeholder(folded), {encoding});
}

}  // namespace

TEST_CASE("LeNet-5: MACs, weights and memory by hand") {
  Rng rng(1);
  const Net net = nn::lenet5(byte_images({1, 28, 28}), rng);
  const cost::Cost c = cost::measure(int8_of(net, quant::Encoding::dense));
  // 6·25·28² + 16·150·10² + 400·120 + 120·84 + 84·10
  CHECK(c.macs == 117600 + 240000 + 48000 + 10080 + 840);
  CHECK(c.effective_macs == c.macs);
  CHECK(c.layers.size() == 7);
  int64_t weights = 0, bytes = 28 + 12;  // header; the input's record
  for (const cost::LayerCost& layer : c.layers) weights += layer.weights, bytes += layer.bytes;
  CHECK(weights == 150 + 2400 + 48000 + 10080 + 840);
  CHECK(bytes == c.size);
  // conv1 reads 784 and makes 6·28² = 4704; its pool is in place
  CHECK(c.memory == 784 + 4704);
  CHECK(c.memory_without_input == 4704);
  CHECK(c.latency == doctest::Approx(416520 / 4e7 * 1e3));
}

TEST_CASE("size is the file's size on disk, float and int8") {
  const fs::path path = fs::temp_directory_path() / "sparlet_test_cost.spt";
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Net net = random_net(seed);
    deploy::save(net, path);
    CHECK(cost::measure(net).size == int64_t(fs::file_size(path)));
    deploy::save(int8_of(net), path);
    CHECK(cost::measure(int8_of(net)).size == int64_t(fs::file_size(path)));
  }
  fs::remove(path);
}

TEST_CASE("the smallest encoding is never larger than either") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Net net = random_net(seed);
    const int64_t smallest = cost::measure(int8_of(net)).size;
    CHECK(smallest <= cost::measure(int8_of(net, quant::Encoding::dense)).size);
    CHECK(smallest <= cost::measure(int8_of(net, quant::Encoding::bitmask)).size);
  }
}

TEST_CASE("a pruned layer: non-zeros, bytes, effective MACs") {
  Rng rng(1);
  NetBuilder b(rng);
  Net net = b.finish(nn::linear(b.input("x", {16}), "l", {.out = 8}));
  net = sparse::mask(net, {.sparsity = 0.75});
  const cost::Cost c = cost::measure(int8_of(net));
  CHECK(c.layers[0].encoding == "bitmask");
  CHECK(c.layers[0].weights == 128);
  CHECK(c.layers[0].nonzeros == 32);
  CHECK(c.weight_bytes == 32);
  CHECK(c.macs == 128);
  CHECK(c.effective_macs == 32);
  CHECK(c.sparsity == 0.75);
  const cost::Cost f = cost::measure(net);
  CHECK(f.layers[0].nonzeros == 32);
  CHECK(f.weight_bytes == 128);
  CHECK(f.layers[0].encoding == "float");
  CHECK(f.memory == 4 * (16 + 8));
  CHECK(cost::to_text(c).find("bitmask") != std::string::npos);
}

TEST_CASE("recurrent layers: each matrix counts, masked ones by what is left") {
  Rng rng(2);
  NetBuilder b(rng);
  Var x = nn::lstm(b.input("x", {5, 3}), "r", {.hidden = 4}).h;
  const Net net = b.finish(nn::linear(x, "out", {.out = 2}));
  const int64_t recurrent = 16 * 3 + 16 * 4, all = recurrent + 8;
  const cost::Cost c = cost::measure(net);
  CHECK(c.weight_bytes == 4 * all);
  CHECK(c.sparsity == 0);
  const Net masked = sparse::mask(net, {.sparsity = 0.5});
  for (const Net& pruned : {masked, sparse::unmask(masked)}) {
    const cost::Cost half = cost::measure(pruned);
    CHECK(half.weight_bytes == 4 * all / 2);
    CHECK(half.sparsity == 0.5);
    int64_t weights = 0;
    for (const auto& layer : half.layers) weights += layer.weights;
    CHECK(weights == all);
    CHECK(half.size == int64_t(deploy::serialize(pruned).size()));  // as stored, zeros and all
  }
}

TEST_CASE("predicted memory and MACs are those of the net with observed ranges") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    const Net net = random_net(seed), folded = quant::fold_norms(net);
    Rng rng(seed);
    const Net int8 =
        quant::to_int8(folded, quant::observe(folded, random_bytes(input_shape(net), 8, rng)));
    const cost::Cost a = cost::predict(net, 0), b = cost::measure(int8);
    CHECK(a.memory == b.memory);
    CHECK(a.memory_without_input == b.memory_without_input);
    CHECK(a.macs == b.macs);
    CHECK(double(a.size) == doctest::Approx(double(b.size)).epsilon(0.02));
  }
}

TEST_CASE("devices: known names, TOML files, errors") {
  CHECK(cost::Device::load("cortex-m4").macs_per_second == 4e7);
  CHECK(cost::Device::load("host").name == "host");
  CHECK_THROWS_WITH_AS(cost::Device::load("cortex-m3"), doctest::Contains("cortex-m0, cortex-m4"),
                       Error);
  const fs::path path = fs::temp_directory_path() / "sparlet_test_device.toml";
  const auto load = [&](const char* text) {
    std::ofstream(path) << text;
    return cost::Device::load(path.string());
  };
  CHECK(load("name = \"mine\"\nmacs_per_second = 5e6\n").macs_per_second == 5e6);
  CHECK(load("macs_per_second = 5\n").name == "sparlet_test_device");
  CHECK_THROWS_WITH_AS(load("name = \"x\"\nmacs = 5\n"), doctest::Contains(":2: no key 'macs'"),
                       Error);
  CHECK_THROWS_AS(load("macs_per_second = -1\n"), Error);
  CHECK_THROWS_AS(load("macs_per_second = \"fast\"\n"), Error);
  CHECK_THROWS_WITH_AS(load("a = [\n"), doctest::Contains(".toml:"), Error);
  fs::remove(path);
}

TEST_CASE(
    "COO and CSR layers: entries, bytes and effective MACs; the same int8 net as the masked one") {
  Rng rng(3);
  NetBuilder b(rng);
  Var x = nn::relu(nn::linear(b.input("x", {300}), "fc1", {.out = 40}));
  const Net masked = sparse::mask(b.finish(nn::linear(x, "fc2", {.out = 10})), {.sparsity = 0.9});
  const Net wanted = int8_of(masked);
  for (sparse::Format format : {sparse::Format::csr, sparse::Format::coo}) {
    const Net net = sparse::convert(masked, format);
    const cost::Cost c = cost::measure(net);
    CHECK(c.macs == 300 * 40 + 40 * 10);
    CHECK(c.effective_macs == 1240);
    CHECK(c.weight_bytes == 4 * 1240);
    CHECK(c.sparsity == doctest::Approx(0.9));
    const cost::LayerCost& layer = c.layers[0];
    CHECK(layer.encoding == name_of(*sparse::weights_of(net.graph)[0].format));
    CHECK(layer.nonzeros == net.value("fc1.w").size());
    const int64_t rows = format == sparse::Format::csr ? 41 * 2 : layer.nonzeros;
    CHECK(layer.bytes == layer.nonzeros * 6 + rows + 40 * 4);
    CHECK(c.size < cost::measure(masked).size / 4);
    CHECK(hash(int8_of(net)) == hash(wanted));
  }
}
