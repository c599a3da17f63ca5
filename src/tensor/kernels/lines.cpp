#include "tensor/kernels/lines.h"

#include <atomic>
#include <cstring>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace sparlet {
namespace {

constexpr std::size_t kLine = 64, kLargePage = 2 << 20, kLarge = 4 << 20;
constexpr std::size_t kMapped = 1 << 20, kMappedLarge = 4 << 20;

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

namespace {
std::atomic<std::size_t> mapped{0};
}
std::size_t mapped_bytes() { return mapped; }

void* zeroed_memory(std::size_t bytes) {
#ifdef __linux__
  if (bytes >= kMapped) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    mapped += bytes;
#ifdef MADV_HUGEPAGE
    if (bytes >= kMappedLarge) madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return p;
  }
#endif
  void* p = ::operator new (bytes, std::align_val_t{kLine});
  std::memset(p, 0, bytes);
  return p;
}

void free_zeroed(void* p, std::size_t bytes) {
#ifdef __linux__
  if (bytes >= kMapped) {
    munmap(p, bytes);
    mapped -= bytes;
    return;
  }
#endif
  ::operator delete (p, std::align_val_t{kLine});
}

}  // namespace sparlet
