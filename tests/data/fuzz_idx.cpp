// Random damage to valid IDX files: each must load or be refused with an Error that begins with the
// path; anything else (a crash, another exception, a sanitizer's word) is a failure.
//   fuzz_idx [seconds [seed]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "data/idx.h"
#include "idx_files.h"
#include "tensor/error.h"

using namespace sparlet;
using namespace idx_files;

namespace {

Bytes damaged(Bytes bytes, Rng& rng) {
  static constexpr uint8_t kTelling[] = {0, 1, 3, 8, 0x1f, 0x7f, 0x80, 0x8b, 0xff};
  for (int64_t left = 1 + rng.below(4); left > 0; --left) {
    const int64_t size = int64_t(bytes.size());
    if (size == 0) break;
    // The first bytes decide most: half of the damage goes there.
    const int64_t at = rng.below(2) ? rng.below(size) : rng.below(std::min<int64_t>(size, 24));
    switch (rng.below(5)) {
      case 0:
        bytes[size_t(at)] ^= uint8_t(1 << rng.below(8));
        break;
      case 1:
        bytes[size_t(at)] = kTelling[rng.below(int64_t(sizeof kTelling))];
        break;
      case 2:
        bytes.resize(size_t(at));
        break;
      case 3:
        bytes.insert(bytes.begin() + at, uint8_t(rng.below(256)));
        break;
      default:
        bytes.erase(bytes.begin() + at, bytes.begin() + std::min(size, at + 1 + rng.below(9)));
    }
  }
  return bytes;
}

}  // namespace

int main(int count_of, char** arguments) {
  const double seconds = count_of > 1 ? std::atof(arguments[1]) : 10;
  Rng rng(count_of > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1);
  Folder folder;
  const Bytes valid[] = {images(5, 4, 6), labels(15), gzip(images(5, 4, 6)), gzip(labels(15))};
  long loaded = 0, refused = 0;
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() <
         seconds) {
    const int64_t kind = rng.below(4);
    Bytes bytes = damaged(valid[kind], rng);
    if (kind < 2 && rng.below(3) == 0) bytes = gzip(bytes);
    const std::string path = folder.put("file", bytes).string();
    try {
      kind % 2 ? read_idx_labels(path) : read_idx_images(path);
      ++loaded;
    } catch (const Error& error) {
      ++refused;
      if (std::string(error.what()).starts_with(path + ": found ")) continue;
      std::printf("a message without its place: %s\n", error.what());
      return 1;
    }
  }
  std::printf("fuzz_idx: %ld files loaded, %ld refused\n", loaded, refused);
  return loaded > 0 && refused > 0 ? 0 : 1;
}
