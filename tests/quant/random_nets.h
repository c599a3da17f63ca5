// Random trained-looking nets over byte images: chains with branches, every op that has an int8
// form.
#pragma once
#include "nn/layers.h"
#include "quant/quantize.h"
#include "sparse/prune.h"

namespace sparlet::testing {

inline DataSpec byte_images(const Shape& shape) {
  return {.shape = shape, .classes = 10, .dtype = DType::u8, .mean = 33, .deviation = 78.5f};
}

inline Dataset random_bytes(const Shape& shape, int64_t n, Rng& rng) {
  Tensor x(batched(n, shape), DType::u8), y({n}, DType::i32);
  for (uint8_t& v : x.write<uint8_t>()) v = uint8_t(rng.below(256));
  return Dataset::all(x, y);
}

// Running statistics and affine parameters as training leaves them, not ones and zeros.
inline Net shaken(Net net, Rng& rng) {
  for (Id id = 0; id < Id(net.graph.nodes.size()); ++id) {
    const std::string& name = net.graph[id].name;
    if (!net.params[size_t(id)] || net.params[size_t(id)].dtype() != DType::f32) continue;
    if (name.ends_with(".variance") || name.ends_with(".gamma"))
      for (float& v : net.params[size_t(id)].write()) v = float(rng.uniform(0.3, 1.7));
    if (name.ends_with(".mean") && net.graph[id].op == &state_op)
      for (float& v : net.params[size_t(id)].write()) v = float(rng.normal() * 0.3);
    if (name.ends_with(".beta"))
      for (float& v : net.params[size_t(id)].write()) v = float(rng.normal() * 0.2);
  }
  return net;
}

inline Var activation(Var x, Rng& rng) {
  switch (rng.below(3)) {
    case 0:
      return nn::relu(x);
    case 1:
      return nn::relu6(x);
    default:
      return x;
  }
}

// One random step on a map.
inline Var random_step(const std::string& name, Var x, Rng& rng) {
  const int64_t c = x.shape()[0], h = x.shape()[1], w = x.shape()[2];
  switch (rng.below(9)) {
    case 0: {
      const int64_t kernel = 1 + 2 * rng.below(2);
      x = nn::conv2d(x, name,
                     {.out = 1 + rng.below(9),
                      .kernel = kernel,
                      .stride = 1 + rng.below(2),
                      .pad = kernel / 2,
                      .bias = rng.below(2) == 0});
      return rng.below(2) == 0 ? activation(nn::batch_norm(x, name + ".bn"), rng)
                               : activation(x, rng);
    }
    case 1:
      return activation(nn::depthwise(x, name, {.kernel = 3, .pad = 1}), rng);
    case 2:
      return h > 1 && w > 1 ? activation(nn::max_pool(x, {.size = 2}), rng) : x;
    case 3:
      return h > 2 && w > 2
                 ? activation(
                       nn::avg_pool(
                           x, {.size = 3, .stride = 2, .pad = 1, .count_pad = rng.below(2) == 0}),
                       rng)
                 : x;
    case 4: {
      const Var y =
          nn::conv2d(x, name, {.out = c, .kernel = 3, .pad = 1, .groups = c % 2 == 0 ? 2 : 1});
      return activation(rng.below(2) == 0 ? nn::add(x, y) : nn::sub(y, x), rng);
    }
    case 5: {
      const Var y =
          nn::conv2d(x, name, {.out = 1 + rng.below(5), .kernel = 3, .pad = 2, .dilation = 2});
      return activation(nn::concat({x, y}), rng);
    }
    case 6:
      return nn::mul(x, nn::relu6(nn::conv2d(x, name, {.out = c, .kernel = 1})));
    case 7:
      return nn::dropout(nn::batch_norm(x, name + ".bn"), 0.2);
    default:
      return nn::relu(x);
  }
}

inline Net random_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  const Shape shape{1 + rng.below(3), 7 + rng.below(4), 6 + rng.below(5)};
  Var x = b.data_input(byte_images(shape));
  for (int64_t step = 0, steps = 1 + rng.below(6); step < steps; ++step)
    x = random_step("s" + std::to_string(step), x, rng);
  if (rng.below(2) == 0) {
    x = nn::global_avg_pool(x);
    if (rng.below(2) == 0) x = nn::batch_norm(x, "row.bn");
  } else {
    x = activation(nn::flatten(x), rng);
    x = nn::relu(nn::linear(x, "fc", {.out = 9}));
    if (rng.below(3) == 0) x = nn::concat({x, nn::linear(x, "side", {.out = 4})});
  }
  x = nn::linear(x, "out", {.out = 10});
  if (rng.below(4) == 0) x = nn::softmax(x);
  const Net net = b.finish(x);
  return shaken(
      rng.below(2) == 0 ? net : sparse::mask(net, {.sparsity = 0.2 + 0.7 * rng.uniform()}), rng);
}

inline Shape input_shape(const Net& net) { return net.graph[inputs(net.graph)[0]].type.shape; }

}  // namespace sparlet::testing
