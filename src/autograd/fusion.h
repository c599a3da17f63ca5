// Which nodes an Executor runs as one: a convolution, linear layer, batch-norm or sum of two
// values, the relu behind it and, of a convolution, the max pooling behind that (in either order,
// which gives the same). Without training a convolution takes the batch-norm behind it too, before
// all else.
#pragma once
#include "autograd/op.h"

namespace sparlet {

struct Fusion {
  std::vector<Id> into;  // by Id: the node it is run with, the last of them; -1: on its own
  std::vector<Id> head;  // by Id: of the last of several, the first one; else -1

  // The nodes behind the head, up to the last one.
  std::vector<const Node*> behind(const Graph&, Id last) const;
};

// What is inside of a group nobody else may read. Kernels that cannot fuse: nothing is.
Fusion find_fusion(const Graph&, const Kernels&, Mode);
// What the kernel of a group reads: the inputs of its head, then what those behind it read besides
// its values.
std::vector<Id> operands_of(const Graph&, const Fusion&, Id last);
Fusion no_fusion(const Graph&);

}  // namespace sparlet
