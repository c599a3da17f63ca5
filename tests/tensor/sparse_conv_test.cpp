// Sparse convolution on every kernel path against the dense one with zeros in its weight: outputs
// and all gradients.
#include "tensor/kernels/sparse_conv.h"

#include <doctest/doctest.h>
#include <fmt/core.h>

#include <cmath>

#include "tensor/rng.h"

using namespace sparlet;

namespace {

using Floats = std::vector<float>;

Floats random(int64_t size, Rng& rng) {
  Floats list(static_cast<size_t>(size));
  for (float& v : list) v = float(rng.normal());
  return list;
}

// A weight (o, i, kh, kw) at some of its places.
struct Weight {
  SparsePattern pattern;
  Floats values;

  Weight(int64_t out, int64_t in, double density, Rng& rng) {
    pattern = {.out = out, .in = in, .row_begin = {0}, .column = {}};
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t i = 0; i < in; ++i)
        if (rng.uniform() < density) pattern.column.push_back(int32_t(i));
      pattern.row_begin.push_back(int32_t(pattern.column.size()));
    }
    values = random(pattern.nonzeros(), rng);
  }

  // Calls visit(place in a dense weight [o][kh][kw][i], number).
  template <class Visit>
  void each(int64_t taps, const Visit& visit) const {
    const int64_t channels = pattern.in / taps;
    for (int64_t o = 0; o < pattern.out; ++o)
      for (int32_t k = pattern.row_begin[size_t(o)]; k < pattern.row_begin[size_t(o) + 1]; ++k) {
        const int64_t column = pattern.column[size_t(k)], i = column / taps, tap = column % taps;
        visit(size_t((o * taps + tap) * channels + i), size_t(k));
      }
  }
};

void check_close(const Floats& found, const Floats& wanted, std::string_view what) {
  REQUIRE(found.size() == wanted.size());
  double top = 1, worst = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    top = std::max(top, double(std::abs(wanted[i])));
    const double d = std::abs(double(found[i]) - wanted[i]);
    worst = d <= worst ? worst : d;  // NaN counts
  }
  CHECK_MESSAGE(worst / top < 2e-5, what);
}

void compare(const ConvShape& shape, const Weight& weight, int64_t batch, int64_t n, Rng& rng) {
  const Window& w = shape.window;
  const int64_t outputs = w.out_h() * w.out_w() * shape.o, taps = w.kh * w.kw;
  const Floats x = random(n * w.c * w.h * w.w, rng), bias = random(shape.o, rng);
  const Floats dy = random(n * outputs, rng);
  Floats dense(size_t(shape.o * shape.patch()));
  weight.each(taps, [&](size_t at, size_t k) { dense[at] = weight.values[k]; });
  const KernelOptions options{.batch = batch, .train = true};
  const float* b = shape.bias ? bias.data() : nullptr;

  const auto oracle = portable_conv2d(shape, options);
  Floats y(size_t(n * outputs)), dx(x.size()), ddense(dense.size()), db(bias.size());
  oracle->forward(n, x.data(), dense.data(), b, y.data());
  oracle->backward_data(n, dense.data(), dy.data(), dx.data());
  oracle->backward_weight(n, x.data(), dy.data(), ddense.data(), db.data());
  Floats dvalues(weight.values.size());
  weight.each(taps, [&](size_t at, size_t k) { dvalues[k] = ddense[at]; });

  for (const Kernels* kernels : all_kernels()) {
    INFO(kernels->name);
    Floats y2(y.size(), 1e30f), dx2(dx.size(), 1e30f), dv2(dvalues.size(), 1e30f), db2 = db;
    const auto kernel = plane_conv(shape, weight.pattern, options, kernels->planes());
    kernel->forward(n, x.data(), weight.values.data(), b, y2.data());
    kernel->backward(n, x.data(), weight.values.data(), dy.data(),
                     {dx2.data(), dv2.data(), db2.data()});
    check_close(y2, y, "y");
    check_close(dx2, dx, "dx");
    check_close(dv2, dvalues, "dvalues");
    check_close(db2, db, "dbias");
    const auto infer = plane_conv(shape, weight.pattern, {.batch = batch}, kernels->planes());
    Floats y3(y.size(), 1e30f);
    infer->forward(n, x.data(), weight.values.data(), b, y3.data());
    CHECK(y3 == y2);
  }
}

}  // namespace

TEST_CASE("sparse convolution: random shapes and patterns, against the dense one") {
  Rng rng(5);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + int64_t(rng.below(high - low + 1));
  };
  for (int round = 0; round < 120; ++round) {
    const int64_t groups = pick(1, 3), kh = pick(1, 3), kw = pick(1, 3);
    ConvShape shape{.window = {.c = groups * pick(1, 9),
                               .h = pick(1, 12),
                               .w = pick(1, 20),
                               .kh = kh,
                               .kw = kw,
                               .stride = {pick(1, 3), pick(1, 3)},
                               .pad = {pick(0, 3), pick(0, 3), pick(0, 3), pick(0, 3)},
                               .dilation = {pick(1, 2), pick(1, 2)}},
                    .o = groups * pick(1, 9),
                    .groups = groups,
                    .bias = rng.uniform() < 0.5};
    if (shape.window.out_h() < 1 || shape.window.out_w() < 1) continue;
    const double density = std::array{0.0, 0.05, 0.3, 1.0}[size_t(round % 4)];
    const Weight weight(shape.o, shape.patch(), density, rng);
    const int64_t batch = pick(1, 9);
    const Window& w = shape.window;
    INFO(fmt::format(
        "c{} {}x{} k{}x{} stride {},{} pad {},{},{},{} dilation {},{} o{} groups {} "
        "density {} batch {}",
        w.c, w.h, w.w, w.kh, w.kw, w.stride[0], w.stride[1], w.pad[0], w.pad[1], w.pad[2], w.pad[3],
        w.dilation[0], w.dilation[1], shape.o, shape.groups, density, batch));
    compare(shape, weight, batch, pick(1, batch), rng);
  }
}

TEST_CASE("sparse convolution: batches 1 to 33, several tiles of positions and of channels") {
  Rng rng(6);
  const ConvShape shape{.window = {.c = 37, .h = 4, .w = 4, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
                        .o = 35};
  const Weight weight(shape.o, shape.patch(), 0.1, rng);
  for (int64_t batch : {1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33})
    compare(shape, weight, batch, batch, rng);
  const ConvShape wide{.window = {.c = 20, .h = 23, .w = 31, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
                       .o = 18,
                       .bias = true};
  compare(wide, Weight(wide.o, wide.patch(), 0.05, rng), 2, 2, rng);
}

TEST_CASE("sparse convolution: one entry, and none") {
  Rng rng(7);
  const ConvShape shape{.window = {.c = 3, .h = 5, .w = 6, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}},
                        .o = 4,
                        .bias = true};
  Weight weight(shape.o, shape.patch(), 0, rng);
  compare(shape, weight, 2, 2, rng);
  weight.pattern.column = {26};
  weight.pattern.row_begin = {0, 0, 0, 1, 1};
  weight.values = {2};
  compare(shape, weight, 2, 2, rng);
}
