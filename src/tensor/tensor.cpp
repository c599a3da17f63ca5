#include "tensor/tensor.h"

#include <cstring>
#include <new>

#include "tensor/error.h"

namespace sparlet {
namespace {

constexpr std::align_val_t kAlign{64};

std::shared_ptr<std::byte[]> allocate(int64_t bytes) {
  auto* place = static_cast<std::byte*>(::operator new[](size_t(bytes), kAlign));
  return {place, [](std::byte* p) { ::operator delete[](p, kAlign); }};
}

}  // namespace

Tensor::Tensor(const Shape& shape, DType dtype) : shape_(shape), dtype_(dtype) {
  const int64_t total = count(shape) * bytes_of(dtype);
  bytes_ = allocate(total);
  std::memset(bytes_.get(), 0, size_t(total));
}

Tensor::Tensor(const Shape& shape, const std::vector<float>& values) : Tensor(shape) {
  require(int64_t(values.size()) == size(), "tensor: {} values for shape {}", values.size(),
          to_string(shape));
  std::memcpy(bytes_.get(), values.data(), size_t(bytes()));
}

Tensor Tensor::reshaped(const Shape& shape) const {
  require(count(shape) == size(), "tensor: cannot view {} as {}", to_string(shape_),
          to_string(shape));
  Tensor same = *this;
  same.shape_ = shape;
  return same;
}

bool Tensor::operator==(const Tensor& other) const {
  if (!bytes_ || !other.bytes_) return bytes_ == other.bytes_;
  return shape_ == other.shape_ && dtype_ == other.dtype_ &&
         std::memcmp(raw(), other.raw(), size_t(bytes())) == 0;
}

void Tensor::check(DType wanted) const {
  require(!bytes_ || dtype_ == wanted, "tensor: holds {}, asked for {}", name_of(dtype_),
          name_of(wanted));
}

void Tensor::own() {
  if (!bytes_ || bytes_.use_count() == 1) return;
  auto mine = allocate(bytes());
  std::memcpy(mine.get(), bytes_.get(), size_t(bytes()));
  bytes_ = std::move(mine);
}

}  // namespace sparlet
