// The strip loops for any vector type V; each instruction set's file includes them for its own.
// V: lanes, T, and load, store, zero, spread, fma, add; sum_each sums `lanes` vectors in memory.
// Vectors are passed by reference: by value they differ between instruction sets.
#pragma once
#include "tensor/kernels/sparse_loops.h"

#define SPARLET_INLINE [[gnu::always_inline]] static inline

namespace sparlet {
namespace {  // a copy for each file: they are compiled for different machines

struct Scalar {
  static constexpr int lanes = 1;
  using T = float;
  SPARLET_INLINE void load(T& to, const float* from) { to = *from; }
  SPARLET_INLINE void store(const T& from, float* to) { *to = from; }
  SPARLET_INLINE void zero(T& to) { to = 0; }
  SPARLET_INLINE void spread(T& to, float value) { to = value; }
  SPARLET_INLINE void fma(T& sum, const T& a, const T& b) { sum += a * b; }
  SPARLET_INLINE void add(T& sum, const T& a) { sum += a; }
  SPARLET_INLINE void sum_each(const float* from, T& to) { to = *from; }
};

template <class V, int N>
SPARLET_INLINE void add_entry(typename V::T (&sum)[N], float value, const float* x) {
  typename V::T weight, v;
  V::spread(weight, value);
  for (int j = 0; j < N; ++j) {
    V::load(v, x + j * V::lanes);
    V::fma(sum[j], weight, v);
  }
}

// A strip of N vectors. Several chains of sums hide the latency of one.
template <class V, int N, int kChains, bool kMoved>
SPARLET_INLINE void product(const StripForm& s, const float* values, const float* bias,
                            const float* x, float* y) {
  constexpr int64_t width = N * V::lanes;
  for (int64_t c = 0; c < s.blocks; ++c) {
    const float* xb = x + c * s.block * width;
    const int32_t *begin = s.begin + c * s.rows, *end = begin + s.end_step;
    for (int64_t r = 0; r < s.rows; ++r) {
      typename V::T sum[kChains][N];
      for (int u = 0; u < kChains; ++u)
        for (int j = 0; j < N; ++j) V::zero(sum[u][j]);
      for (int j = 0; j < N; ++j)
        if (c > 0)
          V::load(sum[0][j], y + r * width + j * V::lanes);
        else if (bias)
          V::spread(sum[0][j], bias[r]);
      int64_t k = begin[r];
      const int64_t last = end[r];
      for (; k + kChains <= last; k += kChains)
        for (int u = 0; u < kChains; ++u)
          add_entry<V, N>(sum[u], values[kMoved ? s.position[k + u] : k + u],
                          xb + s.index[k + u] * width);
      for (; k < last; ++k)
        add_entry<V, N>(sum[0], values[kMoved ? s.position[k] : k], xb + s.index[k] * width);
      for (int j = 0; j < N; ++j) {
        for (int u = 1; u < kChains; ++u) V::add(sum[0][j], sum[u][j]);
        V::store(sum[0][j], y + r * width + j * V::lanes);
      }
    }
  }
}

template <class V, int N, int kChains>
SPARLET_INLINE void product(const StripForm& s, const float* values, const float* bias,
                            const float* x, float* y) {
  if (s.position)
    product<V, N, kChains, true>(s, values, bias, x, y);
  else
    product<V, N, kChains, false>(s, values, bias, x, y);
}

// The products of an entry stay in V::lanes strands until those of V::lanes entries can be summed
// at once, whatever rows they are in.
template <class V, int N>
SPARLET_INLINE void dots(const StripForm& s, const float* x, const float* dy, bool add,
                         float* dvalues) {
  constexpr int64_t width = N * V::lanes;
  alignas(64) float strands[V::lanes * V::lanes] = {};
  int64_t k = 0;
  typename V::T sums, before;
  for (int64_t r = 0; r < s.rows; ++r) {
    typename V::T g[N];
    for (int j = 0; j < N; ++j) V::load(g[j], dy + r * width + j * V::lanes);
    for (int64_t c = 0; c < s.blocks; ++c) {
      const float* xb = x + c * s.block * width;
      for (const int64_t last = s.begin[(c + 1) * s.rows + r]; k < last; ++k) {
        const float* entry = xb + s.index[k] * width;
        typename V::T strand, v;
        V::zero(strand);
        for (int j = 0; j < N; ++j) {
          V::load(v, entry + j * V::lanes);
          V::fma(strand, v, g[j]);
        }
        V::store(strand, strands + k % V::lanes * V::lanes);
        if (k % V::lanes != V::lanes - 1) continue;
        V::sum_each(strands, sums);
        float* to = dvalues + k - (V::lanes - 1);
        if (add) {
          V::load(before, to);
          V::add(sums, before);
        }
        V::store(sums, to);
      }
    }
  }
  if (k % V::lanes == 0) return;
  float rest[V::lanes];
  V::sum_each(strands, sums);
  V::store(sums, rest);
  for (int64_t i = k - k % V::lanes; i < k; ++i)
    dvalues[i] = rest[i % V::lanes] + (add ? dvalues[i] : 0);
}

}  // namespace
}  // namespace sparlet
