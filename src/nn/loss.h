// Losses stand outside of the graph: the value, and its gradient written beside it.
#pragma once
#include <span>
#include <variant>
#include <vector>

#include "autograd/graph.h"

namespace sparlet {

// --- mean over the batch
// Of logits; smoothing as PyTorch's. class_weights: one a class, or none; the mean is then over the
// labels' weights, as PyTorch's.
struct CrossEntropy {
  float label_smoothing = 0;
  std::vector<float> class_weights = {};
};
struct MeanSquaredError {};    // against one-hot labels
struct BinaryCrossEntropy {};  // of logits, each class against all others, one-hot labels
// (1 - alpha) cross-entropy + alpha T^2 KL(softmax(teacher / T) || softmax(logits / T)): Hinton et
// al. 2015, §2. The teacher is run on every batch; it has the student's input and classes.
struct Distillation {
  Net teacher = {};
  float alpha = 0.5f, temperature = 4;
};
using Loss = std::variant<CrossEntropy, MeanSquaredError, BinaryCrossEntropy, Distillation>;

// logits, dlogits: f32 [n, classes]; labels: n of them in 0 .. classes-1 (else Error). With targets
// t = (1 - s) onehot + s / classes: mean of -sum t log softmax(logits); Szegedy et al. 2016, §7.
// dlogits may be empty.
float cross_entropy(View logits, std::span<const int32_t> labels, const CrossEntropy&, View dlogits);

// Mean of (y - target)^2 over all elements; dy may be empty.
float mean_squared_error(View y, View target, View dy);
// Against one-hot labels; y, dy: [n, classes].
float mean_squared_error(View y, std::span<const int32_t> labels, View dy);

// Mean over all elements of -t log s(z) - (1 - t) log(1 - s(z)), s the logistic function; targets
// within 0 .. 1. dlogits may be empty.
float binary_cross_entropy(View logits, View target, View dlogits);
float binary_cross_entropy(View logits, std::span<const int32_t> labels, View dlogits);

// `teacher`: its logits, [n, classes]. dlogits may be empty.
float distillation(View logits, std::span<const int32_t> labels, View teacher, const Distillation&,
                   View dlogits);

// `teacher`: of a Distillation only.
float loss(const Loss&, View y, std::span<const int32_t> labels, View dy, View teacher = {});

// Class weights for classes of unequal number: samples / (classes x samples of the class), by the
// labels given (those of the training part). Throws Error for a class without a sample.
std::vector<float> balanced_weights(std::span<const int32_t> labels, int classes);

}  // namespace sparlet
