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

// log of the sum of e^z, and the largest z.
struct LogSum {
  float top, log_sum;
  float log_of(float z) const { return z - top - log_sum; }  // log softmax
};

LogSum log_sum(const float* z, int64_t classes, float scale = 1) {
  const float top = scale * *std::max_element(z, z + classes);
  float sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(scale * z[c] - top);
  return {top, std::log(sum)};
}

// Rows count by their label's weight; the smoothed part has the weight of each class.
float weighted_cross_entropy(View logits, std::span<const int32_t> labels,
                             const CrossEntropy& options, View dlogits) {
  const auto [n, classes] = rows_of(logits, labels, dlogits);
  const std::vector<float>& weight = options.class_weights;
  require(int64_t(weight.size()) == classes, "loss: {} class weights for {} classes", weight.size(),
          classes);
  double all = 0, even = 0, total = 0;
  for (const int32_t label : labels) all += weight[size_t(label)];
  for (const float w : weight) even += w;
  require(all > 0, "loss: the labels' class weights add up to {}, wanted more than 0", all);
  const float smoothing = options.label_smoothing, each = smoothing / float(classes);
  for (int64_t row = 0; row < n; ++row) {
    const float* z = logits.f32() + row * classes;
    const LogSum sum = log_sum(z, classes);
    const int32_t label = labels[size_t(row)];
    const float own = (1 - smoothing) * weight[size_t(label)];
    total -= own * sum.log_of(z[label]);
    for (int64_t c = 0; c < classes; ++c) total -= each * weight[size_t(c)] * sum.log_of(z[c]);
    if (!dlogits) continue;
    float* d = dlogits.f32() + row * classes;
    for (int64_t c = 0; c < classes; ++c) {
      const float wanted = each * weight[size_t(c)] + (c == label ? own : 0);
      d[c] = float(((own + each * even) * std::exp(sum.log_of(z[c])) - wanted) / all);
    }
  }
  return float(total / all);
}

// Stable for any z: max(z,0) - z t + log(1 + e^-|z|).
double binary_term(float z, float target, float* d, float each) {
  const float small = std::exp(-std::abs(z));
  if (d) *d = each * ((z >= 0 ? 1 / (1 + small) : small / (1 + small)) - target);
  return double(std::max(z, 0.f)) - double(z) * target + std::log1p(small);
}

}  // namespace

float cross_entropy(View logits, std::span<const int32_t> labels, const CrossEntropy& options,
                    View dlogits) {
  if (!options.class_weights.empty())
    return weighted_cross_entropy(logits, labels, options, dlogits);
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

float binary_cross_entropy(View logits, View target, View dlogits) {
  require(logits && logits.dtype == DType::f32 && target.dtype == DType::f32 &&
              logits.size() == target.size(),
          "loss: outputs are {} {}, targets {} {}", name_of(logits.dtype), to_string(logits.shape),
          name_of(target.dtype), to_string(target.shape));
  const int64_t size = logits.size();
  double total = 0;
  for (int64_t i = 0; i < size; ++i)
    total += binary_term(logits.f32()[i], target.f32()[i], dlogits ? dlogits.f32() + i : nullptr,
                         1 / float(size));
  return float(total / double(size));
}

float binary_cross_entropy(View logits, std::span<const int32_t> labels, View dlogits) {
  const auto [n, classes] = rows_of(logits, labels, dlogits);
  const int64_t size = n * classes;
  double total = 0;
  for (int64_t i = 0; i < size; ++i)
    total += binary_term(logits.f32()[i], i % classes == labels[size_t(i / classes)] ? 1.f : 0.f,
                         dlogits ? dlogits.f32() + i : nullptr, 1 / float(size));
  return float(total / double(size));
}

float distillation(View logits, std::span<const int32_t> labels, View teacher,
                   const Distillation& options, View dlogits) {
  const auto [n, classes] = rows_of(logits, labels, dlogits);
  require(teacher && teacher.dtype == DType::f32 && teacher.size() == logits.size(),
          "loss: the teacher's outputs are {} {}, the student's {}", name_of(teacher.dtype),
          to_string(teacher.shape), to_string(logits.shape));
  const float hard = cross_entropy(logits, labels, {}, dlogits);
  const float alpha = options.alpha, t = options.temperature, cold = 1 / t;
  double soft = 0;
  for (int64_t row = 0; row < n; ++row) {
    const float* z = logits.f32() + row * classes;
    const float* q = teacher.f32() + row * classes;
    const LogSum of_z = log_sum(z, classes, cold), of_q = log_sum(q, classes, cold);
    for (int64_t c = 0; c < classes; ++c) {
      const float log_q = of_q.log_of(cold * q[c]), log_z = of_z.log_of(cold * z[c]);
      const float wanted = std::exp(log_q);
      soft += double(wanted) * (double(log_q) - log_z);
      if (!dlogits) continue;
      float& d = dlogits.f32()[row * classes + c];
      d = (1 - alpha) * d + alpha * t * (std::exp(log_z) - wanted) / float(n);
    }
  }
  return float((1 - alpha) * hard + alpha * t * t * soft / double(n));
}

float loss(const Loss& kind, View y, std::span<const int32_t> labels, View dy, View teacher) {
  if (const auto* entropy = std::get_if<CrossEntropy>(&kind))
    return cross_entropy(y, labels, *entropy, dy);
  if (std::holds_alternative<BinaryCrossEntropy>(kind)) return binary_cross_entropy(y, labels, dy);
  if (const auto* both = std::get_if<Distillation>(&kind))
    return distillation(y, labels, teacher, *both, dy);
  return mean_squared_error(y, labels, dy);
}

std::vector<float> balanced_weights(std::span<const int32_t> labels, int classes) {
  std::vector<float> counts(size_t(std::max(classes, 0)), 0);
  for (const int32_t label : labels) {
    require(label >= 0 && label < classes, "loss: label {} of {} classes", label, classes);
    ++counts[size_t(label)];
  }
  for (int c = 0; c < classes; ++c) {
    float& value = counts[size_t(c)];
    require(value > 0, "loss: class {} has no sample to weigh it by", c);
    value = float(double(labels.size()) / (double(classes) * double(value)));
  }
  return counts;
}

}  // namespace sparlet
