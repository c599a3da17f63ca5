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

// One entry's products, in V::lanes strands.
template <class V, int N>
SPARLET_INLINE void entry_strands(const typename V::T (&dy)[N], const float* x, float* strands) {
  typename V::T sum, v;
  V::zero(sum);
  for (int j = 0; j < N; ++j) {
    V::load(v, x + j * V::lanes);
    V::fma(sum, v, dy[j]);
  }
  V::store(sum, strands);
}

// The strands of V::lanes entries become their sums at once, whatever rows they are in.
template <class V, int N>
SPARLET_INLINE void dots(const StripForm& s, const float* x, const float* dy, bool add,
                         float* dvalues) {
  constexpr int64_t lanes = V::lanes, width = N * lanes;
  alignas(64) float strands[lanes * lanes] = {};
  typename V::T sums, before;
  int64_t k = 0;
  for (int64_t r = 0; r < s.rows; ++r) {
    typename V::T g[N];
    for (int j = 0; j < N; ++j) V::load(g[j], dy + r * width + j * lanes);
    for (int64_t c = 0; c < s.blocks; ++c) {
      const float* xb = x + c * s.block * width;
      const int64_t last = s.begin[(c + 1) * s.rows + r];
      while (k < last) {
        const int64_t from = k % lanes, n = last - k < lanes - from ? last - k : lanes - from;
        for (int64_t i = 0; i < n; ++i)
          entry_strands<V, N>(g, xb + s.index[k + i] * width, strands + (from + i) * lanes);
        k += n;
        if (k % lanes != 0) continue;
        V::sum_each(strands, sums);
        if (add) {
          V::load(before, dvalues + k - lanes);
          V::add(sums, before);
        }
        V::store(sums, dvalues + k - lanes);
      }
    }
  }
  if (k % lanes == 0) return;
  float rest[lanes];
  V::sum_each(strands, sums);
  V::store(sums, rest);
  for (int64_t i = k - k % lanes; i < k; ++i) dvalues[i] = rest[i % lanes] + (add ? dvalues[i] : 0);
}

}  // namespace
}  // namespace sparlet
