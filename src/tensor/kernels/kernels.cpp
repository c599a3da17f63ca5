#include "tensor/kernels/kernels.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/kernels/recurrent.h"
#include "tensor/kernels/sparse.h"
#if SPARLET_ONEDNN
#include "tensor/kernels/onednn.h"
#endif

namespace sparlet {
namespace {

constexpr Kernels portable{.name = "portable",
                           .conv2d = portable_conv2d,
                           .linear = portable_linear,
                           .recurrent = portable_recurrent,
                           .sparse = portable_sparse};
#if SPARLET_ONEDNN
constexpr Kernels onednn{.name = "onednn",
                         .onednn = true,
                         .conv2d = onednn_conv2d,
                         .linear = onednn_linear,
                         .recurrent = onednn_recurrent,
                         .sparse = portable_sparse};
constexpr const Kernels* table[] = {&portable, &onednn};
#else
constexpr const Kernels* table[] = {&portable};
#endif

}  // namespace

std::span<const Kernels* const> all_kernels() { return table; }

const Kernels& find_kernels(std::string_view name) {
  std::string names;
  for (const Kernels* one : table) {
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
