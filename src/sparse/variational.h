// Sparse variational dropout (Molchanov, Ashukha & Vetrov 2017): a weight is normal, its mean and
// its variance are learnt, and one that may be anything (log alpha = log(variance / mean²) above 3)
// is none.
#pragma once
#include "nn/train.h"

namespace sparlet::sparse {

struct Variational {
  // What goes at the end: weights with a log alpha above this (theirs: a variance of 20 times
  // mean²),
  double threshold = 3;
  // or exactly round(sparsity × weights) of them, the greatest log alphas of the net, of equal ones
  // the first.
  std::optional<double> sparsity = {};
  double initial = -8;  // log variance
  // The weight of the KL term is scale / samples (of the training part), and rises to that in equal
  // parts from step `begin` to `full`.
  int64_t samples = 0;
  int64_t begin = 0, full = 500;
  double scale = 1;
  // At this step what goes gets a mask and the noise ends; behind it the rest is fine-tuned. For
  // checkpoints of the sparse net set TrainOptions::checkpoint_from_step = end.
  int64_t end = 1000;
  std::vector<std::string> keep = {};  // weights (by param) that are left as they are
};

// The net with noise: the weights of linear layers and convolutions (plain ones; the others stay)
// get log variances, params "f1.w.log_variance", and each layer's outputs are drawn from the normal
// distribution that its weights make them have (the local reparameterisation trick). In inference
// it is the net itself. Twice the weights, gradients, optimiser state and multiply-accumulates of
// dense training. Throws Error for a net without such a layer and a name in `keep` that is no
// prunable weight.
Net with_noise(const Net&, const Variational&);
// Without noise, with masks instead; a net without noise stays as it is.
Net without_noise(const Net&, const Variational&);

// With a net that has noise: adds the slope of the KL term to the gradients, and ends the noise.
// Throws Error for options out of range; while training, for a net without noise before `end` and
// an end behind the last step.
Hook variational(const Variational&);

// log alpha = log variance - log(mean² + 1e-8), held within ±8.
double log_alpha(double mean, double log_variance);
// KL divergence from the log-uniform prior of one weight, 0 where log alpha is infinite: eq. 14's
// approximation, and its derivative.
double variational_kl(double log_alpha);
double variational_kl_slope(double log_alpha);

}  // namespace sparlet::sparse
