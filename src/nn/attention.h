// Attention, made of ops.
#pragma once
#include "nn/functions.h"

namespace sparlet::nn {

struct SelfAttention {
  int64_t heads = 1;  // divides the features
  bool bias = true;
};

// Multi-head self-attention (Vaswani et al. 2017, §3.2.2), (t,features) -> (t,features):
//   [q k v] = x Wᵢᵀ + bᵢ;  for each head, softmax(q kᵀ / √(features / heads)) v;  side by side,
//   then Wₒ and bₒ. All t rows see each other; no mask.
// Weights as PyTorch has them: "name.in.w" (3 features, features), "name.out.w" (features,
// features) and their biases. Throws Error naming the layer where the heads do not fit.
Var self_attention(Var x, std::string name, const SelfAttention& = {});

}  // namespace sparlet::nn
