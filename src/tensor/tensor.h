// Tensor: a value that shares its numbers until written. View: the same, borrowed.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tensor/shape.h"

namespace sparlet {

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr DType value = DType::f32; };
template <> struct DTypeOf<int8_t> { static constexpr DType value = DType::i8; };
template <> struct DTypeOf<uint8_t> { static constexpr DType value = DType::u8; };
template <> struct DTypeOf<int16_t> { static constexpr DType value = DType::i16; };
template <> struct DTypeOf<uint16_t> { static constexpr DType value = DType::u16; };
template <> struct DTypeOf<int32_t> { static constexpr DType value = DType::i32; };

// A borrowed shape, element type and place. Kernels take and fill views; they own nothing. Never
// stored across a call. An empty View (no data) means "none".
struct View {
  Shape shape;
  DType dtype = DType::f32;
  void* data = nullptr;

  explicit operator bool() const { return data != nullptr; }
  int64_t size() const { return data ? count(shape) : 0; }
  // REQUIRES: the element type is T's.
  template <class T> T* as() const { return static_cast<T*>(data); }
  float* f32() const { return as<float>(); }
  template <class T> std::span<T> span() const { return {as<T>(), size_t(size())}; }
};

// Copies are cheap and independent: they share the bytes until one of them writes. Default: none.
// 64-byte aligned.
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(const Shape&, DType = DType::f32);      // zeros
  Tensor(const Shape&, const std::vector<float>&);        // throws Error when the count differs

  explicit operator bool() const { return bytes_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  int64_t size() const { return bytes_ ? count(shape_) : 0; }
  int64_t bytes() const { return size() * bytes_of(dtype_); }

  // Throws Error when the element type is not T's.
  template <class T = float> std::span<const T> read() const {
    check(DTypeOf<T>::value);
    return {reinterpret_cast<const T*>(bytes_.get()), size_t(size())};
  }
  // Makes the numbers this tensor's own first. The span is good until the tensor is copied or dies.
  template <class T = float> std::span<T> write() {
    check(DTypeOf<T>::value);
    own();
    return {reinterpret_cast<T*>(bytes_.get()), size_t(size())};
  }
  const std::byte* raw() const { return bytes_.get(); }
  std::byte* raw_write() { own(); return bytes_.get(); }
  // The same numbers under another shape of the same count.
  Tensor reshaped(const Shape&) const;
  // Same shape, type and bytes.
  bool operator==(const Tensor&) const;

 private:
  void check(DType wanted) const;
  void own();

  Shape shape_;
  DType dtype_ = DType::f32;
  std::shared_ptr<std::byte[]> bytes_;
};

}  // namespace sparlet
