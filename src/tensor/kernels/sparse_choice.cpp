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

// The costs are nanoseconds on the machine of docs/performance.md.

// 16-lane slots of random patterns: the fullest of 32 rows is 2.07 deviations above the mean, the
// 17th about at the mean, and the number of non-zeros in 32 columns is binomial.
double lane_slots(const Case& c) {
  const double density = c.nonzeros / (c.out * c.in);
  return c.nonzeros / 16 * (1 + 1.035 * std::sqrt((1 - density) / (32 * density)));
}

double lanes_cost(const Case& c) {
  const double slots = lane_slots(c), units = std::ceil(c.out / 32) * std::ceil(c.in / 32);
  double cost = 0;
  for (double rest = c.batch, samples = 8; rest > 0; rest -= samples) {
    while (samples > rest) samples /= 2;
    cost += slots * (0.35 + 0.29 * samples) + units * (2.2 + 0.92 * samples);
  }
  return cost;
}

double gather_cost(const Case& c) { return c.batch * (0.178 * c.nonzeros + 0.05 * c.out); }

double strip_cost(const Case& c) {
  const double width = c.batch < 16 ? 8 : c.batch > 32 ? 64 : c.batch > 16 ? 32 : 16;
  return std::ceil(c.batch / width) *
         (c.nonzeros * (0.27 + 0.0145 * width) + c.out * (0.3 + 0.065 * width) +
          (c.in + c.out) * width * 0.12);
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
  // Where both take about as long, strips: they are also fit for samples in columns.
  return lanes < 0.9 * strips ? SparseForm::lanes : SparseForm::strips;
}

bool sparse_pays(int64_t out, int64_t in, double density, int64_t batch) {
  // The greatest density that pays, by the number of weights and by batch.
  struct Row {
    int64_t weights;
    double one, few, many;  // samples: 1, up to 16, more
  };
  constexpr Row table[] = {{4'000, 0.3, 0.3, 0.2},
                           {32'000, 0.6, 0.35, 0.35},
                           {400'000, 0.5, 0.35, 0.5},
                           {INT64_MAX, 0.6, 0.4, 0.55}};  // the dense weight leaves the second cache
  for (const Row& row : table)
    if (out * in <= row.weights)
      return density <= (batch == 1 ? row.one : batch <= 16 ? row.few : row.many);
  return false;
}

}  // namespace sparlet
