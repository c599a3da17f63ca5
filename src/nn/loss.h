// Losses stand outside of the graph: the value, and its gradient written beside it.
#pragma once
#include <span>
#include <variant>

#include "tensor/tensor.h"

namespace sparlet {

// --- mean over the batch
struct CrossEntropy { float label_smoothing = 0; };           // of logits; smoothing as PyTorch's
struct MeanSquaredError {};                                   // against one-hot labels
using Loss = std::variant<CrossEntropy, MeanSquaredError>;

// logits, dlogits: f32 [n, classes]; labels: n of them in 0 .. classes-1 (else Error). With targets
// t = (1 - s) onehot + s / classes: mean of -sum t log softmax(logits); Szegedy et al. 2016, §7.
// dlogits may be empty.
float cross_entropy(View logits, std::span<const int32_t> labels, const CrossEntropy&, View dlogits);

// Mean of (y - target)^2 over all elements; dy may be empty.
float mean_squared_error(View y, View target, View dy);
// Against one-hot labels; y, dy: [n, classes].
float mean_squared_error(View y, std::span<const int32_t> labels, View dy);

float loss(const Loss&, View y, std::span<const int32_t> labels, View dy);

}  // namespace sparlet
