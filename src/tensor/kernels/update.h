// Update rules of the optimisers, on raw pointers: SGD (momentum, Nesterov), Adam, AdamW.
#pragma once
#include <cstdint>

namespace sparlet {

struct UpdateArgs {
  float* weight;
  const float* grad;
  float* slot[2];     // UpdateRule::slots of them
  int64_t count;
  float rate;
  int64_t step;       // from 1
};

// Definitions as in PyTorch 1.13. Weight decay: added to the gradient (sgd, adam) or decoupled
// (adamw, Loshchilov & Hutter 2019).
struct UpdateRule {
  enum class Kind { sgd, adam, adamw } kind = Kind::sgd;
  float momentum = 0;       // sgd
  bool nesterov = false;    // sgd
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;   // adam, adamw (Kingma & Ba 2015)
  float weight_decay = 0;
  int slots() const { return kind != Kind::sgd ? 2 : momentum != 0 ? 1 : 0; }
};

void update(const UpdateRule&, const UpdateArgs&);

}  // namespace sparlet
