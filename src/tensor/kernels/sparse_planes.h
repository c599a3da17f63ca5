// The loops of sparse convolution, as a table of function pointers: portable, AVX2 and AVX-512.
//
// They work on planes: a map [pixels][channels] turned into one row of numbers per channel, in
// which whatever a weight multiplies lies at a fixed distance from where its product goes. A
// non-zero is then one multiply-add of a whole row of pixels, out of registers:
//   sums    y[place[p] + r] = bias[r] + Σk value[k] planes[offset[k] + p]
//   dots    dvalue[k]      += Σp dy[r][p] planes[offset[k] + p]
// k: the entries row_begin[r] .. row_begin[r+1] of row r; p: 0 .. positions. place[p]: the float at
// which position p's channels begin in the map, or -1: padding, and the seams between the rows.
// Plain pointers and numbers only: see kernels.h.
#pragma once
#include <cstdint>

namespace sparlet {

// Planes, positions and tiles are rounded up to this many floats; so much may be read behind them.
constexpr int64_t kPlaneRound = 16;

struct PlaneGather {
  const float* map;
  const int32_t* place;  // of every position
  int64_t positions;     // a multiple of kPlaneRound
  int64_t channels;
  float* planes;  // [channels][plane]; 0 where there is no place
  int64_t plane;
};

// The way back: planes [channels][plane] into the map, where there is a place.
struct PlaneScatter {
  const float* planes;
  int64_t plane;
  const int32_t* place;
  int64_t positions, channels;
  float* map;
};

struct PlaneRows {
  const int32_t *row_begin, *offset;
  int64_t rows;
};

struct PlaneSums {
  const float* planes;
  PlaneRows at;
  const float* value;
  const float* bias;  // or null
  const int32_t* place;
  int64_t positions;  // place has as many, rounded up
  int64_t tile;       // positions that are summed up at a time, a multiple of kPlaneRound
  float* y;
  float* work;  // plane_work(tile) floats
};

struct PlaneDots {
  const float* planes;
  PlaneRows at;
  const float* dy;  // [rows][dy_plane]; 0 where there is no place
  int64_t dy_plane;
  int64_t positions;
  float* dvalue;
};

struct PlaneLoops {
  const char* name;
  void (*gather)(const PlaneGather&);
  void (*scatter)(const PlaneScatter&);
  void (*sums)(const PlaneSums&);
  void (*dots)(const PlaneDots&);
};

constexpr int64_t kMostTile = 12 * kPlaneRound;
constexpr int64_t plane_work(int64_t tile) { return kPlaneRound * tile; }

extern const PlaneLoops planes_portable, planes_avx2, planes_avx512;

}  // namespace sparlet
