#include "data/gestures.h"

#include <algorithm>
#include <cmath>

#include "data/exact.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

using exact::bell;
using exact::between;
using exact::cosine;
using exact::sine;

// How far samples differ, all in one place: larger is harder.
constexpr float kNoise = 0.08f;                // g, standard deviation
constexpr float kTilt = 0.35f;                 // of a subject, tangent of half, at most
constexpr float kSlack = 0.08f;                // of one sample, the same
constexpr float kWeak = 0.5f, kStrong = 1.1f;  // g
constexpr float kSlow = 16.0f, kFast = 30.0f;  // steps for one turn
constexpr float kWander = 0.06f;               // g a step, of the slow drift

struct Vector {
  float x, y, z;
};

struct Subject {
  float turn, tilt, strength, period, squash;
};

Subject subject_of(uint64_t seed, int32_t number) {
  Rng rng(mix(mix(seed, 0x50b1ec7), uint64_t(number)));
  return {between(rng, -kTilt, kTilt), between(rng, -kTilt, kTilt), between(rng, kWeak, kStrong),
          between(rng, kSlow, kFast), between(rng, 0.7f, 1.3f)};
}

// A short knock that begins at `start` turns.
float knock(float turns, float start) {
  const float t = (turns - start) * 5;
  return t < 0 || t > 1 ? 0.0f : 2 * sine(t);
}

// The movement's own acceleration: x right, y away, z up.
Vector movement(int gesture, float t, float squash) {
  switch (gesture) {
    case 0:
      return {cosine(t), squash * sine(t), 0};
    case 1:
      return {cosine(t), -squash * sine(t), 0};
    case 2:
      return {0, 0.1f * squash * sine(t), sine(t)};
    case 3:
      return {sine(t), 0, 0.1f * squash * sine(t)};
    case 4:
      return {sine(t), squash * sine(2 * t), 0};
    default: {
      const float beat = t - float(int64_t(t));
      return {0, 0, knock(beat, 0) + squash * knock(beat, 0.35f)};
    }
  }
}

// Turned about x and then y, by twice the angles whose tangents these are.
Vector turned(Vector v, float about_x, float about_y) {
  const auto both = [](float& a, float& b, float t) {
    const float c = (1 - t * t) / (1 + t * t), s = 2 * t / (1 + t * t);
    const float moved = c * a - s * b;
    b = s * a + c * b;
    a = moved;
  };
  both(v.y, v.z, about_x);
  both(v.z, v.x, about_y);
  return v;
}

// Returns the number of steps it drew.
int32_t draw(int gesture, const Subject& subject, Rng& rng, float* to) {
  const int64_t steps = kGestureLeast + rng.below(kGestureSteps - kGestureLeast + 1);
  const float period = subject.period * between(rng, 0.85f, 1.15f);
  const float strength = subject.strength * between(rng, 0.8f, 1.2f);
  const float start = float(rng.uniform());
  const float about_x = subject.tilt + between(rng, -kSlack, kSlack);
  const float about_y = subject.turn + between(rng, -kSlack, kSlack);
  Vector drift{0, 0, 0};
  for (int64_t i = 0; i < steps; ++i) {
    Vector a = movement(gesture, start + float(i) / period, subject.squash);
    a = turned({strength * a.x, strength * a.y, strength * a.z + 1}, about_x, about_y);
    for (float* axis : {&drift.x, &drift.y, &drift.z})
      *axis = 0.9f * *axis + kWander * bell(rng.next());
    *to++ = a.x + drift.x + kNoise * bell(rng.next());
    *to++ = a.y + drift.y + kNoise * bell(rng.next());
    *to++ = a.z + drift.z + kNoise * bell(rng.next());
  }
  return int32_t(steps);
}

}  // namespace

Dataset make_gestures(int64_t n, uint64_t seed, uint64_t first, const Subjects& subjects) {
  require(n >= 1 && n <= INT32_MAX, "gestures: found {} samples to make, wanted 1 to {}", n,
          INT32_MAX);
  require(subjects.count >= 1 && subjects.first >= 0,
          "gestures: found {} subjects from {}, wanted one or more from 0", subjects.count,
          subjects.first);
  Tensor x({n, kGestureSteps, 3}), y({n}, DType::i32), lengths({n}, DType::i32);
  Tensor group({n}, DType::i32);
  float* to = x.write().data();
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t number = first + uint64_t(i);
    Rng rng(mix(mix(seed, 0x9e57), number));
    const int gesture = int(number % kGestureClasses);
    const int32_t who = subjects.first + int32_t(rng.below(subjects.count));
    y.write<int32_t>()[size_t(i)] = gesture;
    group.write<int32_t>()[size_t(i)] = who;
    lengths.write<int32_t>()[size_t(i)] =
        draw(gesture, subject_of(seed, who), rng, to + i * kGestureSteps * 3);
  }
  return Dataset::all(std::move(x), std::move(y))
      .with_lengths(std::move(lengths))
      .with_groups(std::move(group));
}

}  // namespace sparlet
