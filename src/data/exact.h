// What the built-in generators draw with: + - * / only, so that every machine makes the same bytes.
#pragma once
#include "tensor/rng.h"

namespace sparlet::exact {

inline float between(Rng& rng, float low, float high) {
  return low + (high - low) * float(rng.uniform());
}

// Near enough to a normal variable, and exact arithmetic: the sum of four uniform ones of 16 bits.
inline float bell(uint64_t bits) {
  const int64_t sum = int64_t(bits & 0xffff) + int64_t(bits >> 16 & 0xffff) +
                      int64_t(bits >> 32 & 0xffff) + int64_t(bits >> 48);
  return float(sum - 131070) * (1.0f / 37837.0f);  // 65536 / sqrt(3)
}

// sin(2 pi turns) to 0.001: two half-waves of a parabola, bent to the sine. REQUIRES: turns >= 0.
inline float sine(float turns) {
  const float phase = turns - float(int64_t(turns));
  const float half = phase < 0.5f ? phase : phase - 0.5f;
  const float parabola = 16.0f * half * (0.5f - half);
  const float wave = 0.775f * parabola + 0.225f * parabola * parabola;
  return phase < 0.5f ? wave : -wave;
}
inline float cosine(float turns) { return sine(turns + 0.25f); }

}  // namespace sparlet::exact
