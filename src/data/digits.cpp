#include "data/digits.h"

#include <algorithm>
#include <cmath>

#include "data/digit_strokes.h"
#include "data/exact.h"
#include "tensor/error.h"

namespace sparlet {
namespace {

using exact::bell;
using exact::between;

constexpr int kSide = int(kDigitSide);

// How far samples differ, all in one place: larger is harder.
constexpr float kPointJitter = 0.035f;                  // of the unit square, standard deviation
constexpr float kHalfTurn = 0.16f;                      // tangent of half the rotation, at most
constexpr float kShear = 0.30f;                         // at most
constexpr float kScaleLow = 14.5f, kScaleHigh = 21.0f;  // pixels for the unit square
constexpr float kAspect = 0.17f;                        // width against height, at most
constexpr float kShift = 2.2f;                          // pixels, at most
constexpr float kPenLow = 0.8f, kPenHigh = 1.6f;        // half the line's width, pixels
constexpr float kNoise = 14.0f;                         // grey levels, standard deviation at most
constexpr float kSpeckles = 0.1f;                       // share of samples with specks

struct Affine {
  float xx, xy, yx, yy, x0, y0;
  Point2 operator()(Point2 p) const {
    p = {p.x - 0.5f, p.y - 0.5f};
    return {xx * p.x + xy * p.y + x0, yx * p.x + yy * p.y + y0};
  }
};

Affine random_affine(Rng& rng) {
  // cos and sin of twice atan(t), without either.
  const float t = between(rng, -kHalfTurn, kHalfTurn);
  const float c = (1 - t * t) / (1 + t * t), s = 2 * t / (1 + t * t);
  const float shear = between(rng, -kShear, kShear);
  const float height = between(rng, kScaleLow, kScaleHigh);
  const float width = height * between(rng, 1 - kAspect, 1 + kAspect);
  const float middle = 0.5f * float(kSide - 1);
  const float x0 = middle + between(rng, -kShift, kShift);
  const float y0 = middle + between(rng, -kShift, kShift);
  return {c * width, (c * shear - s) * height, s * width, (s * shear + c) * height, x0, y0};
}

// Catmull and Rom's spline through b and c, with its neighbours a and d.
Point2 spline(Point2 a, Point2 b, Point2 c, Point2 d, float t) {
  const auto at = [t](float p, float q, float r, float s) {
    return 0.5f * (2 * q +
                   t * ((r - p) + t * ((2 * p - 5 * q + 4 * r - s) + t * (3 * q - p - 3 * r + s))));
  };
  return {at(a.x, b.x, c.x, d.x), at(a.y, b.y, c.y, d.y)};
}

// The stroke as straight pieces.
void flatten(const Stroke& stroke, std::vector<Point2>& line) {
  constexpr int kPieces = 4;
  const std::vector<Point2>& p = stroke.points;
  line.clear();
  if (stroke.kind == Stroke::line) {
    line = p;
    return;
  }
  const bool closed = stroke.kind == Stroke::ring;
  const int n = int(p.size()), spans = closed ? n : n - 1;
  const auto at = [&](int i) { return p[size_t(closed ? (i + n) % n : std::clamp(i, 0, n - 1))]; };
  for (int i = 0; i < spans; ++i)
    for (int k = 0; k < kPieces; ++k)
      line.push_back(spline(at(i - 1), at(i), at(i + 1), at(i + 2), float(k) / kPieces));
  line.push_back(at(spans));
}

// For each pixel the least squared distance to the ink's middle line, as far as the pen reaches.
struct Canvas {
  float nearest[kSide * kSide];
  float reach;

  explicit Canvas(float pen_reach) : reach(pen_reach) {
    std::fill(std::begin(nearest), std::end(nearest), reach * reach);
  }

  void draw(Point2 a, Point2 b) {
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float per_length = 1.0f / std::max(dx * dx + dy * dy, 1e-6f);
    const int left = std::max(0, int(std::min(a.x, b.x) - reach));
    const int right = std::min(kSide - 1, int(std::max(a.x, b.x) + reach));
    const int top = std::max(0, int(std::min(a.y, b.y) - reach));
    const int bottom = std::min(kSide - 1, int(std::max(a.y, b.y) + reach));
    for (int y = top; y <= bottom; ++y)
      for (int x = left; x <= right; ++x) {
        const float px = float(x) - a.x, py = float(y) - a.y;
        const float t = std::min(1.0f, std::max(0.0f, (px * dx + py * dy) * per_length));
        const float ex = px - t * dx, ey = py - t * dy;
        float& least = nearest[y * kSide + x];
        least = std::min(least, ex * ex + ey * ey);
      }
  }
};

void add_specks(Rng& rng, uint8_t* pixels) {
  for (int64_t left = 1 + rng.below(8); left > 0; --left) {
    uint8_t& pixel = pixels[rng.below(kSide * kSide)];
    pixel = uint8_t(std::max<int64_t>(pixel, 64 + rng.below(160)));
  }
}

}  // namespace

int32_t draw_digit(uint64_t seed, uint64_t i, uint8_t* pixels) {
  Rng rng(mix(mix(seed, 0xd161750), i));
  const int digit = int(i % 10);
  const std::vector<Glyph>& glyphs = glyphs_of(digit);
  const Glyph& glyph = glyphs[size_t(rng.below(int64_t(glyphs.size())))];
  const Affine place = random_affine(rng);
  const float pen = between(rng, kPenLow, kPenHigh), edge = 0.7f;
  Canvas canvas(pen + edge);
  std::vector<Point2> line;
  Stroke moved;
  for (const Stroke& stroke : glyph) {
    moved = stroke;
    for (Point2& point : moved.points) {
      const float dx = bell(rng.next()), dy = bell(rng.next());
      point = place({point.x + kPointJitter * dx, point.y + kPointJitter * dy});
    }
    flatten(moved, line);
    for (size_t k = 1; k < line.size(); ++k) canvas.draw(line[k - 1], line[k]);
  }
  const float ink = between(rng, 170, 255), paper = between(rng, 0, 24);
  const float noise = between(rng, 0, kNoise);
  for (int k = 0; k < kSide * kSide; ++k) {
    const float inside = (pen + edge - std::sqrt(canvas.nearest[k])) / (2 * edge);
    const float value = paper + (ink - paper) * std::min(1.0f, inside) + noise * bell(rng.next());
    pixels[k] = uint8_t(std::min(255.0f, std::max(0.0f, value + 0.5f)));
  }
  if (rng.uniform() < kSpeckles) add_specks(rng, pixels);
  return digit;
}

Dataset make_digits(int64_t n, uint64_t seed, uint64_t first) {
  require(n >= 1 && n <= INT32_MAX, "digits: found {} samples to make, wanted 1 to {}", n,
          INT32_MAX);
  Tensor x({n, 1, kDigitSide, kDigitSide}, DType::u8), y({n}, DType::i32);
  uint8_t* pixels = x.write<uint8_t>().data();
  const std::span<int32_t> labels = y.write<int32_t>();
  for (int64_t i = 0; i < n; ++i)
    labels[size_t(i)] = draw_digit(seed, first + uint64_t(i), pixels + i * kDigitSide * kDigitSide);
  return Dataset::all(std::move(x), std::move(y));
}

}  // namespace sparlet
