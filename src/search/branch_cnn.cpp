#include "search/branch_cnn.h"

#include <algorithm>

#include "search/builder_parts.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

// `channels`: that the result must have; 0: as the parameters say.
Var layer(Var x, const Scope& scope, int64_t channels) {
  const std::string type = scope.word("type", "conv");
  const int64_t stride = scope.integer("stride", 1, 1);
  if (scope.flag("pre_pool", false)) x = clipped_pool(x, false, {});
  const int64_t wanted = type == "pointwise" ? 1 : scope.integer("kernel", 3, 1);
  Rectangle window{.kernel_h = std::min(wanted, x.shape()[1]),
                   .kernel_w = std::min(wanted, x.shape()[2]),
                   .stride_h = stride,
                   .stride_w = stride,
                   .same = false};
  if (type == "depthwise") {
    x = depthwise_conv(x, "conv", window);
    if (channels > 0 && channels != x.shape()[0]) x = pointwise(x, "fit", channels);
  } else if (type == "conv" || type == "pointwise") {
    window.out = channels > 0 ? channels : scope.integer("filters", 8, 1);
    x = conv(x, "conv", window);
  } else {
    scope.reject("type", type, {"conv", "pointwise", "depthwise"});
  }
  if (scope.flag("norm", true)) x = nn::batch_norm(x, "bn");
  return scope.flag("relu", true) ? nn::relu(x) : x;
}

Var block(Var x, const Scope& scope, int64_t channels) {
  const int64_t layers = scope.count("layers", 1, 1);
  for (int64_t l = 1; l <= layers; ++l) {
    const NameScope name(*x.builder, fmt::format("l{}", l));
    x = layer(x, scope.inner(fmt::format("layer_{}_", l)), l == layers ? channels : 0);
  }
  return x;
}

Var added(const std::vector<Var>& results) {
  int64_t h = results[0].shape()[1], w = results[0].shape()[2];
  for (const Var& r : results) h = std::min(h, r.shape()[1]), w = std::min(w, r.shape()[2]);
  Var sum = pool_to(results[0], h, w);
  for (size_t i = 1; i < results.size(); ++i) sum = nn::add(sum, pool_to(results[i], h, w));
  return sum;
}

Var head(Var x, const Scope& top, int classes) {
  const std::string kind = top.word("pool", "avg");
  if (kind != "avg" && kind != "max") top.reject("pool", kind, {"max", "avg"});
  const int64_t size = top.integer("pool_size", 2, 1);
  x = nn::flatten(clipped_pool(x, kind == "avg", {.size_h = size, .size_w = size}));
  for (int64_t d = 1, layers = top.count("dense_layers", 1, 0); d <= layers; ++d) {
    const int64_t units = top.integer(fmt::format("dense_{}_units", d), 32, 1);
    x = drop(x, top, "dense_dropout");
    x = nn::relu(nn::linear(x, fmt::format("fc{}", d), {.out = units}));
  }
  return nn::linear(x, "out", {.out = classes});
}

}  // namespace

Var grow_branch_cnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  require(spec.shape.rank() == 3, "branch_cnn: samples must be (c,h,w), these are {}",
          to_string(spec.shape));
  require(spec.classes >= 1, "branch_cnn: {} classes", spec.classes);
  const Scope top{point, ""};
  Var before = builder.data_input(spec);  // what the present group of parallel blocks reads
  std::vector<Var> results;
  for (int64_t b = 1, blocks = top.count("blocks", 1, 1); b <= blocks; ++b) {
    const Scope scope = top.inner(fmt::format("block_{}_", b));
    const bool branch = b > 1 && scope.flag("branch", false);
    if (!branch && !results.empty()) {
      before = added(results);
      results.clear();
    }
    const NameScope name(builder, fmt::format("b{}", b));
    results.push_back(block(before, scope, branch ? results[0].shape()[0] : 0));
  }
  return head(added(results), top, spec.classes);
}

std::vector<std::string> branch_cnn_names() {
  std::vector<std::string> names = {"blocks",        "block_#_branch", "block_#_layers",
                                    "pool",          "pool_size",      "dense_layers",
                                    "dense_#_units", "dense_dropout"};
  for (const char* word : {"type", "kernel", "filters", "stride", "pre_pool", "norm", "relu"})
    names.push_back(fmt::format("block_#_layer_#_{}", word));
  return names;
}

}  // namespace sparlet::search
