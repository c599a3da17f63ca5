// The ways of the SIMD paths to do a convolution, with relu and pooling in it (many samples side by
// side where channels are few, Winograd's products where they are many), against the portable
// layers one after the other.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "tensor/kernels/conv.h"
#include "tensor/kernels/pool.h"
#include "tensor/rng.h"

using namespace sparlet;

namespace {

constexpr int64_t kSamples = 37;  // whole vectors and a rest

using Floats = std::vector<float>;

Floats numbers(int64_t n, Rng& rng) {
  Floats out(static_cast<size_t>(n));
  for (float& v : out) v = float(rng.uniform() - 0.5);
  return out;
}

struct Layer {
  ConvShape shape;
  Floats x, weight, bias, dy;
  int64_t x_size, y_size;

  explicit Layer(const ConvShape& s) : shape(s) {
    Rng rng(uint64_t(s.window.c * 100 + s.o));
    x_size = s.window.c * s.window.h * s.window.w;
    y_size = s.o * (s.pool ? s.pool->out_h() * s.pool->out_w() : map_size() / s.o);
    x = numbers(kSamples * x_size, rng);
    weight = numbers(s.o * s.patch(), rng);
    bias = numbers(s.o, rng);
    dy = numbers(kSamples * y_size, rng);
  }
  int64_t map_size() const { return shape.window.out_h() * shape.window.out_w() * shape.o; }
};

struct Results {
  Floats y, dx, dweight, dbias;
};

Results by_parts(const Layer& l) {
  ConvShape plain = l.shape;
  plain.relu = false;
  plain.pool.reset();
  const auto kernel = portable_conv2d(plain, {.batch = kSamples, .train = true});
  Floats map(size_t(kSamples * l.map_size()));
  Results r{.y = Floats(size_t(kSamples * l.y_size)),
            .dx = Floats(l.x.size()),
            .dweight = Floats(l.weight.size()),
            .dbias = Floats(l.bias.size())};
  kernel->forward(kSamples, l.x.data(), l.weight.data(), l.bias.data(), map.data());
  std::vector<int32_t> from(r.y.size());
  if (l.shape.pool)
    max_pool(*l.shape.pool, kSamples, map.data(), r.y.data(), from.data());
  else
    r.y = map;
  Floats dy = l.dy, dmap = l.dy;
  for (size_t i = 0; i < r.y.size() && l.shape.relu; ++i) {
    if (!(r.y[i] > 0)) r.y[i] = dy[i] = 0;
  }
  if (l.shape.pool) {
    dmap.assign(map.size(), 0);
    max_pool_backward(*l.shape.pool, kSamples, from.data(), dy.data(), dmap.data());
  } else {
    dmap = dy;
  }
  kernel->backward_data(kSamples, l.weight.data(), dmap.data(), r.dx.data());
  kernel->backward_weight(kSamples, l.x.data(), dmap.data(), r.dweight.data(), r.dbias.data());
  return r;
}

float worst(const Floats& a, const Floats& b) {
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// How often it went that way, of inference and training.
int check(const Kernels& kernels, const Layer& l, std::string_view way) {
  int so = 0;
  const Results wanted = by_parts(l);
  for (const bool train : {false, true}) {
    CAPTURE(train);
    const auto kernel = kernels.conv2d(l.shape, {.batch = kSamples, .train = train});
    so += kernel->description().ends_with(way);
    Results r{.y = Floats(wanted.y.size()),
              .dx = Floats(l.x.size(), 7.f),
              .dweight = Floats(l.weight.size(), 7.f),
              .dbias = Floats(l.bias.size(), 7.f)};
    kernel->forward(kSamples, l.x.data(), l.weight.data(), l.bias.data(), r.y.data());
    CHECK(worst(r.y, wanted.y) < 1e-5f);
    Floats alone(static_cast<size_t>(l.y_size));
    for (const int64_t i : {int64_t(3), kSamples - 1}) {
      kernel->forward(1, l.x.data() + i * l.x_size, l.weight.data(), l.bias.data(), alone.data());
      CHECK(std::equal(alone.begin(), alone.end(), r.y.begin() + i * l.y_size));
    }
    if (!train) continue;
    kernel->forward(kSamples, l.x.data(), l.weight.data(), l.bias.data(), r.y.data());
    for (const bool twice : {false, true}) {  // what a backward leaves behind must not matter
      CAPTURE(twice);
      kernel->backward({kSamples, l.x.data(), l.weight.data(), r.y.data(), l.dy.data(),
                        twice ? r.dx.data() : nullptr, r.dweight.data(), r.dbias.data()});
      CHECK(worst(r.dweight, wanted.dweight) < 1e-4f);
      CHECK(worst(r.dbias, wanted.dbias) < 1e-4f);
    }
    CHECK(worst(r.dx, wanted.dx) < 1e-5f);
  }
  return so;
}

Window pool(const Window& conv, int64_t o, int64_t size, int64_t stride, int64_t pad) {
  return {.c = o,
          .h = conv.out_h(),
          .w = conv.out_w(),
          .kh = size,
          .kw = size,
          .stride = {stride, stride},
          .pad = {pad, pad, pad, pad}};
}

// Most of the shapes go the way they are meant for.
void check_all(const std::vector<ConvShape>& shapes, std::string_view way, double share) {
  for (const Kernels* kernels : all_kernels()) {
    if (!kernels->fuses) continue;
    int so = 0;
    for (const ConvShape& shape : shapes) {
      const Window& w = shape.window;
      INFO(kernels->name, ", ", w.c, " of ", w.h, " x ", w.w, " to ", shape.o);
      so += check(*kernels, Layer(shape), way);
    }
    CHECK(so >= share * double(shapes.size() * 2));
  }
}

}  // namespace

TEST_CASE("convolution of few channels: many samples at once") {
  const Window one{.c = 1, .h = 12, .w = 13, .kh = 5, .kw = 5};
  const Window padded{.c = 4, .h = 7, .w = 6, .kh = 3, .kw = 3, .pad = {1, 1, 1, 1}};
  const Window uneven{.c = 5, .h = 7, .w = 9, .kh = 3, .kw = 2, .pad = {2, 0, 1, 0}};
  const Window strides{
      .c = 3, .h = 11, .w = 12, .kh = 3, .kw = 5, .stride = {2, 3}, .pad = {1, 1, 2, 2}};
  const Window sparse_taps{.c = 2, .h = 9, .w = 9, .kh = 2, .kw = 2, .stride = {3, 3}};
  std::vector<ConvShape> shapes;
  for (const bool relu : {false, true}) {
    for (const Window& w : {one, padded, uneven, strides, sparse_taps})
      shapes.push_back({.window = w, .o = 4, .bias = true, .relu = relu});
    shapes.push_back(
        {.window = one, .o = 6, .bias = true, .relu = relu, .pool = pool(one, 6, 2, 2, 0)});
    shapes.push_back(
        {.window = padded, .o = 3, .bias = true, .relu = relu, .pool = pool(padded, 3, 3, 2, 1)});
    shapes.push_back(
        {.window = uneven, .o = 9, .bias = true, .relu = relu, .pool = pool(uneven, 9, 3, 3, 0)});
  }
  check_all(shapes, " together", 3. / 4);
}

TEST_CASE("convolution of many channels: Winograd's products") {
  const auto padded = [](int64_t c, int64_t h, int64_t w, std::array<int64_t, 4> pad) {
    return Window{.c = c, .h = h, .w = w, .kh = 3, .kw = 3, .pad = pad};
  };
  const Window whole = padded(16, 8, 8, {1, 1, 1, 1});  // whole vectors and tiles
  const Window narrow = padded(19, 7, 10, {0, 0, 0, 0});
  const Window uneven = padded(17, 9, 6, {2, 0, 1, 1});
  const Window wide = padded(35, 9, 4, {1, 1, 1, 1});
  const Window beyond = padded(16, 5, 5, {3, 1, 0, 2});  // padding that no filter bridges
  const Window single = padded(16, 3, 4, {1, 0, 0, 0});
  std::vector<ConvShape> shapes;
  for (const bool relu : {false, true}) {
    for (const Window& w : {whole, narrow, uneven, wide, beyond, single})
      for (const int64_t o : {16, 21})
        shapes.push_back({.window = w, .o = o, .bias = true, .relu = relu});
    for (const Window& w : {whole, narrow, wide})
      shapes.push_back(
          {.window = w, .o = 18, .bias = true, .relu = relu, .pool = pool(w, 18, 2, 2, 0)});
  }
  check_all(shapes, " winograd", 1. / 2);  // not where most of the tiles would be empty
}
