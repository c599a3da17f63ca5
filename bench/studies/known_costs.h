// What the studies of known costs on the digits share: three ways to search, side by side.
#pragma once
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

#include "classic.h"
#include "digits_rows.h"

namespace study {

// Costs exact and error alone learnt; all learnt; all learnt as usual (classic.h).
enum class Way { known, learnt, classic };

inline sparlet::search::SurrogateOptions options_of(Way way) {
  sparlet::search::SurrogateOptions options;
  if (way == Way::classic) make_classic(options);
  return options;
}

// Hypervolumes by evaluation of each way, seed by seed.
class Comparison {
 public:
  template <class Run>
  void add(int seed, Run run) {
    for (const Way way : {Way::known, Way::learnt, Way::classic}) of(way).push_back(run(way));
    fmt::print("seed {}:", seed);
    for (const Way way : {Way::known, Way::learnt, Way::classic})
      fmt::print(" {} {:.4f}{}", name(way), of(way).back().back(),
                 way == Way::classic ? "\n" : ",");
    std::fflush(stdout);
  }

  void print() const {
    fmt::print("medians after\n| evaluations | known | learnt | classic |\n|---|---|---|---|\n");
    const size_t all = of(Way::known).front().size();
    for (size_t n = 20; n <= all; n += 10)
      fmt::print("| {} | {:.4f} | {:.4f} | {:.4f} |\n", n, at(Way::known, n), at(Way::learnt, n),
                 at(Way::classic, n));
    for (const Way way : {Way::learnt, Way::classic}) {
      size_t needed = 1;
      while (needed <= all && at(Way::known, needed) < at(way, all)) ++needed;
      fmt::print("known costs reach what {} has after {} {}\n", name(way), all,
                 needed > all ? "later" : fmt::format("after {}", needed));
    }
  }

 private:
  using Runs = std::vector<std::vector<double>>;
  static const char* name(Way way) {
    return way == Way::known ? "known" : way == Way::learnt ? "learnt" : "classic";
  }
  Runs& of(Way way) { return runs_[size_t(way)]; }
  const Runs& of(Way way) const { return runs_[size_t(way)]; }
  double at(Way way, size_t evaluations) const {
    std::vector<double> values;
    for (const auto& run : of(way)) values.push_back(run[evaluations - 1]);
    return median(values);
  }
  std::array<Runs, 3> runs_;
};

}  // namespace study
