#include "tensor/kernels/kernels.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/gemm.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/pool.h"
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/sparse.h"
#include "tensor/kernels/sparse_planes.h"
#include "tensor/kernels/update.h"
#if SPARLET_SIMD
#include "tensor/kernels/simd_kernels.h"
#endif
#if SPARLET_OPENBLAS
#include "tensor/kernels/openblas.h"
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
                           .gemm = gemm,
                           .planes = planes_by<planes_portable>,
                           .max_pool = max_pool,
                           .max_pool_backward = max_pool_backward,
                           .update = update};
#if SPARLET_SIMD
template <const SimdLoops& loops>
std::unique_ptr<ConvKernel> simd_conv2d_by(const ConvShape& shape, const KernelOptions& options) {
  return simd_conv2d(loops, shape, options);
}
template <const SimdLoops& loops>
std::unique_ptr<LinearKernel> simd_linear_by(const LinearShape& shape,
                                             const KernelOptions& options) {
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
void update_by(const UpdateRule& rule, const UpdateArgs& args) {
  simd_update(loops, rule, args);
}
template <const SimdLoops& loops>
bool update_outer_by(const UpdateRule& rule, const UpdateArgs& args, const OuterGrad& grad) {
  return simd_update_outer(loops, rule, args, grad);
}
template <const SimdLoops& loops>
void gemm_by(const GemmArgs& g) {
  loops.product({.m = g.m,
                 .n = g.n,
                 .k_inner = g.k,
                 .a = g.a.data,
                 .a_row = g.a.row,
                 .a_inner = g.a.column,
                 .b = g.b,
                 .b_inner = g.b_row,
                 .b_panel = loops.lanes,
                 .c = g.c,
                 .c_row = g.c_row,
                 .accumulate = g.accumulate});
}
template <const SimdLoops& loops>
std::unique_ptr<RecurrentKernel> simd_recurrent_by(const RecurrentShape& shape,
                                                   const KernelOptions& options) {
  static const GemmPath path{loops.name, gemm_by<loops>, loops.transpose};
  return recurrent_by(path, shape, options);
}

template <const SimdLoops& loops>
constexpr Kernels simd_row(std::string_view name, decltype(Kernels::sparse) sparse,
                           decltype(Kernels::planes) planes) {
  return {.name = name,
          .fuses = true,
          .conv2d = simd_conv2d_by<loops>,
          .linear = simd_linear_by<loops>,
          .recurrent = simd_recurrent_by<loops>,
          .sparse = sparse,
          .gemm = gemm_by<loops>,
          .planes = planes,
          .max_pool = max_pool_by<loops>,
          .max_pool_backward = max_pool_backward_by<loops>,
          .update = update_by<loops>,
          .update_outer = update_outer_by<loops>};
}
constexpr Kernels avx2 = simd_row<simd_avx2>("avx2", avx2_sparse, planes_by<planes_avx2>);
constexpr Kernels avx512 = simd_row<simd_avx512>("avx512", avx512_sparse, planes_by<planes_avx512>);

bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
#if SPARLET_OPENBLAS || SPARLET_ONEDNN
// Neither library has any of its own.
std::unique_ptr<SparseKernel> best_sparse(const SparsePattern& pattern,
                                          const KernelOptions& options) {
#if SPARLET_SIMD
  if (has_avx512()) return avx512_sparse(pattern, options);
  if (has_avx2()) return avx2_sparse(pattern, options);
#endif
  return portable_sparse(pattern, options);
}
void best_gemm(const GemmArgs& args) {
#if SPARLET_SIMD
  if (has_avx512()) return gemm_by<simd_avx512>(args);
  if (has_avx2()) return gemm_by<simd_avx2>(args);
#endif
  gemm(args);
}
const PlaneLoops& best_planes() {
#if SPARLET_SIMD
  if (has_avx512()) return planes_avx512;
  if (has_avx2()) return planes_avx2;
#endif
  return planes_portable;
}
#endif
#if SPARLET_OPENBLAS
constexpr Kernels openblas{.name = "openblas",
                           .same_bits = false,
                           .conv2d = openblas_conv2d,
                           .linear = openblas_linear,
                           .recurrent = openblas_recurrent,
                           .sparse = best_sparse,
                           .gemm = best_gemm,
                           .planes = best_planes,
                           .max_pool = max_pool,
                           .max_pool_backward = max_pool_backward,
                           .update = update};
#endif
#if SPARLET_ONEDNN
constexpr Kernels onednn{.name = "onednn",
                         .onednn = true,
                         .same_bits = false,
                         .conv2d = onednn_conv2d,
                         .linear = onednn_linear,
                         .recurrent = onednn_recurrent,
                         .sparse = best_sparse,
                         .gemm = best_gemm,
                         .planes = best_planes,
                         .max_pool = max_pool,
                         .max_pool_backward = max_pool_backward,
                         .update = update};
#endif

// From the slowest to the fastest; the last one is the default. Our own SIMD code comes after
// oneDNN: it fuses, it needs no reordered weights, and it was faster on every net of
// docs/performance.md.
std::vector<const Kernels*> available() {
  std::vector<const Kernels*> there{&portable};
#if SPARLET_OPENBLAS
  there.push_back(&openblas);
#endif
#if SPARLET_ONEDNN
  there.push_back(&onednn);
#endif
#if SPARLET_SIMD
  if (has_avx2()) there.push_back(&avx2);
  if (has_avx512()) there.push_back(&avx512);
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
