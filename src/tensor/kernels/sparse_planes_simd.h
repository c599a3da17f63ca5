// The loops of sparse_planes.h, written once for vectors of any width. Included by the file of each
// instruction set behind its vectors (struct V: load, store, add, multiply_add, ...) and inside its
// own unnamed namespace, so that nothing here is shared between them.
#pragma once

// A tile of some rows: T vectors of sums that stay in registers while a row's entries go by.
template <int T>
void rows_of_sums(const float* planes, const PlaneRows& at, const float* value, const float* bias,
                  float* sum) {
  for (int64_t r = 0; r < at.rows; ++r, sum += T * V::kLanes) {
    V::Type total[T];
    const V::Type first = V::all(bias ? bias[r] : 0.f);
#pragma GCC unroll 16
    for (int j = 0; j < T; ++j) total[j] = first;
    for (int64_t k = at.row_begin[r], end = at.row_begin[r + 1]; k < end; ++k) {
      const V::Type weight = V::all(value[k]);
      const float* from = planes + at.offset[k];
#pragma GCC unroll 16
      for (int j = 0; j < T; ++j)
        total[j] = V::multiply_add(weight, V::load(from + j * V::kLanes), total[j]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < T; ++j) V::store(sum + j * V::kLanes, total[j]);
  }
}

using RowsOfSums = void (*)(const float*, const PlaneRows&, const float*, const float*, float*);
constexpr RowsOfSums kRowsOfSums[] = {rows_of_sums<1>,  rows_of_sums<2>,  rows_of_sums<3>,
                                      rows_of_sums<4>,  rows_of_sums<5>,  rows_of_sums<6>,
                                      rows_of_sums<7>,  rows_of_sums<8>,  rows_of_sums<9>,
                                      rows_of_sums<10>, rows_of_sums<11>, rows_of_sums<12>};
constexpr int64_t kMostVectors = 12;

// planes [channels][plane] -> the channels of every place, from map on.
inline void scatter(const PlaneScatter& s) {
  alignas(64) float unwanted[V::kLanes];
  for (int64_t p = 0; p < s.positions; p += V::kLanes)
    for (int64_t c = 0; c < s.channels; c += V::kLanes) {
      const int64_t channels = s.channels - c < V::kLanes ? s.channels - c : V::kLanes;
      V::Type block[V::kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i)
        block[i] = i < channels ? V::load(s.planes + (c + i) * s.plane + p) : V::all(0);
      V::transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i) {
        float* to = s.place[p + i] < 0 ? unwanted : s.map + s.place[p + i] + c;
        if (channels == V::kLanes)
          V::store(to, block[i]);
        else
          V::store_first(to, block[i], channels);
      }
    }
}

inline void sums(const PlaneSums& s) {
  const int64_t step = s.tile < kMostVectors * V::kLanes ? s.tile : kMostVectors * V::kLanes;
  for (int64_t first = 0; first < s.positions; first += step) {
    const int64_t left = (s.positions - first + V::kLanes - 1) / V::kLanes * V::kLanes;
    const int64_t width = left < step ? left : step;
    const RowsOfSums rows_of = kRowsOfSums[width / V::kLanes - 1];
    for (int64_t row = 0; row < s.at.rows; row += V::kLanes) {
      const int64_t rows = s.at.rows - row < V::kLanes ? s.at.rows - row : V::kLanes;
      rows_of(s.planes + first, {s.at.row_begin + row, s.at.offset, rows}, s.value,
              s.bias ? s.bias + row : nullptr, s.work);
      scatter({s.work, width, s.place + first, width, rows, s.y + row});
    }
  }
}

inline void gather(const PlaneGather& g) {
  for (int64_t p = 0; p < g.positions; p += V::kLanes)
    for (int64_t c = 0; c < g.channels; c += V::kLanes) {
      const int64_t channels = g.channels - c < V::kLanes ? g.channels - c : V::kLanes;
      V::Type block[V::kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i) {
        const int32_t place = g.place[p + i];
        block[i] = V::load_first(g.map + (place < 0 ? 0 : place) + c, place < 0 ? 0 : channels);
      }
      V::transpose(block);
      for (int64_t i = 0; i < channels; ++i) V::store(g.planes + (c + i) * g.plane + p, block[i]);
    }
}

// N entries of one row against dy's plane.
template <int N>
void dots_of(const float* planes, const int32_t* offset, const float* dy, int64_t positions,
             float* dvalue) {
  V::Type total[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) total[i] = V::all(0);
  for (int64_t p = 0; p < positions; p += V::kLanes) {
    const V::Type d = V::load(dy + p);
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i)
      total[i] = V::multiply_add(d, V::load(planes + offset[i] + p), total[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) dvalue[i] += V::sum(total[i]);
}

inline void dots(const PlaneDots& d) {
  for (int64_t r = 0; r < d.at.rows; ++r) {
    const float* dy = d.dy + r * d.dy_plane;
    const int64_t end = d.at.row_begin[r + 1];
    int64_t k = d.at.row_begin[r];
    for (; k + 4 <= end; k += 4)
      dots_of<4>(d.planes, d.at.offset + k, dy, d.positions, d.dvalue + k);
    for (; k < end; ++k) dots_of<1>(d.planes, d.at.offset + k, dy, d.positions, d.dvalue + k);
  }
}
