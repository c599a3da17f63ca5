// Update rules of the optimisers, on raw pointers: SGD (momentum, Nesterov), Adam, AdamW, RMSprop.
#pragma once
#include <cstdint>

namespace sparlet {

// The gradient of a weight [out][in] as what it is the sum of: Σ over rows of dy[row][out] x[row][in].
struct OuterGrad {
  int64_t rows = 0, out = 0, in = 0;
  const float *dy = nullptr, *x = nullptr;
};

struct UpdateArgs {
  float* weight;
  const float* grad;
  float* slot[2];     // UpdateRule::slots of them
  int64_t count;
  float rate;
  int64_t step;       // from 1
};

// Definitions as in PyTorch 1.13. Weight decay: added to the gradient (sgd, adam, rmsprop) or decoupled
// (adamw, and sgd where it says so: Loshchilov & Hutter 2019, algorithms 1 and 2). rmsprop: Tieleman &
// Hinton 2012, lecture 6.5, not centred.
struct UpdateRule {
  enum class Kind { sgd, adam, adamw, rmsprop } kind = Kind::sgd;
  float momentum = 0;       // sgd, rmsprop
  bool nesterov = false;    // sgd
  bool decoupled = false;   // sgd
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;   // adam, adamw (Kingma & Ba 2015); rmsprop: beta2, epsilon
  float weight_decay = 0;
  int slots() const {
    const int momenta = momentum != 0 ? 1 : 0;
    return kind == Kind::sgd ? momenta : kind == Kind::rmsprop ? 1 + momenta : 2;
  }
};

void update(const UpdateRule&, const UpdateArgs&);

// Factors of a step that do not differ from weight to weight.
struct UpdateFactors {
  float rate, decay, momentum, keep;  // decoupled: decay 0 and keep 1 - rate × decay; else keep 1
  float beta1, beta2, one_less1, one_less2;
  float step_size;  // rate / (1 - beta1^t)
  float root;       // 1 / sqrt(1 - beta2^t)
  float epsilon;
};
UpdateFactors factors_of(const UpdateRule&, const UpdateArgs&);

}  // namespace sparlet
