#include "data/touch.h"

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

constexpr float kNoise = 6.0f;  // levels, standard deviation

enum Travel { rest, along, around, about };  // stays; a line and again; circles; jumps at each beat

struct Gesture {
  std::string_view name;
  int contacts;
  float radius;    // of a contact, cells
  float spread;    // between contacts, cells
  float pressure;  // levels
  float beats;     // in a hundred frames; 0: held
  float duty;      // share of a beat that touches
  Travel travel;
  float way;  // cells
};

constexpr Gesture kGestures[kTouchClasses] = {
    {"grab", 5, 1.5f, 2.2f, 150, 0, 1, rest, 0},
    {"hit", 1, 1.6f, 0, 240, 3, 0.12f, rest, 0},
    {"massage", 4, 1.2f, 1.8f, 170, 8, 0.8f, around, 1.2f},
    {"pat", 1, 2.2f, 0, 120, 9, 0.4f, rest, 0},
    {"pinch", 2, 0.8f, 1.0f, 200, 0, 1, rest, 0},
    {"poke", 1, 0.7f, 0, 190, 3, 0.25f, rest, 0},
    {"press", 1, 1.5f, 0, 210, 0, 1, rest, 0},
    {"rub", 1, 1.8f, 0, 140, 0, 1, along, 2.2f},
    {"scratch", 4, 0.6f, 1.4f, 110, 14, 0.7f, along, 1.2f},
    {"slap", 1, 2.6f, 0, 220, 4, 0.15f, about, 1.0f},
    {"squeeze", 5, 1.5f, 2.2f, 180, 5, 0.6f, rest, 0},
    {"stroke", 1, 2.0f, 0, 70, 3, 0.85f, along, 3.0f},
    {"tap", 1, 0.8f, 0, 110, 10, 0.3f, rest, 0},
    {"tickle", 4, 0.6f, 1.8f, 70, 16, 0.5f, about, 1.6f}};

struct Hand {
  float size, strength, pace;
};

Hand hand_of(uint64_t seed, int32_t number) {
  Rng rng(mix(mix(seed, 0x4a9d), uint64_t(number)));
  return {between(rng, 0.85f, 1.2f), between(rng, 0.75f, 1.25f), between(rng, 0.8f, 1.25f)};
}

struct Spot {
  float x, y;
};

// A bump of height 1 that is gone at `radius + 1`.
void add_contact(float* frame, Spot at, float radius, float pressure) {
  for (int64_t r = 0; r < kTouchSide; ++r)
    for (int64_t c = 0; c < kTouchSide; ++c) {
      const float dx = float(c) - at.x, dy = float(r) - at.y, reach = (radius + 1) * (radius + 1);
      const float inside = 1 - (dx * dx + dy * dy) / reach;
      if (inside > 0) frame[r * kTouchSide + c] += pressure * inside * (2 - inside);
    }
}

class Drawing {
 public:
  Drawing(const Gesture& gesture, const Hand& hand, Rng& rng)
      : g_(gesture),
        rng_(rng),
        steps_(kTouchLeast + rng.below(kTouchSteps - kTouchLeast + 1)),
        pressure_(gesture.pressure * hand.strength * between(rng, 0.85f, 1.15f)),
        radius_(gesture.radius * hand.size * between(rng, 0.9f, 1.1f)),
        spread_(gesture.spread * hand.size),
        pace_(hand.pace * between(rng, 0.85f, 1.15f) / 100),
        start_(float(rng.uniform())),
        turn_(float(rng.uniform())),
        middle_{between(rng, 2.5f, 4.5f), between(rng, 2.5f, 4.5f)} {}

  int32_t draw(uint8_t* to) {
    for (int64_t i = 0; i < steps_; ++i) {
      float frame[kTouchSide * kTouchSide] = {};
      add_frame(float(i), frame);
      for (const float value : frame)
        *to++ = uint8_t(std::clamp(value + kNoise * bell(rng_.next()), 0.0f, 255.0f));
    }
    return int32_t(steps_);
  }

 private:
  void add_frame(float i, float* frame) {
    for (int k = 0; k < g_.contacts; ++k) {
      // Fingers of a tickle and a scratch go one after another.
      const bool one_by_one = g_.beats > 10;
      const float beat = start_ + i * pace_ * g_.beats + (one_by_one ? 0.25f * float(k) : 0);
      const float phase = beat - float(int64_t(beat));
      if (g_.beats > 0 && phase > g_.duty) continue;
      const float held = std::min(1.0f, (i + 1) / 5) * (0.95f + 0.05f * sine(i / 7));
      const float force = g_.beats > 0 ? 0.5f + 0.5f * sine(0.5f * phase / g_.duty) : held;
      const Spot at = place(k, i, beat);
      add_contact(frame, at, radius_, pressure_ * force);
    }
  }

  Spot place(int k, float i, float beat) const {
    Spot at = middle_;
    if (g_.contacts > 1) {
      const float angle = turn_ + float(k) / float(g_.contacts);
      at = {at.x + spread_ * cosine(angle), at.y + spread_ * sine(angle)};
    }
    const float t = start_ + i * pace_ * 6;
    if (g_.travel == along) {
      const float way = g_.way * sine(g_.beats > 0 && g_.beats < 10 ? beat : t);
      at = {at.x + way * cosine(turn_), at.y + way * sine(turn_)};
    } else if (g_.travel == around) {
      at = {at.x + g_.way * cosine(t), at.y + g_.way * sine(t)};
    } else if (g_.travel == about) {
      Rng jump(mix(uint64_t(int64_t(beat)), uint64_t(k)));
      at = {at.x + between(jump, -g_.way, g_.way), at.y + between(jump, -g_.way, g_.way)};
    }
    return at;
  }

  const Gesture& g_;
  Rng& rng_;
  int64_t steps_;
  float pressure_, radius_, spread_, pace_, start_, turn_;
  Spot middle_;
};

}  // namespace

std::string_view touch_name(int gesture) { return kGestures[gesture].name; }

Dataset make_touch(int64_t n, uint64_t seed, uint64_t first, const Subjects& subjects) {
  require(n >= 1 && n <= INT32_MAX, "touch: found {} samples to make, wanted 1 to {}", n,
          INT32_MAX);
  require(subjects.count >= 1 && subjects.first >= 0,
          "touch: found {} subjects from {}, wanted one or more from 0", subjects.count,
          subjects.first);
  Tensor x({n, kTouchSteps, kTouchSide, kTouchSide}, DType::u8);
  Tensor y({n}, DType::i32), lengths({n}, DType::i32), group({n}, DType::i32);
  uint8_t* to = x.write<uint8_t>().data();
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t number = first + uint64_t(i);
    Rng rng(mix(mix(seed, 0x70c4), number));
    const int gesture = int(number % kTouchClasses);
    const int32_t who = subjects.first + int32_t(rng.below(subjects.count));
    y.write<int32_t>()[size_t(i)] = gesture;
    group.write<int32_t>()[size_t(i)] = who;
    lengths.write<int32_t>()[size_t(i)] = Drawing(kGestures[gesture], hand_of(seed, who), rng)
                                              .draw(to + i * kTouchSteps * kTouchSide * kTouchSide);
  }
  return Dataset::all(std::move(x), std::move(y))
      .with_lengths(std::move(lengths))
      .with_groups(std::move(group));
}

}  // namespace sparlet
