// Golden cases of the graph's ops: forward, and the gradients of all operands.
#include <set>

#include "autograd/op_runner.h"
#include "golden_case.h"
#include "tensor/error.h"

namespace sparlet::golden {
namespace {

// PyTorch's attribute -> ours, where the meaning is the same.
using Renamed = std::map<std::string, std::string>;

struct Layer {
  const OpDef* op;
  std::vector<std::string> inputs;  // in our order; those a case lacks are left out
  Renamed attrs = {};
  std::set<std::string> unneeded = {};  // attributes that say what the inputs already do
  // Ours made of several of PyTorch's: name, and theirs in our order.
  std::map<std::string, std::vector<std::string>> lists = {};
};

const std::map<std::string, Layer>& layers() {
  const Renamed pool{{"kernel", "size"}, {"stride", "stride"}, {"padding", "pad"}};
  Renamed average = pool;
  average["count_include_pad"] = "count_pad";
  const Renamed conv{
      {"stride", "stride"}, {"padding", "pad"}, {"dilation", "dilation"}, {"groups", "groups"}};
  Renamed transposed = conv;
  transposed["output_padding"] = "output_padding";
  static const std::map<std::string, Layer> table{
      {"conv1d", {&conv1d_op, {"x", "weight", "bias"}, conv, {"bias"}}},
      {"conv2d", {&conv2d_op, {"x", "weight", "bias"}, conv, {"bias"}}},
      {"conv3d", {&conv3d_op, {"x", "weight", "bias"}, conv, {"bias"}}},
      {"conv_transpose2d", {&conv_transpose2d_op, {"x", "weight", "bias"}, transposed, {"bias"}}},
      {"linear", {&linear_op, {"x", "weight", "bias"}, {}, {"bias"}}},
      {"maxpool2d", {&max_pool_op, {"x"}, pool}},
      {"avgpool2d", {&avg_pool_op, {"x"}, average}},
      {"maxpool1d", {&max_pool1d_op, {"x"}, pool}},
      {"avgpool1d", {&avg_pool1d_op, {"x"}, average}},
      {"maxpool3d", {&max_pool3d_op, {"x"}, pool}},
      {"adaptive_avgpool2d",
       {&adaptive_avg_pool2d_op, {"x"}, {}, {}, {{"out", {"out_h", "out_w"}}}}},
      {"pad", {&pad_op, {"x"}, {}, {}, {{"pad", {"top", "bottom", "left", "right"}}}}},
      {"upsample_nearest2d", {&upsample_nearest2d_op, {"x"}, {{"scale", "scale"}}}},
      {"global_avgpool2d", {&global_avg_pool_op, {"x"}}},
      {"relu", {&relu_op, {"x"}}},
      {"relu6", {&relu6_op, {"x"}}},
      {"leaky_relu", {&leaky_relu_op, {"x"}}},
      {"gelu", {&gelu_op, {"x"}}},
      {"hardsigmoid", {&hardsigmoid_op, {"x"}}},
      {"hardswish", {&hardswish_op, {"x"}}},
      {"sigmoid", {&sigmoid_op, {"x"}}},
      {"silu", {&silu_op, {"x"}}},
      {"tanh", {&tanh_op, {"x"}}},
      {"elu", {&elu_op, {"x"}, {{"alpha", "alpha"}}}},
      {"prelu", {&prelu_op, {"x", "slope"}}},
      {"matmul", {&matmul_op, {"a", "b"}, {{"transpose_b", "transpose_b"}}}},
      {"add", {&add_op, {"a", "b"}}},
      {"sub", {&sub_op, {"a", "b"}}},
      {"mul", {&mul_op, {"a", "b"}}},
      {"concat", {&concat_op, {"a", "b"}, {}, {"axis"}}},
      {"softmax", {&softmax_op, {"x"}, {}, {"axis"}}},
      {"log_softmax", {&log_softmax_op, {"x"}, {}, {"axis"}}},
      {"layer_norm", {&layer_norm_op, {"x", "gamma", "beta"}, {{"eps", "epsilon"}}, {"axis"}}},
      {"batchnorm",
       {&batch_norm_op,
        {"x", "gamma", "beta", "mean", "var"},
        {{"momentum", "momentum"}, {"eps", "epsilon"}},
        {"training"}}},
  };
  return table;
}

Attr attr_of(const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_array()) return value.get<std::vector<double>>();
  return value.get<double>();
}

Attrs attrs_of(const Case& test, const Layer& layer) {
  Attrs attrs;
  std::set<std::string> done = layer.unneeded;
  for (const auto& [ours, theirs] : layer.lists) {
    std::vector<double> list;
    for (const std::string& key : theirs) {
      list.push_back(test.attrs.at(key).get<double>());
      done.insert(key);
    }
    attrs[ours] = std::move(list);
  }
  for (const auto& [key, value] : test.attrs.items()) {
    if (done.contains(key)) continue;
    const auto ours = layer.attrs.find(key);
    require(ours != layer.attrs.end(), "unknown attribute {}", key);
    attrs[ours->second] = attr_of(value);
  }
  if (test.attrs.contains("axis"))
    require(test.attrs["axis"] == 1, "axis {}, wanted 1", test.attrs["axis"].dump());
  return attrs;
}

Shape without_batch(const Shape& shape) {
  Shape rest;
  for (int i = 1; i < shape.rank(); ++i) rest.push_back(shape[i]);
  return rest;
}

std::string_view leaf_of(const std::string& input) {
  if (input == "x" || input == "a" || input == "b") return "input";
  return input == "mean" || input == "var" ? "state" : "param";
}

}  // namespace

bool run_layer(const Case& test, const Kernels& kernels) {
  const auto found = layers().find(test.op);
  if (found == layers().end()) return false;
  const Layer& layer = found->second;
  Sample sample{.name = test.name, .in = {}, .attrs = attrs_of(test, layer)};
  std::vector<std::string> names;
  std::vector<Tensor> values;
  for (const std::string& name : layer.inputs) {
    if (!test.in.contains(name)) continue;
    const Tensor& value = test.in.at(name);
    const std::string_view leaf = leaf_of(name);
    sample.in.push_back({leaf == "input" ? without_batch(value.shape()) : value.shape(), leaf});
    names.push_back(name);
    values.push_back(value);
  }
  require(names.size() == test.in.size(), "an input has no place in {}", layer.op->name);

  const bool infer = test.attrs.contains("training") && !test.attrs["training"].get<bool>();
  const int64_t n = values[0].shape()[0];
  OpRunner runner(sample_graph(*layer.op, sample),
                  {.batch = n, .mode = infer ? Mode::infer : Mode::train, .kernels = &kernels});
  expect_close("y", runner.forward(n, values), test.out.at("y"), kForward);
  const std::map<std::string, size_t> states{{"running_mean", 3}, {"running_var", 4}};
  for (const auto& [name, wanted] : test.out)
    if (name != "y") expect_close(name, runner.operand(states.at(name)), wanted, kForward);
  const std::vector<Tensor> gradients = runner.backward(test.grad_out.at("y"));
  for (const auto& [name, wanted] : test.grad) {
    const auto at = std::ranges::find(names, name) - names.begin();
    expect_close("gradient of " + name, gradients[size_t(at)], wanted, kGradient);
  }
  return true;
}

}  // namespace sparlet::golden
