#include "tensor/kernels/lines.h"

#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace sparlet {
namespace {

constexpr std::size_t kLine = 64, kLargePage = 2 << 20, kLarge = 4 << 20;

std::align_val_t alignment(std::size_t bytes) {
  return std::align_val_t{bytes >= kLarge ? kLargePage : kLine};
}

}  // namespace

void* line_memory(std::size_t bytes) {
  void* p = ::operator new(bytes, alignment(bytes));
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (bytes >= kLarge) madvise(p, bytes, MADV_HUGEPAGE);  // a wish: its result does not matter
#endif
  return p;
}

void free_lines(void* p, std::size_t bytes) { ::operator delete(p, alignment(bytes)); }

}  // namespace sparlet
