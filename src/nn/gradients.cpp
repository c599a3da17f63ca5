#include "nn/gradients.h"

#include <cmath>

namespace sparlet {

Gradients::Gradients(const Graph& graph, int batches) : batches_(batches) {
  for (Id id = 0; id < Id(graph.nodes.size()); ++id) {
    if (graph[id].op != &param_op) continue;
    params_.push_back(id);
    if (batches > 1) sums_.emplace_back(size_t(count(graph[id].type.shape)), 0.f);
  }
}

void Gradients::add(const Executor& executor, int64_t n) {
  if (batches_ == 1) return;
  samples_ += n;
  for (size_t k = 0; k < params_.size(); ++k) {
    const View grad = executor.grad(params_[k]);
    for (int64_t i = 0; i < grad.size(); ++i) sums_[k][size_t(i)] += float(n) * grad.f32()[i];
  }
}

void Gradients::finish(Executor& executor, float clip_norm) {
  if (batches_ == 1 && !(clip_norm > 0)) return;
  double squares = 0;
  for (size_t k = 0; k < params_.size(); ++k) {
    const View grad = executor.grad(params_[k]);
    if (batches_ > 1)
      for (int64_t i = 0; i < grad.size(); ++i) {
        grad.f32()[i] = sums_[k][size_t(i)] / float(samples_);
        sums_[k][size_t(i)] = 0;
      }
    if (clip_norm > 0)
      for (int64_t i = 0; i < grad.size(); ++i) squares += double(grad.f32()[i]) * grad.f32()[i];
  }
  samples_ = 0;
  // PyTorch's 1e-6 against a norm of nothing.
  const float scale = float(clip_norm / (std::sqrt(squares) + 1e-6));
  if (!(clip_norm > 0) || !(scale < 1)) return;
  for (const Id id : params_) {
    const View grad = executor.grad(id);
    for (int64_t i = 0; i < grad.size(); ++i) grad.f32()[i] *= scale;
  }
}

}  // namespace sparlet
