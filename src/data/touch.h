// Social touch on an 8 x 8 pressure sensor: fourteen gestures as sequences of frames, no download.
// The names are those of the Corpus of Social Touch (Jung et al. 2014); the frames are drawn.
//
// Each gesture is a few contacts with a size, a pressure, a rhythm and a way to travel; each
// subject has a hand size, a strength and a pace of their own.
#pragma once
#include "data/gestures.h"

namespace sparlet {

inline constexpr int kTouchClasses = 14;
inline constexpr int64_t kTouchSteps = 48, kTouchLeast = 16, kTouchSide = 8;

std::string_view touch_name(int gesture);  // "grab", "hit", ...

// x [n,48,8,8] u8 with zeros behind the last frame, y i mod 14, lengths, group. Sample i depends on
// seed and i alone. Throws Error unless n >= 1 and there is a subject.
Dataset make_touch(int64_t n, uint64_t seed, uint64_t first = 0, const Subjects& = {});

}  // namespace sparlet
