// The 16 bytes that every kind of model file begins with.
#pragma once
#include <cstring>
#include <span>
#include <vector>

#include "runtime/format.h"

namespace sparlet::deploy {

constexpr size_t prefix_bytes = 16;

template <class T>
void append(std::vector<uint8_t>& file, const T& value) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  file.insert(file.end(), bytes, bytes + sizeof value);
}
template <class T>
T read_at(std::span<const uint8_t> file, size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}
inline void append_bytes(std::vector<uint8_t>& file, const void* data, size_t bytes) {
  const auto* from = static_cast<const uint8_t*>(data);
  file.insert(file.end(), from, from + bytes);
}

// Magic, kind, version, flags 0; file_bytes and crc32 are filled in by seal().
std::vector<uint8_t> begin_file(rt::Kind);
// Throws Error for a file of 4 GB or more.
void seal(std::vector<uint8_t>& file);
uint32_t checksum(std::span<const uint8_t> file);

}  // namespace sparlet::deploy
