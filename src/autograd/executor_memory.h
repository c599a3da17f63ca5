// Memory of an Executor: blocks, places in them, and what a machine has.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "autograd/graph.h"
#include "tensor/error.h"
#include "tensor/kernels/lines.h"

namespace sparlet {
namespace executor_detail {

// One aligned, zeroed block. Its pages are touched only where it is used.
class Memory {
 public:
  Memory() = default;
  explicit Memory(int64_t bytes) : bytes_(bytes) {
    if (bytes > 0)
      place_ = {static_cast<std::byte*>(zeroed_memory(size_t(bytes))), Free{size_t(bytes)}};
  }
  std::byte* at(int64_t offset) const { return place_.get() + offset; }
  int64_t bytes() const { return bytes_; }

 private:
  struct Free {
    size_t bytes;
    void operator()(std::byte* p) const { free_zeroed(p, bytes); }
  };
  std::unique_ptr<std::byte[], Free> place_;
  int64_t bytes_ = 0;
};

// Memory that is taken and given back: each time the lowest place that is free.
class Shelf {
 public:
  explicit Shelf(int64_t begin) : begin_(begin), size_(begin) {}
  int64_t take(int64_t bytes) {
    int64_t at = begin_;
    auto next = taken_.begin();
    for (; next != taken_.end() && next->at < at + bytes; ++next) at = next->at + next->bytes;
    taken_.insert(next, {at, bytes});
    size_ = std::max(size_, at + bytes);
    return at;
  }
  void give_back(int64_t at) { taken_.erase(std::ranges::find(taken_, at, &Place::at)); }
  int64_t size() const { return size_; }  // the most there was

 private:
  struct Place {
    int64_t at, bytes;
  };
  int64_t begin_, size_;
  std::vector<Place> taken_;  // by place
};

inline int64_t round64(int64_t bytes) { return (bytes + 63) / 64 * 64; }
inline int64_t value_bytes(const Type& type) {
  return count(type.shape) * sparlet::bytes_of(type.dtype);
}

// More than the machine has is never asked for: the system would grant it, and kill us for using
// it.
inline double machine_bytes() {
  return double(::sysconf(_SC_PHYS_PAGES)) * double(::sysconf(_SC_PAGESIZE));
}
inline void check_memory(double bytes, const Node& node, int64_t batch) {
  require(bytes <= machine_bytes(),
          "{} ({}): {} for each of {} samples: with it the net needs {:.0f} MB, the machine has "
          "{:.0f}",
          node.name, node.op->name, to_string(node.type.shape), batch, bytes / 1e6,
          machine_bytes() / 1e6);
}

}  // namespace executor_detail
}  // namespace sparlet
