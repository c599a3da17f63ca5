// Recurrent layers, stacked: (steps, features) -> y, h, c. Weights are named as PyTorch's, by
// layer: "rnn.l0.w_ih", "rnn.l0.w_hh", "rnn.l0.b_ih", "rnn.l0.b_hh", the reverse direction's with
// "_reverse" behind, and drawn as PyTorch's: U(±1/sqrt(hidden)).
#pragma once
#include "nn/layers.h"

namespace sparlet::nn {

struct Recurrent {
  int64_t hidden = 32, layers = 1;
  bool bidirectional = false;
  double dropout = 0;  // of the y of each layer but the last one
  bool bias = true;
  // Valid steps of each sample, an i32 input of shape {1}; without a builder: all are valid. y is 0
  // beyond them, h and c are those of the last valid step.
  Var lengths = {};
};

// Of the last layer. Where there are two directions, forwards then reverse side by side.
struct Sequence {
  Var y;  // (steps, directions·hidden)
  Var h;  // (directions·hidden), after the last step
  Var c;  // of lstm: the same
};

// Each throws Error naming the layer when x is no (steps, features) or an option is out of range.
Sequence lstm(Var x, std::string name, const Recurrent&);
Sequence gru(Var x, std::string name, const Recurrent&);  // linear before reset
Sequence rnn(Var x, std::string name, const Recurrent&);  // tanh
Sequence rnn_relu(Var x, std::string name, const Recurrent&);

}  // namespace sparlet::nn
