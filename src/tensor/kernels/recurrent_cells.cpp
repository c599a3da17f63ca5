#include "tensor/kernels/recurrent_cells.h"

#include "tensor/kernels/lanes.h"

namespace sparlet {
namespace {

// tanh as a quotient of polynomials on [-7.9, 7.9], beyond which it is ±1 in float: a few units in
// the last place everywhere, without a branch, so that loops over it vectorise (the coefficients
// are those of Eigen's ptanh). NaN stays NaN.
[[gnu::always_inline]] inline float squash(float v) {
  const float limit = 7.90531110763549805f;
  const float x = v < -limit ? -limit : v > limit ? limit : v;
  const float q = x * x;
  float top = q * -2.76076847742355e-16f + 2.00018790482477e-13f;
  top = q * top - 8.60467152213735e-11f;
  top = q * top + 5.12229709037114e-08f;
  top = q * top + 1.48572235717979e-05f;
  top = q * top + 6.37261928875436e-04f;
  top = q * top + 4.89352455891786e-03f;
  float bottom = q * 1.19825839466702e-06f + 1.18534705686654e-04f;
  bottom = q * bottom + 2.26843463243900e-03f;
  bottom = q * bottom + 4.89352518554385e-03f;
  return x * top / bottom;
}

[[gnu::always_inline]] inline float sigmoid(float x) { return 0.5f * squash(0.5f * x) + 0.5f; }

}  // namespace

SPARLET_WIDE void lstm_step(int64_t n, int64_t hidden, float* gates, const float* c_before,
                            float* c, float* squashed, float* h) {
  for (int64_t s = 0; s < n; ++s, gates += 4 * hidden) {
    float *i = gates, *f = i + hidden, *g = f + hidden, *o = g + hidden;
    const int64_t row = s * hidden;
#pragma GCC ivdep
    for (int64_t k = 0; k < hidden; ++k) {
      const float in = sigmoid(i[k]), keep = sigmoid(f[k]), cell = squash(g[k]),
                  out = sigmoid(o[k]);
      const float state = keep * c_before[row + k] + in * cell, flat = squash(state);
      i[k] = in;
      f[k] = keep;
      g[k] = cell;
      o[k] = out;
      c[row + k] = state;
      squashed[row + k] = flat;
      h[row + k] = out * flat;
    }
  }
}

SPARLET_WIDE void lstm_step_back(int64_t n, int64_t hidden, const float* gates,
                                 const float* c_before, const float* squashed, float* dh, float* dc,
                                 float* dgates) {
  for (int64_t s = 0; s < n; ++s, gates += 4 * hidden, dgates += 4 * hidden) {
    const float *i = gates, *f = i + hidden, *g = f + hidden, *o = g + hidden;
    float *di = dgates, *df = di + hidden, *dg = df + hidden, *d_o = dg + hidden;
    const int64_t row = s * hidden;
#pragma GCC ivdep
    for (int64_t k = 0; k < hidden; ++k) {
      const float flat = squashed[row + k], up = dh[row + k];
      const float down = dc[row + k] + up * o[k] * (1 - flat * flat);
      d_o[k] = up * flat * o[k] * (1 - o[k]);
      di[k] = down * g[k] * i[k] * (1 - i[k]);
      df[k] = down * c_before[row + k] * f[k] * (1 - f[k]);
      dg[k] = down * i[k] * (1 - g[k] * g[k]);
      dc[row + k] = down * f[k];
      dh[row + k] = 0;
    }
  }
}

SPARLET_WIDE void gru_step(int64_t n, int64_t hidden, float* gates, const float* h_before,
                           float* h) {
  for (int64_t s = 0; s < n; ++s, gates += 4 * hidden) {
    float *r = gates, *z = r + hidden, *c = z + hidden;
    const float* state = c + hidden;
    const int64_t row = s * hidden;
#pragma GCC ivdep
    for (int64_t k = 0; k < hidden; ++k) {
      const float reset = sigmoid(r[k]), keep = sigmoid(z[k]);
      const float fresh = squash(c[k] + reset * state[k]);
      r[k] = reset;
      z[k] = keep;
      c[k] = fresh;
      h[row + k] = (1 - keep) * fresh + keep * h_before[row + k];
    }
  }
}

SPARLET_WIDE void gru_step_back(int64_t n, int64_t hidden, const float* gates,
                                const float* h_before, float* dh, float* dgates) {
  for (int64_t s = 0; s < n; ++s, gates += 4 * hidden, dgates += 4 * hidden) {
    const float *r = gates, *z = r + hidden, *c = z + hidden, *state = c + hidden;
    float *dr = dgates, *dz = dr + hidden, *dn = dz + hidden, *dstate = dn + hidden;
    const int64_t row = s * hidden;
#pragma GCC ivdep
    for (int64_t k = 0; k < hidden; ++k) {
      const float up = dh[row + k];
      const float fresh = up * (1 - z[k]) * (1 - c[k] * c[k]);
      dn[k] = fresh;
      dstate[k] = fresh * r[k];
      dr[k] = fresh * state[k] * r[k] * (1 - r[k]);
      dz[k] = up * (h_before[row + k] - c[k]) * z[k] * (1 - z[k]);
      dh[row + k] = up * z[k];
    }
  }
}

SPARLET_WIDE void rnn_step(int64_t n, int64_t hidden, bool relu, const float* sums, float* h) {
  if (relu) {
#pragma GCC ivdep
    for (int64_t k = 0; k < n * hidden; ++k) h[k] = sums[k] < 0 ? 0 : sums[k];
  } else {
#pragma GCC ivdep
    for (int64_t k = 0; k < n * hidden; ++k) h[k] = squash(sums[k]);
  }
}

SPARLET_WIDE void rnn_step_back(int64_t n, int64_t hidden, bool relu, const float* h, float* dh,
                                float* dsums) {
#pragma GCC ivdep
  for (int64_t k = 0; k < n * hidden; ++k) {
    dsums[k] = dh[k] * (relu ? (h[k] > 0 ? 1.f : 0.f) : 1 - h[k] * h[k]);
    dh[k] = 0;
  }
}

}  // namespace sparlet
