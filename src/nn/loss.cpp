#include "nn/loss.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace sparlet {
namespace {

// Rows of y; checks that they belong to the labels.
struct Rows {
  int64_t n, classes;
};

Rows rows_of(const View& y, std::span<const int32_t> labels, const View& dy) {
  require(y.dtype == DType::f32 && y.shape.rank() >= 2 && y.shape[0] == int64_t(labels.size()),
          "loss: outputs are {} {} for {} labels, wanted f32 [n,classes]", name_of(y.dtype),
          to_string(y.shape), labels.size());
  require(!dy || dy.size() == y.size(), "loss: gradient is {}, outputs are {}", to_string(dy.shape),
          to_string(y.shape));
  const Rows rows{y.shape[0], y.size() / y.shape[0]};
  for (int32_t label : labels)
    require(label >= 0 && label < rows.classes, "loss: label {} of {} classes", label,
            rows.classes);
  return rows;
}

}  // namespace

float cross_entropy(View logits, std::span<const int32_t> labels, const CrossEntropy& options,
                    View dlogits) {
  const auto [n, classes] = rows_of(logits, labels, dlogits);
  const float smoothing = options.label_smoothing, even = smoothing / float(classes);
  const float each = 1 / float(n);
  double total = 0;
  for (int64_t row = 0; row < n; ++row) {
    const float* z = logits.f32() + row * classes;
    const float top = *std::max_element(z, z + classes);
    float sum = 0, shifted = 0;
    for (int64_t c = 0; c < classes; ++c) {
      sum += std::exp(z[c] - top);
      shifted += z[c] - top;
    }
    const int32_t label = labels[size_t(row)];
    const float log_sum = std::log(sum);
    total += (1 - smoothing) * (log_sum - (z[label] - top)) +
             even * (float(classes) * log_sum - shifted);
    if (!dlogits) continue;
    float* d = dlogits.f32() + row * classes;
    for (int64_t c = 0; c < classes; ++c) d[c] = each * (std::exp(z[c] - top) / sum - even);
    d[label] -= each * (1 - smoothing);
  }
  return float(total / double(n));
}

float mean_squared_error(View y, View target, View dy) {
  require(y.dtype == DType::f32 && target.dtype == DType::f32 && y.size() == target.size() && y,
          "loss: outputs are {} {}, targets {} {}", name_of(y.dtype), to_string(y.shape),
          name_of(target.dtype), to_string(target.shape));
  const int64_t size = y.size();
  const float each = 2 / float(size);
  double total = 0;
  for (int64_t i = 0; i < size; ++i) {
    const float difference = y.f32()[i] - target.f32()[i];
    total += double(difference) * difference;
    if (dy) dy.f32()[i] = each * difference;
  }
  return float(total / double(size));
}

float mean_squared_error(View y, std::span<const int32_t> labels, View dy) {
  const auto [n, classes] = rows_of(y, labels, dy);
  const float each = 2 / float(n * classes);
  double total = 0;
  for (int64_t i = 0; i < n * classes; ++i) {
    const float wanted = i % classes == labels[size_t(i / classes)] ? 1.f : 0.f;
    const float difference = y.f32()[i] - wanted;
    total += double(difference) * difference;
    if (dy) dy.f32()[i] = each * difference;
  }
  return float(total / double(n * classes));
}

float loss(const Loss& kind, View y, std::span<const int32_t> labels, View dy) {
  if (const auto* entropy = std::get_if<CrossEntropy>(&kind))
    return cross_entropy(y, labels, *entropy, dy);
  return mean_squared_error(y, labels, dy);
}

}  // namespace sparlet
