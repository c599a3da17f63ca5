// Shape and element type of a tensor.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace sparlet {

enum class DType : uint8_t { f32, i8, u8, i16, u16, i32 };

int64_t bytes_of(DType);                  // of one element
std::string_view name_of(DType);          // "f32", "i8", ...
DType dtype_from(std::string_view name);  // throws Error naming the known ones

// Up to six sizes, each >= 1, held in place.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes) push_back(size);
  }
  int rank() const { return rank_; }
  int64_t operator[](int i) const { return size_[i]; }
  const int64_t* begin() const { return size_; }
  const int64_t* end() const { return size_ + rank_; }
  // Throws Error for a size < 1 or beyond 2^31, and for a seventh size.
  void push_back(int64_t size);
  bool operator==(const Shape&) const = default;

 private:
  int rank_ = 0;
  int64_t size_[kMaxRank] = {};
};

// Number of elements; 1 for rank 0. Throws Error where an int64 does not hold it.
int64_t count(const Shape&);
Shape batched(int64_t batch, const Shape&);  // batch put in front
std::string to_string(const Shape&);         // "[6,1,5,5]"

}  // namespace sparlet
