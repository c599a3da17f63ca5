// What an optimiser knows of a net's weights, carried over to another form of the net: by param
// name, and of sparse weights by row and column.
#pragma once
#include "autograd/executor.h"

namespace sparlet {

struct KeptSlots {
  std::string name;
  Shape dense;  // of the weight; of any other param its own
  bool sparse = false;
  std::vector<int32_t> at;  // sparse: the place of each entry in the dense weight, ascending
  Tensor mask;              // of a masked weight: what is closed has no state worth keeping
  std::vector<Tensor> slots;
};
// All optimiser slots of an executor in train mode, `count` a param.
std::vector<KeptSlots> keep_slots(const Executor&, int count);
// Gives them to the params of the same name and dense shape; an entry that was not there begins
// with 0.
void restore_slots(Executor&, const std::vector<KeptSlots>&);
// Whether a sparse weight of the same graph has other places in `b`.
bool patterns_differ(const Net& a, const Net& b);

}  // namespace sparlet
