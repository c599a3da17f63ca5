// Feeding an Executor from a Dataset, batch by batch, through one buffer that is made once.
#pragma once
#include "autograd/executor.h"
#include "data/dataset.h"

namespace sparlet {

class Batches {
 public:
  // For nets with one input, whose samples have the dataset's shape, and one output value per class
  // in plain order. Else throws Error naming the node.
  Batches(const Graph&, const Dataset&, int64_t batch);

  // Puts the samples at these positions (at most `batch`) into the executor's input. Their labels:
  // good until the next call. Allocates nothing.
  std::span<const int32_t> load(const Dataset&, std::span<const int32_t> positions, Executor&);
  int64_t batch() const { return batch_; }

 private:
  void quantize(int64_t values);

  Id input_;
  int64_t batch_;
  Tensor x_, quantized_;           // quantized_: only of f32 samples for an int8 input
  float scale_ = 1;
  int32_t zero_ = 0;
  std::vector<int32_t> labels_;
};

// 0, 1 .. n-1
std::vector<int32_t> positions(int64_t n);

struct Score {
  double error = 1;      // fraction wrong
  bool finite = true;    // no output is NaN or infinite
};

// Runs a net (in the form that `executor` has it) over a whole dataset.
Score score(Executor&, Batches&, const Dataset&);

}  // namespace sparlet
