// One direction of a recurrent layer (recurrent.h) with sparse weights. In RecurrentWeights w_ih
// and w_hh are the values of the entries, in RecurrentGrads their gradients.
#pragma once
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/sparse.h"

namespace sparlet {

struct RecurrentPatterns {
  const SparsePattern& ih;  // (gates, in)
  const SparsePattern& hh;  // (gates, hidden)
};

class SparseRecurrentKernel : public RecurrentKernel {
 public:
  // After forward on the same arguments: rows [begin, end) of the gradient of w_hh (or else w_ih)
  // as if it were dense. Goes all the way back through time at each call.
  virtual void dense_gradient(const RecurrentArgs&, const float* dout, bool hh, int64_t begin,
                              int64_t end, float* to) = 0;
};

std::unique_ptr<SparseRecurrentKernel> sparse_recurrent(const RecurrentShape&,
                                                        const RecurrentPatterns&,
                                                        const KernelOptions&, const Kernels&);
// RecurrentKernel::scratch() of it, which needs no pattern.
int64_t sparse_recurrent_scratch(const RecurrentShape&, const KernelOptions&);

}  // namespace sparlet
