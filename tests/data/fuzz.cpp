#include "fuzz.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "tensor/error.h"

namespace fuzz {

using namespace data_files;
using sparlet::Rng;

Bytes damaged(Bytes bytes, int64_t telling, Rng& rng) {
  static constexpr uint8_t kTelling[] = {0,    1,   3,    8,   0x1f, 0x7f, 0x80, 0x8b, 0xff,
                                         '\n', ' ', '\'', '-', '.',  '9',  'e',  '(',  ','};
  for (int64_t left = 1 + rng.below(4); left > 0; --left) {
    const int64_t size = int64_t(bytes.size());
    if (size == 0) break;
    const int64_t at = rng.below(2) ? rng.below(size) : rng.below(std::min(size, telling));
    switch (rng.below(6)) {
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
      case 4: {  // a piece of it once more
        const int64_t from = rng.below(size), length = std::min(size - from, 1 + rng.below(40));
        const Bytes piece(bytes.begin() + from, bytes.begin() + from + length);
        bytes.insert(bytes.begin() + at, piece.begin(), piece.end());
        break;
      }
      default:
        bytes.erase(bytes.begin() + at, bytes.begin() + std::min(size, at + 1 + rng.below(9)));
    }
  }
  return bytes;
}

int run(int count_of, char** arguments, const char* name, const std::vector<Target>& targets,
        const std::function<void(const Folder&)>& prepare, const char* form) {
  const double seconds = count_of > 1 ? std::atof(arguments[1]) : 10;
  Rng rng(count_of > 2 ? std::strtoull(arguments[2], nullptr, 10) : 1);
  Folder folder;
  if (prepare) prepare(folder);
  long loaded = 0, refused = 0;
  // Of the processor, so that a busy machine fuzzes as much.
  while (double(std::clock()) < seconds * CLOCKS_PER_SEC) {
    const Target& target = targets[size_t(rng.below(int64_t(targets.size())))];
    Bytes bytes = rng.below(50) == 0 ? target.valid : damaged(target.valid, 160, rng);
    if (target.seal && rng.below(4)) target.seal(bytes);
    if (rng.below(8) == 0) bytes = gzip(bytes);
    folder.put(target.path, bytes);
    try {
      target.load(folder);
      ++loaded;
    } catch (const sparlet::Error& error) {
      ++refused;
      const std::string message = error.what();
      const bool good = message.starts_with(folder.path.string()) &&
                        message.find(form) != message.npos && message.find('\n') == message.npos;
      if (!good) {
        std::printf("%s: not the house form: %s\n", name, error.what());
        return 1;
      }
    }
    folder.put(target.path, target.valid);
  }
  std::printf("%s: %ld files loaded, %ld refused in %.0f s of the processor\n", name, loaded,
              refused, double(std::clock()) / CLOCKS_PER_SEC);
  return loaded > 0 && refused > 0 ? 0 : 1;
}

}  // namespace fuzz
