// Feeding an Executor from a Dataset, batch by batch, through one buffer that is made once.
#pragma once
#include <optional>

#include "autograd/executor.h"
#include "data/augment.h"

namespace sparlet {

class Batches {
 public:
  // For nets with one input, whose samples have the dataset's shape, and one output value per class
  // in plain order; a second input "lengths", i32 [1], gets the samples' lengths. Else throws Error
  // naming the node.
  Batches(const Graph&, const Dataset&, int64_t batch);

  // Puts the samples at these positions (at most `batch`) into the executor's input. Their labels:
  // good until the next call. Allocates nothing.
  // `augment`, where there is one, changes the samples before, with its own generator.
  std::span<const int32_t> load(const Dataset&, std::span<const int32_t> positions, Executor&,
                                const Augment* augment = nullptr, uint64_t seed = 0);
  // The samples of the last load() once more, for another net with the same inputs.
  void feed(Executor&, const Graph&);
  int64_t batch() const { return batch_; }

 private:
  void set(Executor&, Id input, std::optional<Id> lengths);

  Id input_;
  std::optional<Id> lengths_input_;
  int64_t loaded_ = 0;
  int64_t batch_;
  Tensor x_;
  std::vector<int32_t> labels_, lengths_;
};

// 0, 1 .. n-1
std::vector<int32_t> positions(int64_t n);

struct Score {
  double error = 1;    // fraction wrong
  bool finite = true;  // no output is NaN or infinite
};

// Runs a net (in the form that `executor` has it) over a whole dataset.
Score score(Executor&, Batches&, const Dataset&);

}  // namespace sparlet
