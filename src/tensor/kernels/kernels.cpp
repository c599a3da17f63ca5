#include "tensor/kernels/kernels.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/pool.h"
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/sparse.h"
#include "tensor/kernels/sparse_planes.h"
#if SPARLET_SIMD
#include "tensor/kernels/simd_kernels.h"
#endif
#if SPARLET_ONEDNN
#include "tensor/kernels/onednn.h"
#endif

namespace sparlet {
namespace {

template <const PlaneLoops& loops>
const PlaneLoops& planes_by() {
  return loops;
}

constexpr Kernels portable{.name = "portable",
                           .conv2d = portable_conv2d,
                           .linear = portable_linear,
                           .recurrent = portable_recurrent,
                           .sparse = portable_sparse,
                           .planes = planes_by<planes_portable>,
                           .max_pool = max_pool,
                           .max_pool_backward = max_pool_backward};
#if SPARLET_SIMD
template <const SimdLoops& loops>
std::unique_ptr<ConvKernel> conv2d_by(const ConvShape& shape, const KernelOptions& options) {
  return simd_conv2d(loops, shape, options);
}
template <const SimdLoops& loops>
std::unique_ptr<LinearKernel> linear_by(const LinearShape& shape, const KernelOptions& options) {
  return simd_linear(loops, shape, options);
}

template <const SimdLoops& loops>
void max_pool_by(const Window& w, int64_t n, const float* x, float* y, int32_t* from) {
  simd_max_pool(loops, w, n, x, y, from);
}
template <const SimdLoops& loops>
void max_pool_backward_by(const Window& w, int64_t n, const int32_t* from, const float* dy,
                          float* dx) {
  simd_max_pool_backward(loops, w, n, from, dy, dx);
}

template <const SimdLoops& loops>
constexpr Kernels simd_row(std::string_view name, decltype(Kernels::sparse) sparse,
                           decltype(Kernels::planes) planes) {
  return {.name = name,
          .fuses = true,
          .conv2d = conv2d_by<loops>,
          .linear = linear_by<loops>,
          .recurrent = portable_recurrent,
          .sparse = sparse,
          .planes = planes,
          .max_pool = max_pool_by<loops>,
          .max_pool_backward = max_pool_backward_by<loops>};
}
constexpr Kernels avx2 = simd_row<simd_avx2>("avx2", avx2_sparse, planes_by<planes_avx2>);
constexpr Kernels avx512 = simd_row<simd_avx512>("avx512", avx512_sparse, planes_by<planes_avx512>);

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#if SPARLET_ONEDNN
// oneDNN has none of its own.
std::unique_ptr<SparseKernel> best_sparse(const SparsePattern& pattern,
                                          const KernelOptions& options) {
#if SPARLET_SIMD
  if (has_avx512()) return avx512_sparse(pattern, options);
  if (has_avx2()) return avx2_sparse(pattern, options);
#endif
  return portable_sparse(pattern, options);
}
const PlaneLoops& best_planes() {
#if SPARLET_SIMD
  if (has_avx512()) return planes_avx512;
  if (has_avx2()) return planes_avx2;
#endif
  return planes_portable;
}

constexpr Kernels onednn{.name = "onednn",
                         .onednn = true,
                         .conv2d = onednn_conv2d,
                         .linear = onednn_linear,
                         .recurrent = onednn_recurrent,
                         .sparse = best_sparse,
                         .planes = best_planes,
                         .max_pool = max_pool,
                         .max_pool_backward = max_pool_backward};
#endif

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> there{&portable};
#if SPARLET_SIMD
  if (has_avx2()) there.push_back(&avx2);
  if (has_avx512()) there.push_back(&avx512);
#endif
#if SPARLET_ONEDNN
  there.push_back(&onednn);
#endif
  return there;
}

}  // namespace

std::span<const Kernels* const> all_kernels() {
  static const std::vector<const Kernels*> there = available();
  return there;
}

const Kernels& find_kernels(std::string_view name) {
  std::string names;
  for (const Kernels* one : all_kernels()) {
    if (one->name == name) return *one;
    names += (names.empty() ? "" : ", ") + std::string(one->name);
  }
  fail("SPARLET_KERNELS: no kernels '{}' here; there are {}", name, names);
}

const Kernels& default_kernels() {
  const char* forced = std::getenv("SPARLET_KERNELS");
  return forced && *forced ? find_kernels(forced) : *all_kernels().back();
}

}  // namespace sparlet
