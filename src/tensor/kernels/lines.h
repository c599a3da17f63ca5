// A vector that begins at a cache line, so that no vector register's load crosses one. Where it is
// large, in large pages if the system gives them: a weight of 64 MB read once a call costs 16,000
// page walks otherwise (a fifth of the time of a product with 64 samples).
#pragma once
#include <vector>

namespace sparlet {

void* line_memory(std::size_t bytes);  // throws std::bad_alloc
void free_lines(void* p, std::size_t bytes);

// Zeros that begin at a cache line. Much of it comes from the system page by page, as it is
// touched.
void* zeroed_memory(std::size_t bytes);  // throws std::bad_alloc
void free_zeroed(void* p, std::size_t bytes);
// What of it is in use that malloc knows nothing of.
std::size_t mapped_bytes();

template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class Other>
  LineAllocator(const LineAllocator<Other>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(line_memory(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { free_lines(p, n * sizeof(T)); }
  bool operator==(const LineAllocator&) const { return true; }
};

template <class T>
using Lines = std::vector<T, LineAllocator<T>>;

}  // namespace sparlet
