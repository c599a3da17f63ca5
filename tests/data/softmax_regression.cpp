#include "softmax_regression.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sparlet {
namespace {

struct Linear {
  int64_t features, classes;
  std::vector<float> w, velocity, gradient;  // classes rows of features + 1, the bias last

  Linear(int64_t f, int64_t c) : features(f), classes(c) {
    w = velocity = gradient = std::vector<float>(size_t(c * (f + 1)));
  }

  float* row(std::vector<float>& of, int64_t c) const { return of.data() + c * (features + 1); }

  void logits(const float* x, float* out) {
    for (int64_t c = 0; c < classes; ++c) {
      const float* weights = row(w, c);
      float partial[8] = {};
      for (int64_t i = 0; i + 8 <= features; i += 8)
        for (int k = 0; k < 8; ++k) partial[k] += weights[i + k] * x[i + k];
      out[c] = weights[features] + std::accumulate(partial, partial + 8, 0.0f);
    }
  }

  void add_gradient(const float* x, int32_t label, float* p) {
    logits(x, p);
    const float most = *std::max_element(p, p + classes);
    float sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += p[c] = std::exp(p[c] - most);
    for (int64_t c = 0; c < classes; ++c) {
      const float d = p[c] / sum - (c == label ? 1.0f : 0.0f);
      float* g = row(gradient, c);
      for (int64_t i = 0; i < features; ++i) g[i] += d * x[i];
      g[features] += d;
    }
  }

  void step(float rate) {
    for (size_t i = 0; i < w.size(); ++i) {
      velocity[i] = 0.9f * velocity[i] + gradient[i];
      w[i] -= rate * velocity[i];
      gradient[i] = 0;
    }
  }
};

std::vector<float> normalised(const Dataset& data, const DataSpec& spec) {
  const Tensor bytes = data.gathered();
  std::vector<float> real;
  for (const uint8_t byte : bytes.read<uint8_t>())
    real.push_back((float(byte) - spec.mean) / spec.deviation);
  return real;
}

}  // namespace

double softmax_regression(const Dataset& train, const Dataset& test, const DataSpec& spec,
                          int epochs) {
  constexpr int kBatch = 50;
  const int64_t features = count(spec.shape);
  Linear model(features, spec.classes);
  std::vector<float> p(size_t(spec.classes)), x = normalised(train, spec);
  std::vector<int32_t> order(size_t(train.size()));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(1);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    rng.shuffle(order);
    for (size_t i = 0; i < order.size(); ++i) {
      model.add_gradient(&x[size_t(order[i] * features)], train.label(order[i]), p.data());
      if ((i + 1) % kBatch == 0) model.step(0.002f / kBatch);
    }
  }
  x = normalised(test, spec);
  int64_t right = 0;
  for (int64_t i = 0; i < test.size(); ++i) {
    model.logits(&x[size_t(i * features)], p.data());
    right += std::max_element(p.begin(), p.end()) - p.begin() == test.label(i);
  }
  return double(right) / double(test.size());
}

}  // namespace sparlet
