// One direction of a recurrent layer (recurrent.h) with sparse weights. In RecurrentWeights w_ih
// and w_hh are the values of the entries, in RecurrentGrads their gradients.
#pragma once
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/sparse.h"

namespace sparlet {

struct RecurrentPatterns {
  const SparsePattern &ih, &hh;  // (gates, in), (gates, hidden)
};

std::unique_ptr<RecurrentKernel> sparse_recurrent(const RecurrentShape &, const RecurrentPatterns &,
                                                  const KernelOptions &, const Kernels &);
// RecurrentKernel::scratch() of it, which needs no pattern.
int64_t sparse_recurrent_scratch(const RecurrentShape &, const KernelOptions &);

}  // namespace sparlet
