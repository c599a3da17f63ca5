// The table of float kernels: portable code first, overwritten by what the CPU and the build can
// do. SPARLET_KERNELS=portable|onednn forces a path; an unknown or unavailable one is an Error that
// names those that are there.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace sparlet {

struct ConvShape;
struct LinearShape;
struct RecurrentShape;
struct SparsePattern;
class ConvKernel;
class LinearKernel;
class RecurrentKernel;
class SparseKernel;

// What a layer's kernel is made for.
struct KernelOptions {
  int64_t batch = 1;   // the most samples (rows) of one call
  bool train = false;  // false: the weight stays the same between calls, backward is never called
};

struct Kernels {
  std::string_view name;
  bool onednn = false;  // conv2d and linear make oneDNN primitives
  std::unique_ptr<ConvKernel> (*conv2d)(const ConvShape&, const KernelOptions&) = nullptr;
  std::unique_ptr<LinearKernel> (*linear)(const LinearShape&, const KernelOptions&) = nullptr;
  std::unique_ptr<RecurrentKernel> (*recurrent)(const RecurrentShape&,
                                                const KernelOptions&) = nullptr;
  std::unique_ptr<SparseKernel> (*sparse)(const SparsePattern&, const KernelOptions&) = nullptr;
};

const Kernels& default_kernels();               // SPARLET_KERNELS, or the best there is
std::span<const Kernels* const> all_kernels();  // those this CPU and build can run; portable first
const Kernels& find_kernels(std::string_view name);

}  // namespace sparlet
