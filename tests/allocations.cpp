#include "allocations.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string_view>

namespace {

int64_t count = 0;
bool counting = false;  // asking where a call comes from is slow: only where it matters

void* allocate(size_t size, size_t align, const void* caller) {
  Dl_info from;
  if (counting && !(dladdr(caller, &from) && from.dli_fname &&
                    std::string_view(from.dli_fname).find("libdnnl") != std::string_view::npos))
    ++count;
  const size_t rounded = std::max<size_t>((size + align - 1) / align * align, align);
  return std::aligned_alloc(align, rounded);
}

void* checked(void* place) {
  if (!place) throw std::bad_alloc();
  return place;
}

constexpr size_t kAlign = alignof(std::max_align_t);

}  // namespace

namespace sparlet::testing {
int64_t start_counting() {
  counting = true;
  return count;
}
int64_t stop_counting() {
  counting = false;
  return count;
}
int64_t allocations() { return count; }
}  // namespace sparlet::testing

// NOLINTBEGIN: all of them, or a sanitizer's own would meet free() here
#define CALLER __builtin_return_address(0)
void* operator new(size_t n) { return checked(allocate(n, kAlign, CALLER)); }
void* operator new[](size_t n) { return checked(allocate(n, kAlign, CALLER)); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return allocate(n, kAlign, CALLER); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept {
  return allocate(n, kAlign, CALLER);
}
void* operator new(size_t n, std::align_val_t a) { return checked(allocate(n, size_t(a), CALLER)); }
void* operator new[](size_t n, std::align_val_t a) {
  return checked(allocate(n, size_t(a), CALLER));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }
// NOLINTEND
