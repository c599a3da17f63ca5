// Hand-made IDX files for tests: bytes in memory, gzipped or not, and a folder to put them in.
#pragma once
#include <unistd.h>
#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace idx_files {
namespace fs = std::filesystem;

using Bytes = std::vector<uint8_t>;

inline Bytes header(uint32_t magic, const std::vector<uint32_t>& sizes) {
  Bytes bytes;
  const auto put = [&](uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(uint8_t(word >> shift));
  };
  put(magic);
  for (uint32_t size : sizes) put(size);
  return bytes;
}

// n images whose bytes count up from zero, modulo 251.
inline Bytes images(uint32_t n, uint32_t rows, uint32_t columns) {
  Bytes bytes = header(0x803, {n, rows, columns});
  for (uint32_t i = 0; i < n * rows * columns; ++i) bytes.push_back(uint8_t(i % 251));
  return bytes;
}

// n labels 0 1 .. 9 0 1 ..
inline Bytes labels(uint32_t n) {
  Bytes bytes = header(0x801, {n});
  for (uint32_t i = 0; i < n; ++i) bytes.push_back(uint8_t(i % 10));
  return bytes;
}

inline Bytes gzip(const Bytes& plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, plain.size()) + 32);
  stream.next_in = const_cast<uint8_t*>(plain.data());
  stream.avail_in = uInt(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = uInt(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A folder of this process that goes when it does.
struct Folder {
  fs::path path;
  Folder() {
    static int made = 0;
    path = fs::temp_directory_path() /
           ("sparlet-test-" + std::to_string(getpid()) + "-" + std::to_string(made++));
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path put(const std::string& name, const Bytes& bytes) const {
    std::ofstream file(path / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    return path / name;
  }
};

}  // namespace idx_files
