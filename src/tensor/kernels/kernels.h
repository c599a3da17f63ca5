// The table of float kernels, one row a path:
//   portable  plain loops for every CPU
//   avx2, avx512  our own SIMD code, where the CPU has it
//   openblas  the portable layers around OpenBLAS's matrix product, where the build has it
//   onednn    oneDNN's convolution, inner product and LSTM, where the build has it
// Loops that give the same bits whatever a vector's width (elementwise ops, updates) are shared by
// all of them. The default is the widest SIMD path, else onednn, else openblas, else portable.
// SPARLET_KERNELS forces a path; an unknown or unavailable one is an Error that names those that
// are there.
//
// SIMD code stands in files of its own, built with the flags of its path (meson.build). Those files
// include no header that defines inline functions or templates shared with other files: the linker
// keeps one copy of such a function, and it may be the one that this CPU cannot run.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace sparlet {

struct ConvShape;
struct GemmArgs;
struct LinearShape;
struct PlaneLoops;
struct RecurrentShape;
struct SparsePattern;
struct Window;
struct OuterGrad;
struct UpdateRule;
struct UpdateArgs;
class ConvKernel;
class LinearKernel;
class RecurrentKernel;
class SparseKernel;

// What a layer's kernel is made for.
struct KernelOptions {
  int64_t batch = 1;   // the most samples (rows) of one call
  bool train = false;  // false: the weight stays the same between calls, backward is never called
  bool input_grad = true;  // training: the input's gradient is wanted (a hint of what costs)
};

struct Kernels {
  std::string_view name;
  bool onednn = false;  // conv2d and linear make oneDNN primitives
  // A sample's result is the same bits whatever stands beside it in its batch.
  bool same_bits = true;
  bool fuses = false;  // they take relu (and conv2d max pooling) with them
  std::unique_ptr<ConvKernel> (*conv2d)(const ConvShape&, const KernelOptions&) = nullptr;
  std::unique_ptr<LinearKernel> (*linear)(const LinearShape&, const KernelOptions&) = nullptr;
  std::unique_ptr<RecurrentKernel> (*recurrent)(const RecurrentShape&,
                                                const KernelOptions&) = nullptr;
  std::unique_ptr<SparseKernel> (*sparse)(const SparsePattern&, const KernelOptions&) = nullptr;
  void (*gemm)(const GemmArgs&) = nullptr;  // as in gemm.h, for what is not a layer's product
  const PlaneLoops& (*planes)() = nullptr;  // for sparse_conv.h and sparse_recurrent.h
  // As in pool.h.
  void (*max_pool)(const Window&, int64_t n, const float* x, float* y, int32_t* from) = nullptr;
  void (*max_pool_backward)(const Window&, int64_t n, const int32_t* from, const float* dy,
                            float* dx) = nullptr;
  // As in update.h.
  void (*update)(const UpdateRule&, const UpdateArgs&) = nullptr;
  // The same by a gradient that is not written down (UpdateArgs::grad is not read); gives false
  // where it does not do this rule. Null: it does none.
  bool (*update_outer)(const UpdateRule&, const UpdateArgs&, const OuterGrad&) = nullptr;
};

const Kernels& default_kernels();  // SPARLET_KERNELS, or the best there is
std::span<const Kernels* const>
all_kernels();  // those this CPU and build can run, slowest (portable) first
const Kernels& find_kernels(std::string_view name);

}  // namespace sparlet
