#include "tensor/kernels/sparse_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tensor/kernels/sparse_loops.h"

namespace sparlet {
namespace {

struct Case {
  double out, in, nonzeros, batch;
};

// The costs are in processor cycles.

// 16-lane slots of random patterns: the fullest of 32 rows is 2.07 deviations above the mean, the
// 17th about at the mean, and the number of non-zeros in 32 columns is binomial.
double lane_slots(const Case& c) {
  const double density = c.nonzeros / (c.out * c.in);
  return c.nonzeros / 16 * (1 + 1.035 * std::sqrt((1 - density) / (32 * density)));
}

double lanes_cost(const Case& c) {
  const double units = std::ceil(c.out / 32) * std::ceil(c.in / 32);
  const auto pass = [&](double samples) {
    return lane_slots(c) * std::max(2.7, 1.06 * samples) + units * (9 + 3.4 * samples);
  };
  const double rest = std::fmod(c.batch, 8);
  return std::floor(c.batch / 8) * pass(8) + (rest > 0 ? pass(rest) : 0);
}

double gather_cost(const Case& c) { return c.batch * (0.45 * c.nonzeros + 0.6 * c.out); }

double strip_cost(const Case& c) {
  const double width = c.batch < 16 ? 8 : std::min(64., std::ceil(c.batch / 16) * 16);
  const double entry = 0.6 + 0.045 * width, row = 3 + 0.35 * width;
  return std::ceil(c.batch / width) *
         (c.nonzeros * entry + c.out * row + (c.in + c.out) * width * 0.3);
}

}  // namespace

SparseForm choose_sparse_form(const SparseLoops& loops, int64_t out, int64_t in, int64_t nonzeros,
                              int64_t batch) {
  const Case c{double(out), double(in), double(std::max<int64_t>(nonzeros, 1)), double(batch)};
  constexpr double never = std::numeric_limits<double>::infinity();
  const double lanes = loops.lanes ? lanes_cost(c) : never;
  const double gather = loops.gather && in <= 65536 ? gather_cost(c) : never;
  const double strips = batch == 1 && loops.gather ? never : strip_cost(c);
  if (gather < std::min(lanes, strips)) return SparseForm::gather;
  return lanes < strips ? SparseForm::lanes : SparseForm::strips;
}

bool sparse_pays(int64_t out, int64_t in, double density, int64_t batch) {
  // The greatest density that pays, by batch and by whether the dense weight fits the second cache.
  struct Row {
    int64_t batch;
    double cached, large;
  };
  constexpr Row table[] = {{1, 0.55, 0.65}, {15, 0.45, 0.6}, {INT64_MAX, 0.55, 0.55}};
  const bool large = out * in * 4 > 2'000'000;
  for (const Row& row : table)
    if (batch <= row.batch) return density <= (large ? row.large : row.cached);
  return false;
}

}  // namespace sparlet
