// What happens to gradients between backward() and step(): their mean over batches, and clipping.
#pragma once
#include "autograd/executor.h"

namespace sparlet {

class Gradients {
 public:
  // `batches`: how many make one step.
  Gradients(const Graph&, int batches);

  // After backward() on n samples.
  void add(const Executor&, int64_t n);
  // Puts the mean over the samples since the last call into the executor's gradients; scales them
  // so that the norm of all together is at most `clip_norm` (0: any; Pascanu et al. 2013, §3.2).
  void finish(Executor&, float clip_norm);

 private:
  std::vector<Id> params_;
  std::vector<std::vector<float>> sums_;  // in memory order; none where one batch makes a step
  int64_t samples_ = 0;
  int batches_;
};

}  // namespace sparlet
