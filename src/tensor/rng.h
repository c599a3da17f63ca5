// Random numbers: always a parameter, never global; the same on every machine.
#pragma once
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace sparlet {

// One step of SplitMix64 (Steele, Lea, Flood 2014), also the project's integer hash.
inline uint64_t mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// hash(seed, trial): the seed of one trial's own generator.
inline uint64_t mix(uint64_t a, uint64_t b) { return mix(mix(a) ^ (b * 0xff51afd7ed558ccd)); }

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    const uint64_t z = mix(state_);
    state_ += 0x9e3779b97f4a7c15;
    return z;
  }
  // In [0, 1), 53 bits.
  double uniform() { return double(next() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // In 0 .. n-1, without bias. REQUIRES: n > 0.
  int64_t below(int64_t n) {
    const uint64_t bound = uint64_t(n), limit = (0 - bound) % bound;
    for (;;) {
      const uint64_t z = next();
      if (z >= limit) return int64_t(z % bound);
    }
  }
  // Standard normal (Box-Muller, one value a call so that the state is one word).
  double normal() {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }
  // An independent generator; this one advances by one step.
  Rng split() { return Rng(mix(next(), 0x5eed)); }

  template <class T>
  void shuffle(std::vector<T>& list) {
    for (int64_t i = int64_t(list.size()) - 1; i > 0; --i) std::swap(list[i], list[below(i + 1)]);
  }

  uint64_t state() const { return state_; }

 private:
  uint64_t state_;
};

}  // namespace sparlet
