#include "tensor/shape.h"

#include "tensor/error.h"

namespace sparlet {
namespace {
struct DTypeInfo {
  DType dtype;
  int bytes;
  std::string_view name;
};
constexpr DTypeInfo kDTypes[] = {{DType::f32, 4, "f32"}, {DType::i8, 1, "i8"},
                                 {DType::u8, 1, "u8"},   {DType::i16, 2, "i16"},
                                 {DType::u16, 2, "u16"}, {DType::i32, 4, "i32"}};
}  // namespace

int64_t bytes_of(DType dtype) { return kDTypes[int(dtype)].bytes; }
std::string_view name_of(DType dtype) { return kDTypes[int(dtype)].name; }
DType dtype_from(std::string_view name) {
  for (const DTypeInfo& info : kDTypes)
    if (info.name == name) return info.dtype;
  fail("dtype: no '{}'; one of f32, i8, u8, i16, u16, i32", name);
}

void Shape::push_back(int64_t size) {
  require(rank_ < kMaxRank, "shape: more than {} sizes", kMaxRank);
  require(size >= 1 && size <= INT32_MAX, "shape: a size of {}, wanted 1 to 2147483647", size);
  size_[rank_++] = size;
}

int64_t count(const Shape& shape) {
  int64_t n = 1;
  for (int64_t size : shape)
    if (__builtin_mul_overflow(n, size, &n))
      fail("shape: {} has more elements than can be counted", to_string(shape));
  return n;
}

Shape batched(int64_t batch, const Shape& shape) {
  Shape with{batch};
  for (int64_t size : shape) with.push_back(size);
  return with;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i) text += ',';
    text += std::to_string(shape[i]);
  }
  return text += ']';
}

}  // namespace sparlet
