#include "deploy/spt.h"

#include <zlib.h>

#include "deploy/bytes.h"
#include "deploy/float_file.h"
#include "deploy/int8_file.h"
#include "quant/quantize.h"
#include "tensor/error.h"

namespace sparlet::deploy {

std::vector<uint8_t> begin_file(rt::Kind kind) {
  std::vector<uint8_t> file(prefix_bytes);
  std::memcpy(file.data(), rt::magic, sizeof rt::magic);
  file[4] = uint8_t(kind);
  file[5] = rt::version;
  return file;
}

uint32_t checksum(std::span<const uint8_t> file) {
  // zlib's, which is many times as fast as the device's: a search weighs hundreds of files a
  // proposal.
  const auto behind = file.subspan(rt::crc_offset + 4);
  return uint32_t(crc32_z(crc32_z(0, file.data(), rt::crc_offset), behind.data(), behind.size()));
}

void seal(std::vector<uint8_t>& file) {
  require(file.size() <= UINT32_MAX, "model file: {} bytes, wanted less than 4 GB", file.size());
  const uint32_t size = uint32_t(file.size());
  std::memcpy(file.data() + 8, &size, 4);
  const uint32_t crc = checksum(file);
  std::memcpy(file.data() + rt::crc_offset, &crc, 4);
}

std::vector<uint8_t> serialize(const Net& net) {
  require(!net.graph.nodes.empty(), "model file: a net without nodes");
  return quant::is_int8(net.graph) ? write_int8(net) : write_float(net);
}

Net parse(std::span<const uint8_t> bytes, std::string_view where) {
  require(bytes.size() >= prefix_bytes, "{}: {} bytes are no model file", where, bytes.size());
  require(std::memcmp(bytes.data(), rt::magic, 4) == 0,
          "{}: no sparlet model file (it does not begin with SPT1)", where);
  require(bytes[5] == rt::version, "{}: version {} of the model file, this program reads {}", where,
          bytes[5], rt::version);
  const auto kind = rt::Kind(bytes[4]);
  require(kind == rt::Kind::float_net || kind == rt::Kind::int8_net,
          "{}: a model file of unknown kind {}", where, bytes[4]);
  const uint32_t size = read_at<uint32_t>(bytes, 8);
  require(bytes.size() >= size, "{}: cut short: {} bytes of {}", where, bytes.size(), size);
  require(bytes.size() == size, "{}: {} bytes after the model's end", where, bytes.size() - size);
  require(checksum(bytes) == read_at<uint32_t>(bytes, rt::crc_offset),
          "{}: the checksum does not fit: the file is damaged", where);
  return kind == rt::Kind::int8_net ? read_int8(bytes, where) : read_float(bytes, where);
}

}  // namespace sparlet::deploy
