#include "tensor/kernels/sparse_planes.h"

#include <algorithm>

namespace sparlet {
namespace {

void gather(const PlaneGather& g) {
  for (int64_t c = 0; c < g.channels; ++c)
    for (int64_t p = 0; p < g.positions; ++p)
      g.planes[c * g.plane + p] = g.place[p] < 0 ? 0.f : g.map[g.place[p] + c];
}

void scatter(const PlaneScatter& s) {
  for (int64_t p = 0; p < s.positions; ++p)
    for (int64_t c = 0; s.place[p] >= 0 && c < s.channels; ++c)
      s.map[s.place[p] + c] = s.planes[c * s.plane + p];
}

void sums(const PlaneSums& s) {
  float* sum = s.work;
  for (int64_t first = 0; first < s.positions; first += s.tile) {
    const int64_t width = std::min(s.tile, s.positions - first);
    for (int64_t r = 0; r < s.at.rows; ++r) {
      std::fill_n(sum, width, s.bias ? s.bias[r] : 0.f);
      for (int32_t k = s.at.row_begin[r]; k < s.at.row_begin[r + 1]; ++k) {
        const float value = s.value[k];
        const float* from = s.planes + s.at.offset[k] + first;
        for (int64_t p = 0; p < width; ++p) sum[p] += value * from[p];
      }
      for (int64_t p = 0; p < width; ++p)
        if (s.place[first + p] >= 0) s.y[s.place[first + p] + r] = sum[p];
    }
  }
}

void dots(const PlaneDots& d) {
  for (int64_t r = 0; r < d.at.rows; ++r) {
    const float* dy = d.dy + r * d.dy_plane;
    for (int32_t k = d.at.row_begin[r]; k < d.at.row_begin[r + 1]; ++k) {
      const float* from = d.planes + d.at.offset[k];
      float sum[kPlaneRound] = {};
      for (int64_t p = 0; p < d.positions; p += kPlaneRound)
        for (int64_t i = 0; i < kPlaneRound; ++i) sum[i] += dy[p + i] * from[p + i];
      for (int64_t i = 1; i < kPlaneRound; ++i) sum[0] += sum[i];
      d.dvalue[k] += sum[0];
    }
  }
}

}  // namespace

extern const PlaneLoops planes_portable{"portable", gather, scatter, sums, dots};

}  // namespace sparlet
