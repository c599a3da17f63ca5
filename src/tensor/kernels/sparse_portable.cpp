// Strip loops in portable code that compilers vectorise.
#include "tensor/kernels/lanes.h"
#include "tensor/kernels/sparse_strip_loops.h"

namespace sparlet {
namespace {

struct Eight {
  static constexpr int lanes = kLanes;
  using T = Lanes;
  SPARLET_INLINE void load(T& to, const float* from) { SPARLET_LOAD(to, from); }
  SPARLET_INLINE void store(const T& from, float* to) { SPARLET_STORE(from, to); }
  SPARLET_INLINE void zero(T& to) { to = T{}; }
  SPARLET_INLINE void spread(T& to, float value) { to = T{} + value; }
  SPARLET_INLINE void fma(T& sum, const T& a, const T& b) { sum += a * b; }
  SPARLET_INLINE void add(T& sum, const T& a) { sum += a; }
  SPARLET_INLINE void sum_each(const float* from, T& to) {
    for (int i = 0; i < lanes; ++i) {
      const float* f = from + i * lanes;
      to[i] = ((f[0] + f[4]) + (f[2] + f[6])) + ((f[1] + f[5]) + (f[3] + f[7]));
    }
  }
};

SPARLET_WIDE void strip_product(const StripForm& s, const float* values, const float* bias,
                                int64_t width, const float* x, float* y) {
  switch (width) {
    case 1:
      return product<Scalar, 1, 4>(s, values, bias, x, y);
    case 8:
      return product<Eight, 1, 2>(s, values, bias, x, y);
    case 16:
      return product<Eight, 2, 1>(s, values, bias, x, y);
    case 32:
      return product<Eight, 4, 1>(s, values, bias, x, y);
    case 64:
      return product<Eight, 8, 1>(s, values, bias, x, y);
  }
}

SPARLET_WIDE void strip_dots(const StripForm& s, int64_t width, const float* x, const float* dy,
                             bool add, float* dvalues) {
  switch (width) {
    case 1:
      return dots<Scalar, 1>(s, x, dy, add, dvalues);
    case 8:
      return dots<Eight, 1>(s, x, dy, add, dvalues);
    case 16:
      return dots<Eight, 2>(s, x, dy, add, dvalues);
    case 32:
      return dots<Eight, 4>(s, x, dy, add, dvalues);
    case 64:
      return dots<Eight, 8>(s, x, dy, add, dvalues);
  }
}

// Square tiles, so that neither side leaves the first cache.
void transpose(int64_t rows, int64_t columns, const float* from, int64_t from_row, float* to,
               int64_t to_row) {
  constexpr int64_t tile = 16;
  for (int64_t r0 = 0; r0 < rows; r0 += tile)
    for (int64_t c0 = 0; c0 < columns; c0 += tile) {
      const int64_t r1 = r0 + tile < rows ? r0 + tile : rows;
      const int64_t c1 = c0 + tile < columns ? c0 + tile : columns;
      for (int64_t c = c0; c < c1; ++c)
        for (int64_t r = r0; r < r1; ++r) to[c * to_row + r] = from[r * from_row + c];
    }
}

}  // namespace

extern const SparseLoops portable_sparse_loops{.name = "portable",
                                               .strip_product = strip_product,
                                               .strip_dots = strip_dots,
                                               .transpose = transpose,
                                               .lanes = nullptr,
                                               .gather = nullptr};

}  // namespace sparlet
