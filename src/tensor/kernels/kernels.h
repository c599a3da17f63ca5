// The table of float kernels: portable code first, overwritten by what the CPU and the build can do.
// SPARLET_KERNELS=portable|avx2|avx512|openblas|onednn forces a path; an unknown or unavailable one
// is an Error that names those that are there.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace sparlet {

struct Kernels {
  std::string_view name;
  bool onednn = false;   // conv2d and linear make oneDNN primitives
};

const Kernels& default_kernels();                  // SPARLET_KERNELS, or the best there is
std::span<const Kernels* const> all_kernels();     // those this CPU and build can run; portable first
const Kernels& find_kernels(std::string_view name);

}  // namespace sparlet
