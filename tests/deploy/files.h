// Model files for the tests of this folder.
#pragma once
#include <cstring>

#include "deploy/spt.h"
#include "random_nets.h"
#include "runtime/crc32.h"
#include "runtime/format.h"
#include "tensor/error.h"

namespace sparlet::testing {

inline Net random_int8(uint64_t seed) {
  const Net folded = quant::fold_norms(random_net(seed));
  Rng rng(seed);
  const Dataset data = random_bytes(input_shape(folded), 4, rng);
  const auto encoding = quant::Encoding(seed % 3);
  return quant::to_int8(folded, quant::observe(folded, data), {encoding});
}

// The message of parse's Error; empty where it takes the file.
inline std::string message_of(const std::vector<uint8_t>& file) {
  try {
    deploy::parse(file, "some.spt");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// One line that begins with the file's name.
inline bool is_clear(const std::string& message) {
  return message.starts_with("some.spt:") && message.find('\n') == std::string::npos;
}

inline void reseal(std::vector<uint8_t>& file) {
  const uint32_t before = rt::crc32(file.data(), rt::crc_offset);
  const uint32_t crc =
      rt::crc32(file.data() + rt::crc_offset + 4, file.size() - rt::crc_offset - 4, before);
  std::memcpy(file.data() + rt::crc_offset, &crc, 4);
}

}  // namespace sparlet::testing
