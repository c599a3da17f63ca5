// Small nets for the tests of this folder, made without nn/.
#pragma once
#include <cmath>

#include "autograd/executor.h"
#include "autograd/ops/ops.h"
#include "autograd/rewrite.h"

namespace sparlet::testing {

inline Tensor random(const Shape& shape, Rng& rng) {
  Tensor tensor(shape);
  for (float& v : tensor.write()) v = float(rng.uniform(-1, 1));
  return tensor;
}

inline float worst(const Tensor& a, const Tensor& b) {
  float most = a.shape() == b.shape() ? 0.0f : INFINITY;
  for (int64_t i = 0; i < std::min(a.size(), b.size()); ++i)
    most = std::max(most, std::abs(a.read()[size_t(i)] - b.read()[size_t(i)]));
  return most;
}

struct Maker {
  Net net;
  Rng rng;
  explicit Maker(uint64_t seed) : rng(seed) {}
  Id op(const OpDef& def, std::string name, std::vector<Id> in, Attrs attrs = {}) {
    net.params.emplace_back();
    return net.graph.add(def, std::move(name), std::move(in), std::move(attrs));
  }
  Id input(const Shape& shape) { return op(input_op, "x", {}, {{"shape", attr(shape)}}); }
  Id leaf(const OpDef& def, std::string name, Tensor value) {
    const Id id = op(def, std::move(name), {}, {{"shape", attr(value.shape())}});
    net.params[size_t(id)] = std::move(value);
    return id;
  }
  Id param(std::string name, const Shape& shape) {
    return leaf(param_op, std::move(name), random(shape, rng));
  }
};

// x(1,8,8) -> c1: conv 3 -> relu -> pool, a skip, c2 -> flatten -> relu -> fc(5). Several channels,
// so that flatten's order matters.
inline Net cnn(uint64_t seed, bool masked) {
  Maker m(seed);
  const Id x = m.input({1, 8, 8});
  Id w = m.param("c1.w", {3, 1, 3, 3});
  if (masked) {
    Tensor mask({3, 1, 3, 3});
    for (float& v : mask.write()) v = float(m.rng.below(2));
    const Id at = m.leaf(constant_op, "c1.w.mask", mask);
    w = m.op(mul_op, "c1.w.masked", {w, at});
  }
  Id y = m.op(conv2d_op, "c1", {x, w, m.param("c1.b", {3})}, {{"pad", 1.0}});
  y = m.op(relu_op, "c1.relu", {y});
  const Id skip = m.op(max_pool_op, "pool", {y}, {{"size", 2.0}});
  y = m.op(conv2d_op, "c2", {skip, m.param("c2.w", {3, 3, 3, 3})}, {{"pad", 1.0}});
  y = m.op(add_op, "sum", {y, skip});
  y = m.op(flatten_op, "flat", {y});
  y = m.op(relu_op, "flat.relu", {y});
  m.op(linear_op, "fc", {y, m.param("fc.w", {5, 48}), m.param("fc.b", {5})});
  return m.net;
}

// x(8,8) -> lstm, gru and rnn side by side, in one and in two directions -> fc(5).
inline Net recurrent(uint64_t seed) {
  Maker m(seed);
  const Id x = m.input({8, 8});
  const auto layer = [&](const OpDef& op, int64_t gates, bool two) {
    const std::string name(op.name);
    std::vector<Id> in{x};
    for (const char* direction : {"", "_reverse"}) {
      if (*direction && !two) break;
      in.push_back(m.param(name + ".w_ih" + direction, {gates * 3, 8}));
      in.push_back(m.param(name + ".w_hh" + direction, {gates * 3, 3}));
      in.push_back(m.param(name + ".b_ih" + direction, {gates * 3}));
      in.push_back(m.param(name + ".b_hh" + direction, {gates * 3}));
    }
    return m.op(op, name, in, two ? Attrs{{"bidirectional", 1.0}} : Attrs{});
  };
  const Id all = m.op(concat_op, "all",
                      {layer(lstm_op, 4, false), layer(gru_op, 3, true), layer(rnn_op, 1, false)});
  m.op(linear_op, "fc", {all, m.param("fc.w", {5, 10 * 3 + 9 * 6 + 9 * 3})});
  return m.net;
}

inline Net small_cnn(uint64_t seed) { return cnn(seed, false); }
inline Net masked_cnn(uint64_t seed) { return cnn(seed, true); }

}  // namespace sparlet::testing
