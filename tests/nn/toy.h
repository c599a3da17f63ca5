// Small data and nets for the tests of training.
#pragma once
#include "nn/layers.h"
#include "nn/train.h"

namespace sparlet::test {

// Two features, two classes: above or below a line, with a gap between.
inline Dataset line(int64_t n, uint64_t seed) {
  Rng rng(seed);
  Tensor x(Shape{n, 2}), y(Shape{n}, DType::i32);
  for (int64_t i = 0; i < n; ++i) {
    const int32_t label = int32_t(i % 2);
    const float a = float(rng.uniform(-1, 1)), gap = float(rng.uniform(0.2, 1));
    x.write()[size_t(2 * i)] = a;
    x.write()[size_t(2 * i + 1)] = a + (label ? gap : -gap);
    y.write<int32_t>()[size_t(i)] = label;
  }
  return Dataset::all(x, y);
}

inline Data line_data(int64_t train, int64_t validation) {
  Data data{.name = "line"};
  data.train = line(train, 1);
  if (validation > 0) data.validation = line(validation, 2);
  data.spec = {.shape = {2}, .classes = 2, .dtype = DType::f32};
  return data;
}

inline Net two_layers(const DataSpec& spec, Rng& rng, int64_t hidden = 8) {
  NetBuilder b(rng);
  Var x = nn::relu(nn::linear(b.data_input(spec), "f1", {.out = hidden}));
  return b.finish(nn::linear(x, "f2", {.out = spec.classes}));
}

inline View view(Tensor& tensor) { return {tensor.shape(), tensor.dtype(), tensor.raw_write()}; }

// All leaf values the same, byte for byte.
inline bool same_values(const Net& a, const Net& b) {
  return to_text(a.graph) == to_text(b.graph) && a.params == b.params;
}

}  // namespace sparlet::test
