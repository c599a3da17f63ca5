// A search inside a host program: no tool, no other process. Prints the Pareto front.
#include <cstdio>

#include "search/run.h"

int main(int argc, char** argv) {
  using namespace sparlet::search;
  const char* text = R"(
    objectives = ["error", "size"]
    data = {source = "digits", train = 2000, validation = 500, test = 10}
    search = {r1 = 4, r2 = 3, r3 = 3, epochs1 = 2, epochs2 = 2, epochs3 = 2, workers = 1}
    parameter = [
      {name = "block_1_layer_1_filters", type = "log_integer", bounds = [4, 12]},
      {name = "block_1_pool", type = "choice", values = ["max", "avg"]},
      {name = "head", type = "fixed", value = "flatten"},
      {name = "learning_rate", type = "log_real", bounds = [0.002, 0.02]},
      {name = "prune_threshold", type = "real", bounds = [0, 0.8]},
    ])";
  const char* folder = argc > 1 ? argv[1] : "embedded-run";
  try {
    const Result result = run(config_from_text(text, "the program"), {.folder = folder});
    for (const Trial& arm : result.front)
      std::printf("arm %d (%s): error %.2f %%, %ld bytes, %s\n", arm.arm, name_of(arm.phase).data(),
                  100 * arm.metrics.error, long(arm.metrics.size),
                  result.folder.model(arm.arm).c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
