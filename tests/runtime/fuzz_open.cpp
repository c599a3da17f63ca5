// fuzz_open FILE...      opens and runs each file
// fuzz_open --seeds N    the same with N mutations of small models
// With a fuzzing engine: -fsanitize=fuzzer -DSPARLET_LIBFUZZER.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  fuzz::survives(file);
  if (file.size() >= 16) {
    set_crc(file);
    fuzz::survives(file);
  }
  return 0;
}

#ifndef SPARLET_LIBFUZZER
int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--seeds") == 0) {
    const long count = std::atol(argv[2]);
    long opened = 0;
    for (long seed = 0; seed < count; ++seed)
      opened += fuzz::survives(fuzz::mutated(uint32_t(seed)));
    std::printf("%ld files, %ld opened and ran\n", count, opened);
    return opened > 0 && opened < count ? 0 : 1;  // else the mutations test nothing
  }
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  return 0;
}
#endif
