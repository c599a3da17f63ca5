// One direction of a recurrent layer on raw pointers: LSTM, GRU and plain RNN as PyTorch defines
// them (rows of gates in the order i f g o; r z n).
//   lstm  i,f,o = sigmoid(.), g = tanh(.) of W x + b + U h + v;  c' = f c + i g;  h' = o tanh(c')
//   gru   r,z = sigmoid(W x + b + U h + v), n = tanh(W x + b + r (U h + v));  h' = (1-z) n + z h
//   rnn   h' = tanh or relu (W x + b + U h + v)
// x [n][steps][in], w_ih [gates·hidden][in], w_hh [gates·hidden][hidden], biases [gates·hidden].
//
// The packed result of a sample is rows of out_row floats, of which a direction fills `hidden`:
// row t < steps is y(t), the next one the final h and, of an LSTM, one more the final c. With
// lengths, steps from length(s) on give zeros, the final state is that of the last valid step, and
// the reverse direction starts there.
#pragma once
#include <string_view>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/kernels.h"

namespace sparlet {

enum class Cell { lstm, gru, rnn_tanh, rnn_relu };

struct RecurrentShape {
  Cell cell = Cell::lstm;
  int64_t steps = 1, in = 1, hidden = 1;
  bool reverse = false;
  bool lengths = false;  // calls may give them
  int64_t out_row = 1;   // hidden × directions

  int64_t gates() const {
    return cell == Cell::lstm ? 4 * hidden : cell == Cell::gru ? 3 * hidden : hidden;
  }
  int64_t rows() const { return steps + (cell == Cell::lstm ? 2 : 1); }  // of a packed result
  // A row of gate values: of a GRU, the state's part of n is kept apart from the input's.
  int64_t width() const { return cell == Cell::gru ? 4 * hidden : gates(); }
  // Floats that the portable forward pass works in, for one sample: x, gates and states by step.
  int64_t workspace() const {
    return steps * (in + width() + (cell == Cell::lstm ? 3 : 1) * hidden);
  }
  int64_t macs() const { return steps * gates() * (in + hidden); }
};

struct RecurrentWeights {
  const float *w_ih, *w_hh;
  const float *b_ih = nullptr, *b_hh = nullptr;  // both or neither
};

struct RecurrentArgs {
  int64_t n;  // samples of the call, 1 .. KernelOptions::batch
  const float* x;
  const int32_t* lengths;  // n of them, each in 1 .. steps; or null
  RecurrentWeights weights;
  float* scratch;  // scratch() floats
};

// Where the gradients go; null where one is not wanted.
struct RecurrentGrads {
  float *x, *w_ih, *w_hh, *b_ih, *b_hh;
  bool add_to_x = false;  // x has the other direction's already
};

// Made once for a layer.
class RecurrentKernel {
 public:
  virtual ~RecurrentKernel() = default;
  // `out`: this direction's first float of the packed result.
  virtual void forward(const RecurrentArgs&, float* out) = 0;
  // After forward on the same arguments. `dout` lies as `out` does.
  virtual void backward(const RecurrentArgs&, const float* dout, const RecurrentGrads&) = 0;
  virtual int64_t scratch() const = 0;  // floats
  // Without training: the weights have new values.
  virtual void weights_changed() {}
  // What runs each pass, separated by spaces: for tests and reports.
  virtual std::string_view description() const { return "portable"; }
};

std::unique_ptr<RecurrentKernel> portable_recurrent(const RecurrentShape&, const KernelOptions&);
// The same around other products.
std::unique_ptr<RecurrentKernel> recurrent_by(const GemmPath&, const RecurrentShape&,
                                              const KernelOptions&);

// --- what the paths share
// x [n][steps][width] -> [steps][n][width]; zeros from a sample's length on, where lengths is
// given.
void to_time_major(int64_t n, int64_t steps, int64_t width, const float* x, const int32_t* lengths,
                   float* to);
// The way back, overwriting or adding.
void from_time_major(int64_t n, int64_t steps, int64_t width, const float* from, bool add,
                     float* x);

}  // namespace sparlet
