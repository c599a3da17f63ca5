// One step of a recurrent cell for n samples, forwards and backwards; formulas in recurrent.h. All
// arrays are rows of samples without gaps: gates [n][4·hidden] (of a plain RNN [n][hidden]), states
// [n][hidden].
#pragma once
#include <cstdint>

namespace sparlet {

// gates: sums in, values of i f g o out. c_before, c, squashed = tanh(c), h.
void lstm_step(int64_t n, int64_t hidden, float* gates, const float* c_before, float* c,
               float* squashed, float* h);
// dh: gradient of h, becomes 0. dc: that of c, becomes that of c_before. dgates: of the sums.
void lstm_step_back(int64_t n, int64_t hidden, const float* gates, const float* c_before,
                    const float* squashed, float* dh, float* dc, float* dgates);

// gates: sums of r, z, the input's part of n, the state's part of n; out: r, z, n, and that part.
void gru_step(int64_t n, int64_t hidden, float* gates, const float* h_before, float* h);
// dh becomes what goes straight to h_before.
void gru_step_back(int64_t n, int64_t hidden, const float* gates, const float* h_before, float* dh,
                   float* dgates);

void rnn_step(int64_t n, int64_t hidden, bool relu, const float* sums, float* h);
// dh becomes 0.
void rnn_step_back(int64_t n, int64_t hidden, bool relu, const float* h, float* dh, float* dsums);

}  // namespace sparlet
