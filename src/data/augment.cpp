#include "data/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tensor/error.h"

namespace sparlet {
namespace {

// Calls body(first element of sample i, i) with the element type.
template <class Body>
void each_sample(const View& x, Body body) {
  const int64_t n = x.shape[0], each = x.size() / n;
  require(x.dtype == DType::f32 || x.dtype == DType::u8,
          "augment: samples of type {}, wanted u8 or f32", name_of(x.dtype));
  for (int64_t i = 0; i < n; ++i) {
    if (x.dtype == DType::f32)
      body(x.f32() + i * each, i);
    else
      body(x.as<uint8_t>() + i * each, i);
  }
}

// A line of `size` blocks of `block` elements moves by `by` blocks; `by` of them stay as they were.
template <class T>
void move(T* line, int64_t size, int64_t block, int64_t by) {
  const int64_t kept = size - std::abs(by);
  T* from = by > 0 ? line : line - by * block;
  std::memmove(by > 0 ? line + by * block : line, from, size_t(kept * block) * sizeof(T));
}

template <class T>
void shift_map(T* map, int64_t rows, int64_t columns, int64_t down, int64_t right, T fill) {
  move(map, rows, columns, down);
  std::fill_n(down > 0 ? map : map + (rows + down) * columns, std::abs(down) * columns, fill);
  for (int64_t r = 0; r < rows; ++r) {
    T* row = map + r * columns;
    move(row, columns, 1, right);
    std::fill_n(right > 0 ? row : row + columns + right, std::abs(right), fill);
  }
}

// The steps of a sequence, and what the first or last of them leaves behind repeated.
template <class T>
void shift_steps(T* steps, int64_t size, int64_t block, int64_t by) {
  move(steps, size, block, by);
  T* gap = by > 0 ? steps : steps + (size + by) * block;
  const T* edge = by > 0 ? steps + by * block : steps + (size + by - 1) * block;
  for (int64_t i = 0; i < std::abs(by); ++i) std::copy_n(edge, block, gap + i * block);
}

void check_rank(const View& x, int least, const char* what) {
  require(x.shape.rank() > least, "{}: samples of {} axes, wanted {} or more", what,
          x.shape.rank() - 1, least);
}

}  // namespace

Augment flip(double probability) {
  require(probability >= 0 && probability <= 1, "flip: a probability of {}, wanted 0 to 1",
          probability);
  return [probability](View x, std::span<const int32_t>, Rng& rng) {
    check_rank(x, 2, "flip");
    const int64_t width = x.shape[x.shape.rank() - 1], rows = x.size() / x.shape[0] / width;
    each_sample(x, [&](auto* sample, int64_t) {
      if (rng.uniform() >= probability) return;
      for (int64_t r = 0; r < rows; ++r) std::reverse(sample + r * width, sample + (r + 1) * width);
    });
  };
}

Augment shift(int64_t most, float fill) {
  require(most >= 0, "shift: by up to {}, wanted 0 or more", most);
  return [most, fill](View x, std::span<const int32_t>, Rng& rng) {
    check_rank(x, 2, "shift");
    const int rank = x.shape.rank();
    const int64_t rows = x.shape[rank - 2], columns = x.shape[rank - 1];
    const int64_t maps = x.size() / x.shape[0] / (rows * columns);
    each_sample(x, [&]<class T>(T* sample, int64_t) {
      const int64_t down = rng.below(2 * most + 1) - most, right = rng.below(2 * most + 1) - most;
      for (int64_t m = 0; m < maps; ++m)
        shift_map(sample + m * rows * columns, rows, columns, std::clamp(down, -rows, rows),
                  std::clamp(right, -columns, columns), T(fill));
    });
  };
}

Augment time_shift(int64_t most, int axis) {
  require(most >= 0 && axis >= 0, "time_shift: by up to {} along axis {}, wanted 0 or more", most,
          axis);
  return [most, axis](View x, std::span<const int32_t> lengths, Rng& rng) {
    check_rank(x, axis + 1, "time_shift");
    const int64_t steps = x.shape[axis + 1];
    int64_t block = 1, lines = 1;
    for (int i = axis + 2; i < x.shape.rank(); ++i) block *= x.shape[i];
    for (int i = 1; i <= axis; ++i) lines *= x.shape[i];
    each_sample(x, [&](auto* sample, int64_t i) {
      const int64_t real = lengths.empty() ? steps : std::min<int64_t>(steps, lengths[size_t(i)]);
      const int64_t by = std::clamp(rng.below(2 * most + 1) - most, 1 - real, real - 1);
      for (int64_t line = 0; line < lines && by != 0; ++line)
        shift_steps(sample + line * steps * block, real, block, by);
    });
  };
}

Augment noise(float deviation) {
  require(deviation >= 0, "noise: a deviation of {}, wanted 0 or more", deviation);
  return [deviation](View x, std::span<const int32_t> lengths, Rng& rng) {
    check_rank(x, 1, "noise");
    const int64_t each = x.size() / x.shape[0], block = each / x.shape[1];
    each_sample(x, [&]<class T>(T* sample, int64_t i) {
      const int64_t real = lengths.empty() ? each : std::min(each, lengths[size_t(i)] * block);
      for (int64_t k = 0; k < real; ++k) {
        const float moved = float(sample[k]) + deviation * float(rng.normal());
        if constexpr (std::is_same_v<T, float>)
          sample[k] = moved;
        else
          sample[k] = T(std::lround(std::clamp(moved, 0.f, 255.f)));
      }
    });
  };
}

Augment all_of(std::vector<Augment> list) {
  return [list = std::move(list)](View x, std::span<const int32_t> lengths, Rng& rng) {
    for (const Augment& one : list) one(x, lengths, rng);
  };
}

}  // namespace sparlet
