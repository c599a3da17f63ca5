// The ready spaces: how many parameters, which, and that each of their points can be built.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "autograd/plan.h"
#include "nn/layers.h"
#include "search/builders.h"
#include "search/moves.h"
#include "search/presets.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

DataSpec spec_of(const std::string& space, const Point& point) {
  const int64_t steps = point.integer("max_len", 0);
  if (space == "sparse_touch_cnn" || space == "sparse_cnn_rnn")
    return {.shape = {steps, 8, 8}, .classes = 14, .mean = 3, .deviation = 9};
  if (space == "sparse_rnn") return {.shape = {steps, 3}, .classes = 6, .dtype = DType::f32};
  if (space == "row_cnn") return {.shape = {3, 1, steps}, .classes = 6, .dtype = DType::f32};
  return {.shape = {3, 64, 64}, .classes = 2, .mean = 33, .deviation = 78};
}

Net shape_only(const Preset& preset, const Point& point, const DataSpec& spec) {
  Rng rng(1);
  return build(builder_info(preset.builder).grow, point, spec, rng, NetBuilder::Leaves::shapes);
}

std::string text(const std::string& space, const std::string& point, const DataSpec& spec) {
  return to_text(shape_only(preset(space), point_from(point), spec).graph);
}

Shape shape_at(const std::string& space, const std::string& point, const DataSpec& spec,
               const std::string& node) {
  const Net net = shape_only(preset(space), point_from(point), spec);
  return net.graph[net.graph.at(node)].type.shape;
}

const DataSpec kImage{.shape = {1, 20, 20}, .classes = 2};

}  // namespace

TEST_CASE("ready spaces: SpArSeMod's have its numbers of parameters, names and ranges") {
  const auto dimension = [](const char* name) {
    return Space(preset(name).parameters).dimension();
  };
  CHECK(dimension("sparse_cnn") == 43);
  CHECK(dimension("sparse_touch_cnn") == 44);
  CHECK(dimension("sparse_cnn_rnn") == 64);
  CHECK(dimension("sparse_rnn") == 12);
  struct Range {
    const char *space, *name;
    double low, high;
  };
  for (const Range& r : std::vector<Range>{{"sparse_cnn", "conv_2_layer_3_filters", 1, 100},
                                           {"sparse_cnn", "conv_1_layer_1_kernel", 2, 5},
                                           {"sparse_cnn", "input_downsampling_rate_2", 2, 4},
                                           {"sparse_cnn", "learning_step", 1, 10000},
                                           {"sparse_cnn", "batch_size", 2, 128},
                                           {"sparse_cnn", "drop_2", 0.1, 0.5},
                                           {"sparse_cnn", "prune_threshold", 0.05, 0.9},
                                           {"sparse_touch_cnn", "drop_1", 0.1, 0.9},
                                           {"sparse_touch_cnn", "max_len", 25, 750},
                                           {"sparse_touch_cnn", "learning_step", 1, 10},
                                           {"sparse_cnn_rnn", "num_conv_blocks", 1, 3},
                                           {"sparse_cnn_rnn", "rnn_dropout", 0.1, 0.9},
                                           {"sparse_cnn_rnn", "neurons_layers", 8, 512},
                                           {"sparse_rnn", "max_len", 50, 250},
                                           {"sparse_rnn", "neurons_fc_layer_1", 10, 128},
                                           {"branch_cnn", "blocks", 1, 10},
                                           {"branch_cnn", "block_10_layer_3_filters", 1, 128},
                                           {"branch_cnn", "block_2_layer_1_kernel", 3, 7},
                                           {"mlp", "dense_layers", 1, 7},
                                           {"mlp", "dense_7_units", 10, 256}}) {
    CAPTURE(r.name);
    const Space space(preset(r.space).parameters);
    CHECK(space.at(r.name).low == r.low);
    CHECK(space.at(r.name).high == r.high);
  }
  CHECK(Space(preset("sparse_touch_cnn").parameters).at("conv_1_layer_1_type").values ==
        std::vector<std::string>{"0", "1"});
  CHECK_THROWS_WITH_AS(preset("sparse_cn"), doctest::Contains("sparse_cnn"), Error);
}

TEST_CASE("ready spaces: what has no effect is inactive") {
  const Space space(preset("sparse_cnn").parameters);
  Rng rng(1);
  const Point point = space.complete(
      point_from("num_conv_blocks=1 conv_1_num_layers=1 conv_1_layer_1_type=0 num_fc_layers=0 "
                 "downsample_input_depth_1=0"),
      rng);
  for (const char* name :
       {"drop_2", "conv_1_layer_2_filters", "conv_2_layer_1_filters", "conv_1_layer_1_downsample",
        "fc_weights_layer_1", "drop_fc_1", "input_downsampling_rate_1"}) {
    CAPTURE(name);
    CHECK_FALSE(point.has(name));
  }
  CHECK(point.has("drop_1"));
  const Space branch(preset("branch_cnn").parameters);
  const Point b = branch.complete(
      point_from("blocks=2 block_2_branch=1 block_2_layers=2 block_2_layer_1_type=conv "
                 "block_2_layer_2_type=conv"),
      rng);
  CHECK(b.has("block_2_layer_1_filters"));
  CHECK_FALSE(b.has("block_2_layer_2_filters"));
}

TEST_CASE("ready spaces: every parameter that is active has an effect on the net or the training") {
  // Two points that differ in one parameter of the builder are two graphs.
  for (const std::string& name : preset_names()) {
    const Preset& ready = preset(name);
    const Space space(ready.parameters);
    const std::vector<std::string> training = {"learning_rate", "learning_gamma",  "learning_step",
                                               "batch_size",    "prune_threshold", "schedule"};
    Rng rng(5);
    std::map<std::string, int> same, different;
    for (int i = 0; i < 150; ++i) {
      Point one = space.sample(rng);
      if (name == "branch_cnn") one.set("blocks", double(1 + rng.below(2)));
      one = space.complete(one, rng);
      const std::string first = to_text(shape_only(ready, one, spec_of(name, one)).graph);
      for (const Parameter& p : space.parameters()) {
        if (!one.has(p.name) || !p.varies() ||
            std::find(training.begin(), training.end(), p.name) != training.end())
          continue;
        if (rng.below(10) != 0) continue;
        Point values = one;
        values.values.erase(p.name);
        const Point two = space.complete(values, rng);
        if (two.values.find(p.name)->second == one.values.find(p.name)->second) continue;
        const bool equal = to_text(shape_only(ready, two, spec_of(name, two)).graph) == first;
        ++(equal ? same : different)[p.name];
      }
    }
    CHECK(different.size() > 3);
    for (const auto& [parameter, times] : same) {
      // Windows clipped to a small map may be equal, and far from the image maps are small.
      if (parameter > "block_3" && parameter < "block_9~") continue;
      if (parameter.starts_with("block_10")) continue;
      CAPTURE(name);
      CAPTURE(parameter);
      if (times >= 4) CHECK(different[parameter] > 0);
    }
  }
}

TEST_CASE("sparse nets: the three layers, downsampling, even kernels, one channel") {
  const std::string point =
      "num_conv_blocks=2 downsample_input_depth_1=1 input_downsampling_rate_1=2 "
      "conv_1_num_layers=2 conv_1_layer_1_filters=5 conv_1_layer_1_kernel=4 "
      "conv_1_layer_2_type=1 conv_1_layer_2_filters=7 conv_1_layer_2_kernel=3 "
      "conv_1_layer_2_downsample=0.5 downsample_input_depth_2=1 input_downsampling_rate_2=4 "
      "conv_2_layer_1_type=2 conv_2_layer_1_filters=9 conv_2_layer_1_kernel=5 drop_1=0.2 "
      "num_fc_layers=1 fc_weights_layer_1=11 drop_fc_1=0.3";
  CHECK(shape_at("sparse_cnn", point, kImage, "b1.l1.conv") == Shape{5, 10, 10});
  CHECK(shape_at("sparse_cnn", point, kImage, "b1.l2.down.w") == Shape{3, 5, 1, 1});
  CHECK(shape_at("sparse_cnn", point, kImage, "b1.l2.conv") == Shape{7, 10, 10});
  CHECK(shape_at("sparse_cnn", point, kImage, "b2.l1.dw.w") == Shape{35, 1, 5, 5});
  CHECK(shape_at("sparse_cnn", point, kImage, "b2.l1.pw") == Shape{9, 2, 2});
  CHECK(shape_at("sparse_cnn", point, kImage, "fc1.w") == Shape{11, 9});
  // Of one channel something is left.
  CHECK(shape_at("sparse_cnn", "conv_1_layer_1_type=1 conv_1_layer_1_downsample=0.5", kImage,
                 "b1.l1.down.w") == Shape{1, 1, 1, 1});
  // A map of 2×2 under a rate of 4.
  CHECK(shape_at("sparse_cnn", "downsample_input_depth_1=1 input_downsampling_rate_1=4",
                 {.shape = {1, 2, 2}, .classes = 2}, "b1.l1.conv") == Shape{6, 1, 1});
  const DataSpec touch{.shape = {30, 8, 8}, .classes = 14};
  CHECK(shape_at("sparse_cnn_rnn", "cell_type=1 neurons_layers=10 conv_1_layer_1_filters=12", touch,
                 "rnn.l0.w_ih") == Shape{40, 8});
  const DataSpec gestures{.shape = {50, 3}, .classes = 6, .dtype = DType::f32};
  CHECK(shape_at("sparse_rnn", "rnn_layers=2 neurons_layers=10", gestures, "rnn.l1.w_ih") ==
        Shape{30, 10});
  CHECK(text("sparse_rnn", "", gestures).find("input lengths") != std::string::npos);
  CHECK_THROWS_WITH_AS(shape_only(preset("sparse_rnn"), Point{}, kImage),
                       doctest::Contains("sparse_rnn: samples must be (steps,features)"), Error);
  CHECK_THROWS_WITH_AS(
      shape_only(preset("sparse_cnn"), point_from("conv_1_layer_1_type=3"), kImage),
      doctest::Contains("parameter 'conv_1_layer_1_type': '3' is none of 0, 1, 2"), Error);
}

TEST_CASE("branch net: parallel results meet at the smallest map, series ones follow") {
  const std::string point =
      "blocks=3 block_1_layer_1_filters=6 block_1_layer_1_kernel=3 "
      "block_2_branch=1 block_2_layers=2 block_2_layer_1_type=conv block_2_layer_1_filters=4 "
      "block_2_layer_1_kernel=3 block_2_layer_2_type=depthwise block_2_layer_2_kernel=3 "
      "block_2_layer_2_stride=2 block_3_layer_1_filters=5 block_3_layer_1_type=pointwise "
      "pool=avg pool_size=2";
  const Net net = shape_only(preset("branch_cnn"), point_from(point), kImage);
  const auto shape = [&](const char* name) { return net.graph[net.graph.at(name)].type.shape; };
  CHECK(shape("b1.l1.conv") == Shape{6, 18, 18});
  CHECK(shape("b2.l1.conv") == Shape{4, 18, 18});  // reads the image too
  CHECK(shape("b2.l2.fit") == Shape{6, 8, 8});
  CHECK(shape("add") == Shape{6, 8, 8});
  CHECK(shape("b3.l1.conv") == Shape{5, 8, 8});
  CHECK(shape("fc1.w") == Shape{32, 5 * 4 * 4});
}

TEST_CASE("row net and mlp: shapes") {
  const DataSpec rows{.shape = {3, 1, 50}, .classes = 6, .dtype = DType::f32};
  const std::string point =
      "layers=2 layer_1_type=conv layer_1_filters=8 layer_1_kernel=5 layer_1_stride=2 "
      "layer_1_pool=2 layer_2_type=separable layer_2_filters=9 layer_2_kernel=3 head=flatten";
  CHECK(shape_at("row_cnn", point, rows, "l1.conv.w") == Shape{8, 3, 1, 5});
  CHECK(shape_at("row_cnn", point, rows, "l2.pw") == Shape{9, 1, 12});
  CHECK(shape_at("row_cnn", point, rows, "out.w") == Shape{6, 9 * 12});
  CHECK(shape_at("mlp", "dense_layers=2 dense_1_units=20 dense_2_units=30", kImage, "fc2.w") ==
        Shape{30, 20});
  CHECK(shape_at("mlp", "dense_layers=1 dense_1_units=20", {.shape = {7}, .classes = 3}, "fc1.w") ==
        Shape{20, 7});
}

TEST_CASE("builders: by name, shapes without numbers, own ones") {
  for (const std::string& name : preset_names()) {
    const Space space(preset(name).parameters);
    Rng rng(3);
    for (int i = 0; i < 5; ++i) {
      Point point = space.sample(rng);
      if (point.has("neurons_layers")) point.set("neurons_layers", 8.0);
      const DataSpec spec = spec_of(name, point);
      const Net full = builder_named(preset(name).builder)(point, spec, rng);
      const Net hollow = shape_only(preset(name), point, spec);
      CHECK(to_text(full.graph) == to_text(hollow.graph));
      CHECK(plan_memory(full.graph, {}).size == plan_memory(hollow.graph, {}).size);
    }
  }
  CHECK_THROWS_WITH_AS(builder_info("sparse_cn"), doctest::Contains("sparse_cnn"), Error);
  const auto grow = [](NetBuilder& b, const Point&, const DataSpec& spec) {
    return nn::linear(b.data_input(spec), "only", {.out = spec.classes});
  };
  add_builder({"test_linear", grow, {"nothing"}});
  Rng rng(1);
  CHECK(builder_named("test_linear")({}, {.shape = {4}, .classes = 3}, rng).graph.find("only.w"));
  CHECK_THROWS_WITH_AS(add_builder({"mlp", grow, {}}), doctest::Contains("taken"), Error);
}

TEST_CASE("21,000 morphs of the ready spaces: in the space, built, different, parent untouched") {
  int morphs = 0;
  for (const std::string& name : preset_names()) {
    CAPTURE(name);
    const Preset& ready = preset(name);
    const Space space(ready.parameters, ready.constraints);
    const auto moves = moves_named(space, {});
    Rng rng(17);
    std::map<std::string, int> used;
    Point parent = space.sample(rng);
    for (int i = 0; i < 3000; ++i, ++morphs) {
      if (i % 10 == 0) parent = space.sample(rng);
      const Point before = parent;
      const auto made = morph(space, parent, moves, rng);
      REQUIRE(made);
      REQUIRE(parent == before);
      REQUIRE(made->point != parent);
      REQUIRE(space.contains(made->point));
      REQUIRE((made->moves.size() >= 1 && made->moves.size() <= 3));
      for (const std::string& move : made->moves) ++used[move];
      const DataSpec spec = spec_of(name, made->point);
      const Net net = shape_only(ready, made->point, spec);
      REQUIRE(net.graph[net.graph.output()].type.shape == Shape{spec.classes});
      parent = made->point;
    }
    CHECK(used.size() > moves.size() / 2);
    if (name.starts_with("sparse"))
      for (const Move& move : sparse_moves(space)) {
        CAPTURE(move.name);
        CHECK(used[move.name] > 0);
      }
  }
  CHECK(morphs >= 20000);
}

TEST_CASE("moves: SpArSeMod's fourteen are one step each") {
  const Space cnn_rnn(preset("sparse_cnn_rnn").parameters), rnn(preset("sparse_rnn").parameters);
  CHECK(sparse_moves(cnn_rnn).size() == 12);  // all but the two of the dense layer behind an RNN
  CHECK(sparse_moves(rnn).size() == 6);
  CHECK(sparse_moves(Space(preset("mlp").parameters)).empty());
  Rng rng(2);
  const Point parent = rnn.complete(
      point_from("rnn_layers=2 rnn_dropout=0.3 neurons_layers=100 max_len=100 fc_layers=1 "
                 "neurons_fc_layer_1=50 cell_type=0"),
      rng);
  std::map<std::string, std::set<std::string>> reached;
  for (int i = 0; i < 40; ++i)
    for (const Move& move : sparse_moves(rnn))
      if (const auto child = move.apply(rnn, parent, rng))
        for (const auto& [name, value] : child->values)
          if (parent.values.find(name)->second != value)
            reached[move.name].insert(name + "=" + to_text(value));
  using Set = std::set<std::string>;
  CHECK(reached["sparse.rnn_layers"] == Set{"rnn_layers=1", "rnn_layers=3"});
  CHECK(reached["sparse.n_neurons"] == Set{"neurons_layers=132", "neurons_layers=68"});
  CHECK(reached["sparse.rnn_dropout"] == Set{"rnn_dropout=0.25", "rnn_dropout=0.35"});
  CHECK(reached["sparse.max_len"] == Set{"max_len=110", "max_len=90"});
  CHECK(reached["sparse.fc"] == Set{"fc_layers=0"});
  CHECK(reached["sparse.fc_neurons"] == Set{"neurons_fc_layer_1=45", "neurons_fc_layer_1=55"});
  // At a bound the other way; within, as far as it goes.
  const Parameter& neurons = rnn.at("neurons_layers");
  CHECK(stepped(neurons, 20, -32) == PointValue(52.0));
  CHECK(stepped(neurons, 500, 32) == PointValue(468.0));
  CHECK(stepped({.name = "n", .kind = Kind::integer, .low = 1, .high = 4}, 2, 9) ==
        PointValue(4.0));
  CHECK_FALSE(stepped({.name = "n", .kind = Kind::integer, .low = 4, .high = 4}, 4, 1));
}

TEST_CASE("moves: uNAS's single steps; removed and inserted parts keep the others") {
  const Space space(preset("branch_cnn").parameters);
  Rng rng(4);
  const Point parent = space.complete(
      point_from("blocks=3 block_1_layers=1 block_1_layer_1_type=conv block_1_layer_1_filters=11 "
                 "block_2_branch=0 block_2_layers=2 block_2_layer_1_type=conv "
                 "block_2_layer_1_filters=21 block_2_layer_1_kernel=3 block_2_layer_2_type=conv "
                 "block_2_layer_2_filters=22 block_3_branch=1 block_3_layers=2 "
                 "block_3_layer_1_type=conv block_3_layer_1_filters=31 block_3_layer_2_type=conv "
                 "dense_layers=2 dense_1_units=40 dense_2_units=50 pool=avg pool_size=4"),
      rng);
  const auto moves = block_moves(space);
  const auto apply = [&](const std::string& name) -> std::optional<Point> {
    for (const Move& move : moves) {
      if (move.name != name) continue;
      const auto child = move.apply(space, parent, rng);
      return child ? std::optional(space.complete(*child, rng)) : std::nullopt;
    }
    FAIL("no move " << name);
    return std::nullopt;
  };
  const Point removed = *apply("blocks.2.remove");
  CHECK(removed.integer("blocks") == 2);
  CHECK(removed.integer("block_1_layer_1_filters") == 11);
  CHECK(removed.integer("block_2_layer_1_filters") == 31);  // the third one's
  CHECK_FALSE(removed.flag("block_2_branch", true));        // promoted
  const Point first = *apply("blocks.1.remove");
  CHECK(first.integer("block_1_layer_1_filters") == 21);
  CHECK(first.integer("block_1_layer_2_filters") == 22);
  const Point layer = *apply("blocks.2.1.remove");
  CHECK(layer.integer("block_2_layers") == 1);
  CHECK(layer.integer("block_2_layer_1_filters") == 22);
  CHECK(apply("blocks.1.1.remove")->integer("blocks") == 2);  // the only layer: the block goes
  const Point inserted = *apply("blocks.2.1.insert");
  CHECK(inserted.integer("block_2_layers") == 3);
  CHECK(inserted.integer("block_2_layer_2_filters") == 21);
  CHECK(inserted.integer("block_2_layer_3_filters") == 22);
  CHECK(apply("blocks.append")->integer("block_4_layers") == 1);
  CHECK(apply("blocks.2.1.filters-5")->integer("block_2_layer_1_filters") == 16);
  CHECK(apply("blocks.2.1.kernel+2")->integer("block_2_layer_1_kernel") == 5);
  CHECK_FALSE(apply("blocks.2.1.kernel-2"));
  CHECK_FALSE(apply("blocks.4.remove"));
  CHECK_FALSE(apply("blocks.10.1.norm"));
  CHECK(apply("blocks.3.branch")->number("block_3_branch") == 0);
  CHECK(apply("blocks.pool=max")->word("pool") == "max");
  CHECK_FALSE(apply("blocks.pool=avg"));
  CHECK(apply("blocks.pool_size+2")->integer("pool_size") == 6);
  CHECK(apply("blocks.dense_1.remove")->integer("dense_1_units") == 50);
  CHECK(apply("blocks.dense_1.insert")->integer("dense_3_units") == 50);
  CHECK(apply("blocks.dense_2_units+3")->integer("dense_2_units") == 53);
  CHECK(apply("blocks.2.2.type=depthwise")->word("block_2_layer_2_type") == "depthwise");
  // The other families.
  CHECK_FALSE(block_moves(Space(preset("mlp").parameters)).empty());
  CHECK_THROWS_WITH_AS(moves_named(space, {"stebs"}), doctest::Contains("steps"), Error);
  CHECK(moves_named(space, {"blocks"}).size() == moves.size());
  add_moves("test_moves", [](const Space&) {
    return std::vector<Move>{
        {"mine", [](const Space&, const Point&, Rng&) { return std::optional<Point>(); }}};
  });
  CHECK(moves_named(space, {"test_moves"}).size() == 1);
  CHECK_THROWS_AS(add_moves("steps", nullptr), Error);
}
