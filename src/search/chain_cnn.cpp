#include "search/chain_cnn.h"

#include <cmath>

#include "search/builder_parts.h"
#include "search/builders.h"
#include "tensor/error.h"

namespace sparlet::search {

namespace {

Var layer(Var x, const Scope& scope) {
  const std::string type = scope.point.word(scope.at("type"), "conv");
  const int64_t filters = scope.integer("filters", 6, 1);
  const int64_t kernel = scope.integer("kernel", 3, 1);
  const int64_t stride = scope.integer("stride", 1, 1);
  const nn::Conv2d spatial{
      .out = filters, .kernel = kernel, .stride = stride, .pad = kernel / 2, .bias = false};
  const auto pointwise = [](int64_t out) {
    return nn::Conv2d{.out = out, .kernel = 1, .bias = false};
  };
  if (type == "conv") {
    x = nn::conv2d(x, "conv", spatial);
  } else if (type == "separable") {
    x = nn::depthwise(x, "dw", spatial);
    x = nn::conv2d(x, "pw", pointwise(filters));
  } else if (type == "bottleneck") {
    const double inner = std::round(double(filters) * scope.fraction("ratio", 0.5));
    x = nn::conv2d(x, "down", pointwise(std::max<int64_t>(int64_t(inner), 1)));
    x = nn::conv2d(x, "conv", spatial);
  } else {
    scope.reject("type", type, {"conv", "separable", "bottleneck"});
  }
  return nn::relu(nn::batch_norm(x, "bn"));
}

Var pool(Var x, const Scope& scope) {
  const std::string kind = scope.point.word(scope.at("pool"), "none");
  if (kind == "none") return x;
  const nn::Pool options{.size = scope.integer("pool_size", 2, 1)};
  if (kind == "max") return nn::max_pool(x, options);
  if (kind == "avg") return nn::avg_pool(x, options);
  scope.reject("pool", kind, {"none", "max", "avg"});
}

}  // namespace

Var grow_chain_cnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  require(spec.shape.rank() == 3, "chain_cnn: samples must be (c,h,w), these are {}",
          to_string(spec.shape));
  require(spec.classes >= 1, "chain_cnn: {} classes", spec.classes);
  Var x = builder.data_input(spec);
  const Scope top{point, ""};
  for (int64_t b = 1, blocks = top.count("blocks", 1, 1); b <= blocks; ++b) {
    const Scope block{point, fmt::format("block_{}_", b)};
    const NameScope name(builder, fmt::format("b{}", b));
    for (int64_t l = 1, layers = block.count("layers", 1, 1); l <= layers; ++l) {
      const NameScope inner(builder, fmt::format("l{}", l));
      x = layer(x, {point, block.at(fmt::format("layer_{}_", l))});
    }
    x = drop(pool(x, block), block, "dropout");
  }
  const std::string head = point.word("head", "global_average");
  if (head == "flatten")
    x = nn::flatten(x);
  else if (head == "global_average")
    x = nn::global_avg_pool(x);
  else
    top.reject("head", head, {"global_average", "flatten"});
  for (int64_t d = 1, layers = top.count("dense_layers", 0, 0); d <= layers; ++d) {
    const int64_t units = top.integer(fmt::format("dense_{}_units", d), 32, 1);
    x = nn::relu(nn::linear(x, fmt::format("fc{}", d), {.out = units}));
    x = drop(x, top, "dense_dropout");
  }
  return nn::linear(x, "out", {.out = spec.classes});
}

Net build_chain_cnn(const Point& point, const DataSpec& spec, Rng& rng) {
  return build(grow_chain_cnn, point, spec, rng);
}

std::vector<std::string> chain_cnn_names() {
  std::vector<std::string> names = {
      "blocks", "block_#_layers", "block_#_pool",  "block_#_pool_size", "block_#_dropout",
      "head",   "dense_layers",   "dense_#_units", "dense_dropout"};
  for (const char* word : {"type", "filters", "kernel", "stride", "ratio"})
    names.push_back(fmt::format("block_#_layer_#_{}", word));
  return names;
}

}  // namespace sparlet::search
