// Which nodes an Executor runs as one: a convolution, linear layer or batch-norm, the relu behind it
// and, of a convolution, the max pooling behind that (in either order, which gives the same).
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
Fusion find_fusion(const Graph&, const Kernels&);
Fusion no_fusion(const Graph&);

}  // namespace sparlet
