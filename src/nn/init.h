// Fresh weights.
#pragma once
#include "autograd/graph.h"
#include "tensor/rng.h"

namespace sparlet {

// How fresh weights are drawn; fan-in and fan-out by the weight's shape (O, I, kernel...).
//   kaiming_uniform  U(±1/sqrt(fan_in)): what PyTorch draws for its conv and linear layers (Kaiming
//                    with a = sqrt 5)
//   kaiming_normal   N(0, 2 / fan_in), he_uniform U(±sqrt(6 / fan_in)): He et al. 2015, eq. 10, for
//                    layers before a relu
//   xavier_*         variance 2 / (fan_in + fan_out): Glorot & Bengio 2010, eq. 16
enum class Init { kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform, zeros, ones, he_uniform };

int64_t fan_in(const Shape& weight);    // inputs of one output: all sizes but the first
int64_t fan_out(const Shape& weight);   // the first size × the kernel's sizes

// Draws all of an f32 tensor anew.
void initialize(Tensor& weight, Init, Rng&);
// The bias of a layer with this weight, as PyTorch draws it: U(±1/sqrt(fan_in)).
Tensor fresh_bias(int64_t size, const Shape& weight, Rng&);
// A weight or bias of a recurrent layer, as PyTorch draws it: U(±1/sqrt(hidden)).
Tensor fresh_recurrent(const Shape&, int64_t hidden, Rng&);

// The graph with fresh values for all leaves, each by its use: weights of conv2d and linear by
// kaiming_uniform, their biases by fresh_bias, those of lstm, gru and rnn by fresh_recurrent,
// batch_norm's gamma, beta, mean and variance 1, 0, 0 and 1, layer_norm's gamma and
// beta 1 and 0, prelu's slope 0.25, factors 1, addends 0. A leaf with the
// attribute `value` (a number, or one for each element) has that. Throws Error naming a constant
// without it.
Net initialized(const Graph&, Rng&);

}  // namespace sparlet
