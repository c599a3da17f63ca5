// The driver of all loaders' fuzzers: random damage to valid files. Each must load or be refused
// with an Error that begins with the path; anything else (a crash, another exception, a sanitizer's
// word) is a failure.
//   fuzz_NAME [seconds of the processor [seed]]
#pragma once
#include <functional>
#include <string>

#include "make_files.h"
#include "tensor/rng.h"

namespace fuzz {

struct Target {
  data_files::Bytes valid;
  std::string path;  // in the folder
  std::function<void(const data_files::Folder&)> load;
  // Makes sizes and checksums right again: the damage of three files in four gets behind them.
  std::function<void(data_files::Bytes&)> seal = {};
};

// Damage of one to four kinds; half of it within the first `telling` bytes.
data_files::Bytes damaged(data_files::Bytes, int64_t telling, sparlet::Rng&);

// `prepare` puts the files that stay whole. Each turn one target's file is damaged, loaded, and put
// back. Every message has `form` in it. Returns the exit code.
int run(int count_of, char** arguments, const char* name, const std::vector<Target>& targets,
        const std::function<void(const data_files::Folder&)>& prepare = {},
        const char* form = ": found ");

}  // namespace fuzz
