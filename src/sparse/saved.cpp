#include "sparse/saved.h"

#include <cstring>

#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

void append(std::vector<uint8_t>& to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  to.resize(to.size() + bytes);
  std::memcpy(to.data() + to.size() - bytes, from, bytes);
}
void append(std::vector<uint8_t>& to, uint32_t number) { append(to, &number, sizeof number); }

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : left_(bytes) {}
  const uint8_t* take(uint64_t bytes) {
    require(bytes <= left_.size(), "resume: a hook's memory is cut short, wanted {} bytes more",
            bytes - left_.size());
    const uint8_t* at = left_.data();
    left_ = left_.subspan(bytes);
    return at;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }
  size_t left() const { return left_.size(); }

 private:
  std::span<const uint8_t> left_;
};

}  // namespace

std::vector<uint8_t> to_bytes(const std::map<std::string, Tensor>& tensors) {
  std::vector<uint8_t> out;
  append(out, uint32_t(tensors.size()));
  for (const auto& [name, tensor] : tensors) {
    append(out, uint32_t(name.size()));
    append(out, name.data(), name.size());
    append(out, uint32_t(tensor.shape().rank()));
    for (const int64_t size : tensor.shape()) append(out, &size, sizeof size);
    append(out, tensor.raw(), size_t(tensor.bytes()));
  }
  return out;
}

std::map<std::string, Tensor> tensors_from(std::span<const uint8_t> bytes) {
  Reader in(bytes);
  std::map<std::string, Tensor> out;
  for (uint32_t n = in.number<uint32_t>(); n > 0; --n) {
    const auto length = in.number<uint32_t>();
    const std::string name(reinterpret_cast<const char*>(in.take(length)), length);
    const auto rank = in.number<uint32_t>();
    require(rank <= uint32_t(Shape::kMaxRank), "resume: {} has {} sizes in a hook's memory", name,
            rank);
    Shape shape;
    uint64_t size = sizeof(float);
    for (uint32_t i = 0; i < rank; ++i) {
      shape.push_back(in.number<int64_t>());  // throws for what is none
      const bool fits =
          !__builtin_mul_overflow(size, uint64_t(shape[int(i)]), &size) && size <= in.left();
      require(fits, "resume: {} in a hook's memory is cut short", name);
    }
    Tensor tensor(shape);
    std::memcpy(tensor.raw_write(), in.take(size), size);
    out[name] = std::move(tensor);
  }
  require(in.left() == 0, "resume: {} bytes too many in a hook's memory", in.left());
  return out;
}

}  // namespace sparlet::sparse
