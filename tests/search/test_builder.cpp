#include <doctest/doctest.h>

#include "search/builders.h"
#include "search/chain_cnn.h"
#include "spaces.h"
#include "sparse/prune.h"
#include "tensor/error.h"

using namespace test;

namespace {

const DataSpec kSpec{.shape = {1, 28, 28}, .classes = 10, .mean = 33, .deviation = 78};

Net build(const std::string& point, uint64_t seed = 1, const DataSpec& spec = kSpec) {
  Rng rng(seed);
  return build_chain_cnn(point_from(point), spec, rng);
}

Shape shape_of(const Net& net, const std::string& leaf) {
  return net.graph[net.graph.at(leaf)].type.shape;
}

std::string error_of(const std::string& point) {
  try {
    build(point);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("chain CNN: defaults, names and shapes") {
  const Net plain = build("");
  CHECK(shape_of(plain, "b1.l1.conv.w") == Shape{6, 1, 3, 3});
  CHECK(shape_of(plain, "out.w") == Shape{10, 6});
  CHECK_FALSE(plain.graph.find("b1.l1.conv.b"));

  const Net net = build(
      "blocks=2 block_1_layer_1_filters=8 block_1_layer_1_kernel=5 block_1_layer_1_stride=2 "
      "block_1_pool=max "
      "block_2_layers=2 block_2_layer_1_type=separable block_2_layer_1_filters=12 "
      "block_2_layer_2_type=bottleneck block_2_layer_2_filters=9 block_2_layer_2_ratio=0.25 "
      "block_2_dropout=0.2 "
      "head=flatten dense_layers=1 dense_1_units=20 dense_dropout=0.1");
  CHECK(shape_of(net, "b1.l1.conv") == Shape{8, 14, 14});
  CHECK(shape_of(net, "b2.l1.dw.w") == Shape{8, 1, 3, 3});
  CHECK(shape_of(net, "b2.l1.pw.w") == Shape{12, 8, 1, 1});
  CHECK(shape_of(net, "b2.l2.down.w") == Shape{2, 12, 1, 1});
  CHECK(shape_of(net, "b2.l2.conv.w") == Shape{9, 2, 3, 3});
  CHECK(shape_of(net, "fc1.w") == Shape{20, 9 * 7 * 7});
  CHECK(net.graph[net.graph.output()].type.shape == Shape{10});
  int dropouts = 0;
  for (const Node& node : net.graph.nodes) dropouts += node.op->name == "dropout";
  CHECK(dropouts == 2);
}

TEST_CASE("chain CNN: what cannot be built names the node or the parameter") {
  CHECK(error_of("blocks=5 block_1_pool=max block_2_pool=max block_3_pool=max block_4_pool=max "
                 "block_5_pool=max")
            .find("b5.") != std::string::npos);
  CHECK(error_of("block_1_layer_1_type=cnv").find("parameter 'block_1_layer_1_type': 'cnv'") == 0);
  CHECK(error_of("block_1_pool=mx").find("parameter 'block_1_pool'") == 0);
  CHECK(error_of("head=x").find("parameter 'head'") == 0);
  CHECK(error_of("block_1_layer_1_filters=0").find("parameter 'block_1_layer_1_filters'") == 0);
  CHECK(error_of("blocks=1e9") == "parameter 'blocks': 1000000000 is above 64");
  CHECK(error_of("block_1_layers=65") == "parameter 'block_1_layers': 65 is above 64");
  CHECK(error_of("dense_layers=1e9").find("parameter 'dense_layers': ") == 0);
  CHECK(error_of("dense_dropout=1 dense_layers=1").find("parameter 'dense_dropout'") == 0);
  CHECK_THROWS_AS(build("", 1, {.shape = {5}, .classes = 2}), Error);
  CHECK_THROWS_AS(builder_named("chain"), Error);
  Rng rng(1);
  CHECK(to_text(builder_named("chain_cnn")(Point{}, kSpec, rng).graph) == to_text(build("").graph));
}

TEST_CASE("inherit: an equal child takes everything") {
  const Net parent = build("blocks=2", 1), fresh = build("blocks=2", 2);
  CHECK_FALSE(parent.value("out.w") == fresh.value("out.w"));
  const Inherited made = inherit(parent, fresh);
  CHECK(made.report.partly.empty());
  CHECK(made.report.fresh.empty());
  CHECK(made.report.elements == made.report.total);
  CHECK(hash(made.net) == hash(parent));
  CHECK(fresh.value("out.w") == build("blocks=2", 2).value("out.w"));  // not edited
}

TEST_CASE("inherit: leading channels, centred kernels, batch-norm state, new layers") {
  Net parent = build("block_1_layer_1_filters=4 block_1_layer_1_kernel=3", 1);
  const std::string state = "b1.l1.bn.";
  std::string mean;
  for (const Node& node : parent.graph.nodes)
    if (node.op == &state_op && node.name.find(state) == 0) mean = node.name;
  REQUIRE(mean != "");
  for (float& v : parent.params[size_t(parent.graph.at(mean))].write<float>()) v = 7;
  const Net fresh = build(
      "blocks=2 block_1_layer_1_filters=6 block_1_layer_1_kernel=5 block_2_layer_1_filters=3", 2);
  const Inherited made = inherit(parent, fresh, {.preserve = false});
  const auto old = parent.value("b1.l1.conv.w").read(), now = made.net.value("b1.l1.conv.w").read(),
             start = fresh.value("b1.l1.conv.w").read();
  for (size_t o = 0; o < 6; ++o)
    for (size_t h = 0; h < 5; ++h)
      for (size_t w = 0; w < 5; ++w) {
        const bool inside = o < 4 && h >= 1 && h <= 3 && w >= 1 && w <= 3;
        const size_t at = (o * 5 + h) * 5 + w;
        CHECK(now[at] == (inside ? old[(o * 3 + h - 1) * 3 + w - 1] : start[at]));
      }
  const auto means = made.net.value(mean).read();
  CHECK(means[3] == 7);
  CHECK(means[4] == fresh.value(mean).read()[4]);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK(has(made.report.partly, "b1.l1.conv.w"));
  CHECK(has(made.report.fresh, "b2.l1.conv.w"));
  CHECK(has(made.report.copied, "out.b"));
  CHECK(summary(made.report).find("new") != std::string::npos);

  // And back: the smaller kernel is the middle of the larger one.
  const Inherited back =
      inherit(made.net, build("block_1_layer_1_filters=4 block_1_layer_1_kernel=3", 3));
  CHECK(back.net.value("b1.l1.conv.w") == parent.value("b1.l1.conv.w"));
}

TEST_CASE("inherit: dense weights behind flatten keep their channel and place") {
  const Net parent =
      build("head=flatten block_1_layer_1_filters=2 block_1_layer_1_stride=2", 1);  // 2×14×14
  const Net fresh = build("head=flatten block_1_layer_1_filters=3", 2);             // 3×28×28
  const Inherited made = inherit(parent, fresh, {.preserve = false});
  const auto old = parent.value("out.w").read(), now = made.net.value("out.w").read(),
             start = fresh.value("out.w").read();
  for (size_t o : {0, 9})
    for (size_t c = 0; c < 3; ++c)
      for (size_t h = 0; h < 28; ++h)
        for (size_t w = 0; w < 28; ++w) {
          const bool inside = c < 2 && h >= 7 && h < 21 && w >= 7 && w < 21;
          const size_t at = ((o * 3 + c) * 28 + h) * 28 + w;
          REQUIRE(now[at] == (inside ? old[((o * 2 + c) * 14 + h - 7) * 14 + w - 7] : start[at]));
        }
}

TEST_CASE("inherit: masks come along, new entries are kept alive") {
  const Net parent = sparse::mask(build("block_1_layer_1_filters=4", 1), {.sparsity = 0.5});
  const Net fresh = sparse::mask(build("block_1_layer_1_filters=6", 2), {.sparsity = 0});
  const Inherited made = inherit(parent, fresh);
  const auto old = parent.value("b1.l1.conv.w.mask").read(),
             now = made.net.value("b1.l1.conv.w.mask").read();
  for (size_t i = 0; i < now.size(); ++i) CHECK(now[i] == (i < old.size() ? old[i] : 1.0f));
  CHECK(made.net.value("out.b") == parent.value("out.b"));
  CHECK(sparse::density(made.net) < 1);
  CHECK(sparse::density(made.net) > 0.5);
}
