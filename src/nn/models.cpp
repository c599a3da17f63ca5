#include "nn/models.h"

#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet::nn {
namespace {

struct Model {
  std::string_view name;
  Net (*make)(const DataSpec&, Rng&);
};

constexpr Model kModels[] = {{"lenet5", lenet5}, {"mlp", mlp}, {"linear", softmax_regression}};

Var flat_input(NetBuilder& builder, const DataSpec& spec) {
  const Var x = builder.data_input(spec);
  return x.shape().rank() == 1 ? x : flatten(x);
}

}  // namespace

Net lenet5(const DataSpec& spec, Rng& rng) {
  require(spec.shape.rank() == 3, "lenet5: samples are {}, wanted (c,h,w)", to_string(spec.shape));
  const int64_t pad = spec.shape[1] < 32 ? 2 : 0;
  NetBuilder builder(rng);
  Var x = builder.data_input(spec);
  x = max_pool(relu(conv2d(x, "c1", {.out = 6, .kernel = 5, .pad = pad})));
  x = max_pool(relu(conv2d(x, "c2", {.out = 16, .kernel = 5})));
  x = relu(linear(flatten(x), "f1", {.out = 120}));
  x = relu(linear(x, "f2", {.out = 84}));
  return builder.finish(linear(x, "f3", {.out = spec.classes}));
}

Net mlp(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  Var x = flat_input(builder, spec);
  x = relu(linear(x, "f1", {.out = 300}));
  x = relu(linear(x, "f2", {.out = 100}));
  return builder.finish(linear(x, "f3", {.out = spec.classes}));
}

Net softmax_regression(const DataSpec& spec, Rng& rng) {
  NetBuilder builder(rng);
  return builder.finish(linear(flat_input(builder, spec), "f1", {.out = spec.classes}));
}

Net by_name(std::string_view name, const DataSpec& spec, Rng& rng) {
  for (const Model& model : kModels)
    if (model.name == name) return model.make(spec, rng);
  const std::vector<std::string_view> names = model_names();
  fail("net '{}': not a known net{}", name,
       did_you_mean(name, std::span<const std::string_view>(names)));
}

std::vector<std::string_view> model_names() {
  std::vector<std::string_view> names;
  for (const Model& model : kModels) names.push_back(model.name);
  return names;
}

}  // namespace sparlet::nn
