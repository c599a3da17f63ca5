// Children that compute what their parents do, and recurrent weights by gate.
#include <doctest/doctest.h>

#include <cmath>

#include "autograd/executor.h"
#include "nn/recurrent.h"
#include "search/builders.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace sparlet::search;

namespace {

// A net whose norms have seen data, so that they are no identities.
Net trained(const std::string& builder, const std::string& point, const DataSpec& spec,
            uint64_t seed) {
  Rng rng(seed);
  Net net = builder_named(builder)(point_from(point), spec, rng);
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id)
    if (net.graph[id].op == &state_op || net.graph[id].name.ends_with(".gamma") ||
        net.graph[id].name.ends_with(".beta"))
      for (float& v : net.params[size_t(id)].write<float>()) v = float(0.5 + rng.uniform());
  return net;
}

Net fresh(const std::string& builder, const std::string& point, const DataSpec& spec) {
  Rng rng(99);
  return builder_named(builder)(point_from(point), spec, rng);
}

Tensor outputs(const Net& net, const DataSpec& spec) {
  constexpr int64_t n = 6;
  Rng rng(7);
  Shape shape{n};
  for (int64_t size : spec.shape) shape.push_back(size);
  Tensor x(shape);
  for (float& v : x.write()) v = float(100 * rng.uniform());
  Executor executor(net, {.batch = n});
  Tensor lengths({n, 1}, DType::i32);
  for (int32_t i = 0; i < n; ++i) lengths.write<int32_t>()[size_t(i)] = i + 2;
  for (const Id id : inputs(net.graph)) {
    const bool is_lengths = net.graph[id].name == "lengths";
    Tensor& from = is_lengths ? lengths : x;
    executor.set_input(id, {from.shape(), from.dtype(), from.raw_write()});
  }
  executor.forward(n);
  return executor.output();
}

double difference(const Net& a, const Net& b, const DataSpec& spec) {
  const Tensor one = outputs(a, spec), two = outputs(b, spec);
  double worst = 0, largest = 1e-3;
  for (size_t i = 0; i < one.read().size(); ++i) {
    largest = std::max(largest, std::abs(double(one.read()[i])));
    worst = std::max(worst, std::abs(double(one.read()[i]) - double(two.read()[i])));
  }
  return worst / largest;
}

struct Case {
  const char *builder, *parent, *child;
  DataSpec spec;
};

const DataSpec kImage{.shape = {1, 12, 12}, .classes = 4, .mean = 33, .deviation = 78};
const DataSpec kSteps{.shape = {9, 3}, .classes = 4, .dtype = DType::f32};
const DataSpec kRow{.shape = {3, 1, 20}, .classes = 4, .dtype = DType::f32};

}  // namespace

TEST_CASE("inherit: wider and deeper children give their parents' outputs to 1e-5") {
  const std::string two =
      "num_conv_blocks=2 conv_1_layer_1_filters=6 conv_1_layer_1_kernel=3 "
      "conv_2_layer_1_filters=8 conv_2_layer_1_kernel=3 downsample_input_depth_2=1 "
      "num_fc_layers=1 fc_weights_layer_1=10 ";
  const std::string wide =
      "num_conv_blocks=2 conv_1_layer_1_filters=9 conv_1_layer_1_kernel=5 "
      "conv_2_layer_1_filters=11 conv_2_layer_1_kernel=4 downsample_input_depth_2=1 "
      "num_fc_layers=1 fc_weights_layer_1=17 ";
  const std::string deep =
      two + "conv_1_num_layers=2 conv_1_layer_2_filters=6 conv_1_layer_2_kernel=4 ";
  const std::string deep_wide = two + "conv_2_num_layers=2 conv_2_layer_2_filters=12 ";
  const std::string dense =
      "num_conv_blocks=2 conv_1_layer_1_filters=6 conv_1_layer_1_kernel=3 "
      "conv_2_layer_1_filters=8 conv_2_layer_1_kernel=3 downsample_input_depth_2=1 "
      "num_fc_layers=2 fc_weights_layer_1=10 fc_weights_layer_2=15 ";
  const std::string flat = "head=flatten block_1_layer_1_filters=4 block_1_pool=max ";
  const std::vector<Case> cases = {
      {"sparse_cnn", two.c_str(), wide.c_str(), kImage},
      {"sparse_cnn", two.c_str(), deep.c_str(), kImage},
      {"sparse_cnn", two.c_str(), deep_wide.c_str(), kImage},
      {"sparse_cnn", two.c_str(), dense.c_str(), kImage},
      {"sparse_cnn", "conv_1_layer_1_type=2 conv_1_layer_1_filters=5",
       "conv_1_layer_1_type=2 conv_1_layer_1_filters=8", kImage},
      {"sparse_cnn",
       "conv_1_num_layers=2 conv_1_layer_1_filters=4 conv_1_layer_2_type=1 "
       "conv_1_layer_2_downsample=0.5",
       "conv_1_num_layers=2 conv_1_layer_1_filters=8 conv_1_layer_2_type=1 "
       "conv_1_layer_2_downsample=0.5",
       kImage},
      {"chain_cnn", flat.c_str(), "head=flatten block_1_layer_1_filters=7 block_1_pool=max",
       kImage},
      {"branch_cnn",
       "blocks=2 block_2_branch=1 block_1_layer_1_filters=5 block_2_layers=2 "
       "block_2_layer_1_filters=3 dense_layers=1",
       "blocks=2 block_2_branch=1 block_1_layer_1_filters=5 block_2_layers=2 "
       "block_2_layer_1_filters=8 dense_layers=2",
       kImage},
      {"sparse_rnn", "neurons_layers=8", "neurons_layers=13", kSteps},
      {"sparse_rnn", "neurons_layers=8 rnn_layers=2 cell_type=1",
       "neurons_layers=11 rnn_layers=2 cell_type=1", kSteps},
      {"row_cnn", "layers=2 layer_1_filters=4 layer_2_filters=6",
       "layers=3 layer_1_filters=7 layer_2_filters=6 layer_3_filters=9", kRow},
      {"mlp", "dense_layers=1 dense_1_units=10",
       "dense_layers=3 dense_1_units=15 dense_2_units=15 "
       "dense_3_units=20",
       kImage},
  };
  for (const Case& c : cases) {
    CAPTURE(c.parent);
    CAPTURE(c.child);
    const Net parent = trained(c.builder, c.parent, c.spec, 3);
    const Net child = fresh(c.builder, c.child, c.spec);
    CHECK(difference(parent, child, c.spec) > 1e-3);  // the test can fail
    const Inherited made = inherit(parent, child);
    CHECK(difference(parent, made.net, c.spec) < 1e-5);
    CHECK(hash(made.net) != hash(parent));
    CHECK(hash(child) == hash(fresh(c.builder, c.child, c.spec)));
  }
}

TEST_CASE("inherit: new parts can learn: they are not all 0") {
  const Net parent = trained("sparse_rnn", "neurons_layers=8", kSteps, 1);
  const Net child = inherit(parent, fresh("sparse_rnn", "neurons_layers=13", kSteps)).net;
  const auto w = child.value("rnn.l0.w_hh").read();  // (3, 13, 13)
  const auto old = parent.value("rnn.l0.w_hh").read();
  for (size_t g = 0; g < 3; ++g)
    for (size_t o = 0; o < 13; ++o)
      for (size_t i = 0; i < 13; ++i) {
        const float v = w[(g * 13 + o) * 13 + i];
        if (o < 8 && i < 8)
          REQUIRE(v == old[(g * 8 + o) * 8 + i]);
        else if (o < 8)
          REQUIRE(v == 0);
        else
          REQUIRE(v != 0);
      }
}

TEST_CASE("inherit: another cell or a depthwise layer is another kind") {
  const Net gru = trained("sparse_rnn", "neurons_layers=8 cell_type=0", kSteps, 1);
  const Net lstm = fresh("sparse_rnn", "neurons_layers=8 cell_type=1", kSteps);
  const Inherited made = inherit(gru, lstm);
  CHECK(made.net.value("rnn.l0.w_ih") == lstm.value("rnn.l0.w_ih"));
  CHECK(made.net.value("out.w") == gru.value("out.w"));
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  CHECK(has(made.report.fresh, "rnn.l0.w_ih"));
  const DataSpec colour{.shape = {3, 12, 12}, .classes = 4};
  const Inherited other =
      inherit(trained("branch_cnn", "block_1_layer_1_type=depthwise", colour, 1),
              fresh("branch_cnn", "block_1_layer_1_type=conv block_1_layer_1_filters=3", colour));
  CHECK(has(other.report.fresh, "b1.l1.conv.w"));
  // A smaller net takes the leading part; the report says so.
  const Inherited less = inherit(gru, fresh("sparse_rnn", "neurons_layers=5", kSteps));
  CHECK(has(less.report.partly, "rnn.l0.w_ih"));
  CHECK(less.net.value("rnn.l0.w_ih").read()[5 * 3] == gru.value("rnn.l0.w_ih").read()[8 * 3]);
  const Inherited deeper =
      inherit(trained("mlp", "dense_layers=1 dense_1_units=10", kSteps, 1),
              fresh("mlp", "dense_layers=2 dense_1_units=10 dense_2_units=12", kSteps));
  CHECK(has(deeper.report.identity, "fc2.w"));
  CHECK(summary(deeper.report).find("1 passed through") != std::string::npos);
}
