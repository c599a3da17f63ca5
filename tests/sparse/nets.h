// Small nets and data that the tests of sparse/ share.
#pragma once
#include <cmath>

#include "data/digits.h"
#include "nn/attention.h"
#include "nn/recurrent.h"
#include "nn/train.h"
#include "sparse/weights.h"

namespace sparlet {

// 16·49 + 10·16 = 944 prunable weights; for toy_digits().
inline Net digits_mlp(const DataSpec& spec, Rng& rng) {
  NetBuilder b(rng);
  Var x = nn::max_pool(b.data_input(spec), {.size = 4});
  x = nn::relu(nn::linear(nn::flatten(x), "f1", {.out = 16}));
  return b.finish(nn::linear(x, "f2", {.out = 10}));
}

inline Data toy_digits(int64_t train = 128) {
  Data data{.name = "digits"};
  data.train = make_digits(train, 1);
  data.validation = make_digits(64, 1, train);
  data.spec = {.shape = {1, 28, 28}, .classes = 10, .mean = 30, .deviation = 80};
  return data;
}

// Convolution, recurrence and attention: every kind of weight.
inline Net mixed_net(uint64_t seed) {
  Rng rng(seed);
  NetBuilder b(rng);
  Var x = nn::relu(nn::conv2d(b.input("x", {1, 6, 6}), "c", {.out = 4, .pad = 1}));
  x = nn::reshape(x, {12, 12});
  x = nn::self_attention(x, "a", {.heads = 2});
  x = nn::lstm(x, "l", {.hidden = 6}).h;
  return b.finish(nn::linear(x, "f", {.out = 3}));
}

inline Tensor normal(const Shape& shape, uint64_t seed) {
  Rng rng(seed);
  Tensor x(shape);
  for (float& v : x.write()) v = float(rng.normal());
  return x;
}

// Of 7 normal samples.
inline Tensor outputs(const Net& net, uint64_t seed = 99) {
  Tensor x = normal(batched(7, net.graph[inputs(net.graph)[0]].type.shape), seed);
  return run(net, {x.shape(), x.dtype(), x.raw_write()});
}

inline double distance(const Tensor& a, const Tensor& b) {
  double most = 0;
  for (size_t i = 0; i < size_t(a.size()); ++i)
    most = std::fmax(most, std::abs(a.read()[i] - b.read()[i]));
  return most;
}

inline std::vector<int64_t> connection_counts_of(const Net& net) {
  std::vector<int64_t> counts;
  for (const sparse::Weight& w : sparse::weights_of(net.graph))
    counts.push_back(sparse::connection_count(net, w));
  return counts;
}

}  // namespace sparlet
