// Layers large enough for the blocks and copies of the SIMD product, against sums in double.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "tensor/kernels/conv.h"
#include "tensor/kernels/linear.h"
#include "tensor/rng.h"

using namespace sparlet;

namespace {

std::vector<float> numbers(int64_t n, Rng& rng) {
  std::vector<float> out(static_cast<size_t>(n));
  for (float& v : out) v = float(rng.uniform() - 0.5);
  return out;
}

// c[m][n] = Σ_k a(m, k) b(k, n), within what the sizes of its terms allow: every 19th element,
// which meets every row and every lane.
template <class A, class B>
void check_product(int64_t m, int64_t n, int64_t k, A a, B b, const std::vector<float>& c) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = (19 - i * n % 19) % 19; j < n; j += 19) {
      double sum = 0, size = 0;
      for (int64_t t = 0; t < k; ++t) {
        const double term = double(a(i, t)) * double(b(t, j));
        sum += term;
        size += std::abs(term);
      }
      wrong += !(std::abs(double(c[size_t(i * n + j)]) - sum) <= 2e-6 * size + 1e-6);
    }
  CHECK(wrong == 0);
}

void check_linear(const Kernels& kernels, int64_t rows, int64_t in, int64_t out) {
  CAPTURE(kernels.name);
  CAPTURE(rows);
  CAPTURE(in);
  CAPTURE(out);
  Rng rng(uint64_t(rows * in + out));
  const std::vector<float> x = numbers(rows * in, rng), w = numbers(in * out, rng),
                           dy = numbers(rows * out, rng);
  std::vector<float> y(size_t(rows * out)), dx(size_t(rows * in)), dw(size_t(in * out));
  for (const bool train : {false, true}) {
    const auto kernel = kernels.linear({.in = in, .out = out}, {.batch = rows, .train = train});
    kernel->forward(rows, x.data(), w.data(), nullptr, y.data());
    check_product(
        rows, out, in, [&](int64_t i, int64_t t) { return x[size_t(i * in + t)]; },
        [&](int64_t t, int64_t j) { return w[size_t(j * in + t)]; }, y);
    if (kernels.same_bits) {  // a sample alone, by the same kernel
      std::vector<float> one(static_cast<size_t>(out));
      int64_t other = 0;
      for (const int64_t r : {int64_t(0), rows / 2, rows - 1}) {
        kernel->forward(1, x.data() + r * in, w.data(), nullptr, one.data());
        for (int64_t j = 0; j < out; ++j) other += one[size_t(j)] != y[size_t(r * out + j)];
      }
      CHECK(other == 0);
    }
    if (!train) continue;
    kernel->backward_data(rows, w.data(), dy.data(), dx.data());
    check_product(
        rows, in, out, [&](int64_t i, int64_t t) { return dy[size_t(i * out + t)]; },
        [&](int64_t t, int64_t j) { return w[size_t(t * in + j)]; }, dx);
    kernel->backward_weight(rows, x.data(), dy.data(), dw.data(), nullptr);
    check_product(
        out, in, rows, [&](int64_t i, int64_t t) { return dy[size_t(t * out + i)]; },
        [&](int64_t t, int64_t j) { return x[size_t(t * in + j)]; }, dw);
  }
}

}  // namespace

TEST_CASE("dense kernels: large linear layers on every path") {
  for (const Kernels* kernels : all_kernels()) {
    check_linear(*kernels, 30, 512, 40);    // rows of the weight that share a set of the cache
    check_linear(*kernels, 70, 1040, 150);  // rows of x far apart
    check_linear(*kernels, 33, 50, 1100);   // columns of dy far apart
    check_linear(*kernels, 240, 1024, 70);  // more rows than are in hand at once
    check_linear(*kernels, 45, 790, 701);   // a weight beyond the second cache, no round numbers
  }
}

TEST_CASE("dense kernels: convolutions in pieces of the window") {
  for (const Kernels* kernels : all_kernels())
    for (const int64_t c : {48, 96, 300}) {
      CAPTURE(kernels->name);
      CAPTURE(c);
      constexpr int64_t kSide = 6, kOut = 40;
      const ConvShape shape{
          .window = {.c = c, .h = kSide, .w = kSide, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
          .o = kOut,
          .bias = true,
          .relu = kernels->fuses};
      Rng rng(7);
      const std::vector<float> x = numbers(c * kSide * kSide, rng),
                               w = numbers(kOut * shape.patch(), rng), bias = numbers(kOut, rng);
      std::vector<float> y(kSide * kSide * kOut);
      const auto kernel = kernels->conv2d(shape, {.batch = 1});
      kernel->forward(1, x.data(), w.data(), bias.data(), y.data());
      int64_t wrong = 0;
      for (int64_t h = 0; h < kSide; ++h)
        for (int64_t v = 0; v < kSide; ++v)
          for (int64_t o = 0; o < kOut; ++o) {
            double sum = bias[size_t(o)];
            for (int64_t kh = 0; kh < 3; ++kh)
              for (int64_t kw = 0; kw < 3; ++kw) {
                const int64_t row = h + kh - 1, column = v + kw - 1;
                if (row < 0 || row >= kSide || column < 0 || column >= kSide) continue;
                for (int64_t i = 0; i < c; ++i)
                  sum += double(x[size_t((row * kSide + column) * c + i)]) *
                         double(w[size_t(((o * 3 + kh) * 3 + kw) * c + i)]);
              }
            if (shape.relu) sum = std::max(sum, 0.0);
            wrong += !(std::abs(double(y[size_t((h * kSide + v) * kOut + o)]) - sum) <= 2e-4);
          }
      CHECK(wrong == 0);
    }
}
