// Sparse layers against dense ones, in microseconds; the names are in sparse_cases.h.
// One after another; for ratios use sparse_table, which takes turns.
#include <benchmark/benchmark.h>

#include "sparse_cases.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const SparseCase& one : sparse_cases())
    benchmark::RegisterBenchmark(one.name().c_str(), [one](benchmark::State& state) {
      const auto step = one.make();
      step();
      for (auto _ : state) step();
    })->Unit(benchmark::kMicrosecond);
  benchmark::RunSpecifiedBenchmarks();
}
