#include "search/row_cnn.h"

#include "search/builder_parts.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

Var layer(Var x, const Scope& scope) {
  const std::string type = scope.word("type", "conv");
  const int64_t filters = scope.integer("filters", 8, 1);
  const Rectangle row{.out = filters,
                      .kernel_h = 1,
                      .kernel_w = scope.integer("kernel", 3, 1),
                      .stride_w = scope.integer("stride", 1, 1)};
  if (type == "conv") {
    x = conv(x, "conv", row);
  } else if (type == "separable") {
    x = depthwise_conv(x, "dw", row);
    x = pointwise(x, "pw", filters);
  } else {
    scope.reject("type", type, {"conv", "separable"});
  }
  x = nn::relu(nn::batch_norm(x, "bn"));
  return clipped_pool(x, false, {.size_h = 1, .size_w = scope.integer("pool", 1, 1)});
}

Var dense(Var x, const Scope& top, int64_t usual, int classes) {
  for (int64_t d = 1, layers = top.count("dense_layers", usual, 0); d <= layers; ++d) {
    const int64_t units = top.integer(fmt::format("dense_{}_units", d), 32, 1);
    x = nn::relu(nn::linear(x, fmt::format("fc{}", d), {.out = units}));
    x = drop(x, top, "dense_dropout");
  }
  return nn::linear(x, "out", {.out = classes});
}

}  // namespace

Var grow_row_cnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  require(spec.shape.rank() == 3 && spec.shape[1] == 1,
          "row_cnn: samples must be (channels,1,steps), these are {}", to_string(spec.shape));
  require(spec.classes >= 1, "row_cnn: {} classes", spec.classes);
  const Scope top{point, ""};
  Var x = builder.data_input(spec);
  for (int64_t l = 1, layers = top.count("layers", 1, 1); l <= layers; ++l) {
    const NameScope name(builder, fmt::format("l{}", l));
    x = layer(x, top.inner(fmt::format("layer_{}_", l)));
  }
  x = drop(x, top, "dropout");
  const std::string head = top.word("head", "global_average");
  if (head != "flatten" && head != "global_average")
    top.reject("head", head, {"global_average", "flatten"});
  return dense(head == "flatten" ? nn::flatten(x) : nn::global_avg_pool(x), top, 0, spec.classes);
}

Var grow_mlp(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  require(spec.classes >= 1, "mlp: {} classes", spec.classes);
  Var x = builder.data_input(spec);
  if (x.shape().rank() > 1) x = nn::flatten(x);
  return dense(x, {point, ""}, 1, spec.classes);
}

std::vector<std::string> row_cnn_names() {
  return {"layers",         "layer_#_type",  "layer_#_filters", "layer_#_kernel",
          "layer_#_stride", "layer_#_pool",  "dropout",         "head",
          "dense_layers",   "dense_#_units", "dense_dropout",   "max_len"};
}

std::vector<std::string> mlp_names() { return {"dense_layers", "dense_#_units", "dense_dropout"}; }

}  // namespace sparlet::search
