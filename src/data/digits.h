// Digits drawn by strokes: a ten-class 28 x 28 data set that needs no download.
//
// Each class has a few templates, lists of strokes in a unit square. A sample moves their points a
// little, turns, scales, shears and shifts the whole, draws it with a soft pen of random width and
// adds noise. A linear classifier gets 85 to 92 % of them right, a small convolutional network more
// than 98.5 %.
#pragma once
#include "data/dataset.h"

namespace sparlet {

inline constexpr int64_t kDigitSide = 28;

// Draws sample `i` of the endless sequence of `seed` into 28 x 28 bytes, ink bright on dark;
// returns its class, i mod 10. Uses + - * / and square roots only, so that every machine draws the
// same bytes.
int32_t draw_digit(uint64_t seed, uint64_t i, uint8_t* pixels);

// Samples first .. first+n-1: x [n,1,28,28] u8, y [n]. Throws Error unless n >= 1.
Dataset make_digits(int64_t n, uint64_t seed, uint64_t first = 0);

}  // namespace sparlet
