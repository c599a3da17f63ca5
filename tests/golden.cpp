// Runs every PyTorch case of a directory on every kernel path: the one that SPARLET_GOLDEN names,
// or tests/golden. One line a case; exit 1 if one fails or none is there.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "golden_case.h"
#include "tensor/error.h"

namespace fs = std::filesystem;
using namespace sparlet;

namespace {

struct Count {
  int passed = 0, failed = 0;
};

void run(const fs::path& folder, Count& count) {
  const std::string name = folder.filename().string();
  std::string path = "reading";
  try {
    const golden::Case test = golden::read_case(folder);
    for (const Kernels* kernels : all_kernels()) {
      path = kernels->name;
      require(golden::run_layer(test, *kernels) || golden::run_recurrent(test, *kernels) ||
                  golden::run_attention(test, *kernels) || golden::run_training(test, *kernels) ||
                  golden::run_loss(test),
              "unknown op {}", test.op);
    }
    fmt::print("pass {}\n", name);
    ++count.passed;
  } catch (const std::exception& error) {
    fmt::print("FAIL {} ({}): {}\n", name, path, error.what());
    ++count.failed;
  }
}

}  // namespace

int main() {
  const char* given = std::getenv("SPARLET_GOLDEN");
  const fs::path directory = given && *given ? given : SPARLET_GOLDEN_DEFAULT;
  std::error_code error;
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (fs::exists(entry.path() / "case.json")) folders.push_back(entry.path());
  std::ranges::sort(folders);
  Count count;
  for (const fs::path& folder : folders) run(folder, count);
  fmt::print("{}: {} passed, {} failed\n", directory.string(), count.passed, count.failed);
  return count.failed == 0 && count.passed > 0 ? 0 : 1;
}
