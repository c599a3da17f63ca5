// A file read from its beginning to its end, unpacked on the way if it is gzipped.
#pragma once
#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

namespace sparlet {

// Errors are Error and begin with the path. Never holds more than one buffer of the file.
class ByteSource {
 public:
  explicit ByteSource(const std::filesystem::path&);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // Up to n further bytes; fewer only at the end. Throws Error for damaged or truncated gzip.
  int64_t read(uint8_t* to, int64_t n);
  // The file's size in bytes, or for a gzipped one a bound on the unpacked size: deflate packs a
  // run of 258 bytes in no less than two bits, 1032 to 1.
  uint64_t most() const { return gzip_ ? file_size_ * 1032 : file_size_; }
  const std::string& name() const { return name_; }
  // All that is left, exactly `wanted` bytes of it, else Error. Memory grows with what is there.
  std::vector<uint8_t> read_exactly(uint64_t wanted);
  // All that is left; Error where it is more than `most` bytes.
  std::vector<uint8_t> read_all(uint64_t most);

 private:
  int64_t read_file(uint8_t* to, int64_t n);
  bool refill();
  int64_t inflate_some(uint8_t* to, int64_t n);

  std::string name_;
  uint64_t file_size_ = 0;
  std::ifstream file_;
  bool gzip_ = false, ended_ = false;
  z_stream stream_{};
  std::vector<uint8_t> packed_;
};

}  // namespace sparlet
