// Hand gestures seen by an accelerometer: a six-class set of sequences that needs no download.
//
// Classes: circle, circle backwards, up and down, left and right, figure eight, double tap. Each
// sample is made by a subject, who holds the device at an angle and moves at a pace and with a
// strength of their own. Three axes in units of 9.81 m/s^2, 50 samples a second, 32 to 96 steps.
#pragma once
#include "data/dataset.h"

namespace sparlet {

inline constexpr int kGestureClasses = 6;
inline constexpr int64_t kGestureSteps = 96, kGestureLeast = 32;

// The subjects that make samples: first .. first + count - 1 of an endless list.
struct Subjects {
  int32_t first = 0, count = 20;
};

// x [n,96,3] f32 with zeros behind the last step, y i mod 6, lengths, group. Sample i depends on
// seed and i alone. Throws Error unless n >= 1 and there is a subject.
Dataset make_gestures(int64_t n, uint64_t seed, uint64_t first = 0, const Subjects& = {});

}  // namespace sparlet
