#include "search/sparse_nets.h"

#include <algorithm>
#include <cmath>

#include "nn/functions.h"
#include "nn/recurrent.h"
#include "search/builder_parts.h"
#include "tensor/error.h"

namespace sparlet::search {
namespace {

void check_map(const char* builder, const DataSpec& spec) {
  require(spec.shape.rank() == 3, "{}: samples must be (c,h,w), these are {}", builder,
          to_string(spec.shape));
  require(spec.classes >= 1, "{}: {} classes", builder, spec.classes);
}

Var layer(Var x, const Scope& scope) {
  const std::string type = scope.word("type", "0");
  const int64_t filters = scope.integer("filters", 6, 1), kernel = scope.integer("kernel", 3, 1);
  const Rectangle square{.out = filters, .kernel_h = kernel, .kernel_w = kernel};
  if (type == "0") {
    x = conv(x, "conv", square);
  } else if (type == "1") {
    const double kept = double(x.shape()[0]) * (1 - scope.fraction("downsample", 0));
    x = pointwise(x, "down", std::max<int64_t>(1, std::llround(kept)));
    x = conv(x, "conv", square);
  } else if (type == "2") {
    x = depthwise_conv(x, "dw", square, kernel);
    x = pointwise(x, "pw", filters);
  } else {
    scope.reject("type", type, {"0", "1", "2"});
  }
  return nn::relu(nn::batch_norm(x, "bn"));
}

Var conv_blocks(Var x, const Scope& top) {
  NetBuilder& builder = *x.builder;
  for (int64_t b = 1, blocks = top.count("num_conv_blocks", 1, 1); b <= blocks; ++b) {
    const NameScope name(builder, fmt::format("b{}", b));
    const int64_t rate = top.integer(fmt::format("input_downsampling_rate_{}", b), 2, 1);
    if (top.flag(fmt::format("downsample_input_depth_{}", b), false))
      x = clipped_pool(x, false, {.size_h = rate, .size_w = rate});
    const Scope block = top.inner(fmt::format("conv_{}_", b));
    for (int64_t l = 1, layers = block.count("num_layers", 1, 1); l <= layers; ++l) {
      const NameScope inner(builder, fmt::format("l{}", l));
      x = layer(x, block.inner(fmt::format("layer_{}_", l)));
    }
    x = drop(x, top, fmt::format("drop_{}", b));
  }
  return x;
}

Var head(Var x, const Scope& top, int classes) {
  for (int64_t d = 1, layers = top.count("num_fc_layers", 0, 0); d <= layers; ++d) {
    const int64_t units = top.integer(fmt::format("fc_weights_layer_{}", d), 32, 1);
    x = nn::relu(nn::linear(x, fmt::format("fc{}", d), {.out = units}));
    x = drop(x, top, fmt::format("drop_fc_{}", d));
  }
  return nn::linear(x, "out", {.out = classes});
}

// The last state of the recurrent layers.
Var recurrent(Var x, const Scope& top, Var lengths = {}) {
  const nn::Recurrent options{.hidden = top.integer("neurons_layers", 32, 1),
                              .layers = top.count("rnn_layers", 1, 1),
                              .dropout = top.fraction("rnn_dropout", 0),
                              .lengths = lengths};
  const std::string cell = top.word("cell_type", "0");
  if (cell == "0") return nn::gru(x, "rnn", options).h;
  if (cell == "1") return nn::lstm(x, "rnn", options).h;
  top.reject("cell_type", cell, {"0", "1"});
}

using Names = std::vector<std::string>;

Names joined(Names list, const Names& more) {
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

const Names kBlocks = {"num_conv_blocks",
                       "downsample_input_depth_#",
                       "input_downsampling_rate_#",
                       "conv_#_num_layers",
                       "conv_#_layer_#_type",
                       "conv_#_layer_#_filters",
                       "conv_#_layer_#_kernel",
                       "conv_#_layer_#_downsample",
                       "drop_#",
                       "num_fc_layers",
                       "fc_weights_layer_#",
                       "drop_fc_#",
                       "max_len"};
const Names kRecurrent = {"rnn_layers", "neurons_layers", "rnn_dropout", "cell_type"};

}  // namespace

Var grow_sparse_cnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  check_map("sparse_cnn", spec);
  const Scope top{point, ""};
  const Var x = conv_blocks(builder.data_input(spec), top);
  return head(nn::global_avg_pool(x), top, spec.classes);
}

Var grow_sparse_cnn_rnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  check_map("sparse_cnn_rnn", spec);
  const Scope top{point, ""};
  const Var x = conv_blocks(builder.data_input(spec), top);
  return head(recurrent(nn::reduce_mean(x, {.axes = {2}}), top), top, spec.classes);
}

Var grow_sparse_rnn(NetBuilder& builder, const Point& point, const DataSpec& spec) {
  require(spec.shape.rank() == 2, "sparse_rnn: samples must be (steps,features), these are {}",
          to_string(spec.shape));
  require(spec.classes >= 1, "sparse_rnn: {} classes", spec.classes);
  const Scope top{point, ""};
  const Var x = builder.data_input(spec);
  const Var lengths = builder.input("lengths", {1}, DType::i32);
  Var y = recurrent(x, top, lengths);
  for (int64_t d = 1, layers = top.count("fc_layers", 0, 0); d <= layers; ++d)
    y = nn::linear(y, fmt::format("fc{}", d),
                   {.out = top.integer(fmt::format("neurons_fc_layer_{}", d), 32, 1)});
  return nn::linear(y, "out", {.out = spec.classes});
}

std::vector<std::string> sparse_cnn_names() { return kBlocks; }
std::vector<std::string> sparse_cnn_rnn_names() { return joined(kBlocks, kRecurrent); }
std::vector<std::string> sparse_rnn_names() {
  return joined(kRecurrent, {"fc_layers", "neurons_fc_layer_#", "max_len"});
}

}  // namespace sparlet::search
