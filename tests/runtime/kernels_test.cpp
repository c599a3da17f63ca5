// Every kernel against naive.h on random shapes, equal to the last bit.
#include <doctest/doctest.h>

#include "naive.h"
#include "writer.h"

using namespace sparlet::rt;
using naive::bits;
using Bytes = std::vector<int8_t>;

static Quantized random_output(Dice& dice) {
  const auto low = int8_t(dice(0, 3) != 0 ? -128 : dice(-128, 0));
  return {.zero = int8_t(dice(-128, 127)),
          .low = low,
          .high = int8_t(dice(0, 3) != 0 ? 127 : dice(0, 127))};
}

static naive::Side random_side(Dice& dice, int32_t most_pad, int32_t most_dilation) {
  for (;;) {
    const naive::Side s{.in = dice(1, 9),
                        .kernel = dice(1, 5),
                        .stride = dice(1, 3),
                        .before = dice(0, most_pad),
                        .after = dice(0, most_pad),
                        .dilation = dice(1, most_dilation)};
    if (s.fits()) return s;
  }
}

static Window window_of(const naive::Side& y, const naive::Side& x) {
  return {.kernel_h = y.kernel,
          .kernel_w = x.kernel,
          .stride_h = y.stride,
          .stride_w = x.stride,
          .pad_top = y.before,
          .pad_left = x.before,
          .dilation_h = y.dilation,
          .dilation_w = x.dilation};
}

static std::vector<Channel> random_channels(Dice& dice, int32_t count) {
  std::vector<Channel> c;
  for (int32_t i = 0; i < count; ++i)
    c.push_back({.bias = dice(-9000, 9000), .scale = bits(dice.real(1e-4f, 2e-2f))});
  return c;
}

TEST_CASE("conv2d: dense and bitmask, groups, depthwise, strides, pads, dilation") {
  Dice dice(10);
  for (int round = 0; round < 1500; ++round) {
    CAPTURE(round);
    const naive::Side sy = random_side(dice, 6, 3), sx = random_side(dice, 6, dice(1, 3));
    const int32_t groups = dice(0, 1) != 0 ? 1 : dice(2, 5);
    const int32_t i = dice(0, 2) == 0 ? 1 : dice(1, 20), o = dice(1, 4);
    Conv2dArgs a{.in = {.h = sy.in, .w = sx.in, .c = i * groups},
                 .out = {.h = sy.out(), .w = sx.out(), .c = o * groups},
                 .window = window_of(sy, sx),
                 .groups = groups,
                 .x_zero = int8_t(dice(-128, 127)),
                 .q = random_output(dice)};
    const Bytes x = dice.values(a.in.size());
    const Bytes w = dice.weights(a.out.c * sy.kernel * sx.kernel * i, dice(0, 8));
    const auto channels = random_channels(dice, a.out.c);
    const Bytes expected = naive::conv2d(x, w, channels, a);

    Bytes y(expected.size());
    a.x = x.data();
    a.y = y.data();
    a.weights = {.values = w.data(), .channels = channels.data()};
    conv2d_i8(a);
    REQUIRE(y == expected);

    const Encoded e = to_bitmask(w);
    std::fill(y.begin(), y.end(), int8_t(0));
    a.weights = {.values = e.values.data(), .mask = e.mask.data(), .channels = channels.data()};
    conv2d_i8(a);
    REQUIRE(y == expected);
  }
}

TEST_CASE("linear is a 1x1 conv2d, dense and bitmask") {
  Dice dice(11);
  for (int round = 0; round < 400; ++round) {
    const int32_t in = dice(1, 300), out = dice(1, 20);
    const Bytes x = dice.values(in), w = dice.weights(in * out, dice(0, 8));
    const auto channels = random_channels(dice, out);
    LinearArgs a{.x = x.data(),
                 .in = in,
                 .out = out,
                 .x_zero = int8_t(dice(-128, 127)),
                 .q = random_output(dice),
                 .weights = {.values = w.data(), .channels = channels.data()}};
    const Conv2dArgs as_conv{.in = {.c = in}, .out = {.c = out}, .x_zero = a.x_zero, .q = a.q};
    const Bytes expected = naive::conv2d(x, w, channels, as_conv);
    Bytes y(static_cast<size_t>(out)), sparse(static_cast<size_t>(out));
    a.y = y.data();
    linear_i8(a);
    const Encoded e = to_bitmask(w);
    a.weights = {.values = e.values.data(), .mask = e.mask.data(), .channels = channels.data()};
    a.y = sparse.data();
    linear_i8(a);
    REQUIRE(y == expected);
    REQUIRE(sparse == expected);
  }
}

TEST_CASE("the largest sum stays in 32 bits") {
  const int32_t in = 65536;
  const Bytes x(size_t(in), int8_t(-128)), w(size_t(in), int8_t(-127));
  const Channel channel{.bias = INT32_MAX - 255 * 128 * in, .scale = bits(1e-7f)};
  int8_t y = 0;
  linear_i8({.x = x.data(),
             .y = &y,
             .in = in,
             .out = 1,
             .x_zero = 127,
             .weights = {.values = w.data(), .channels = &channel}});
  CHECK(y == 127);
}

TEST_CASE("max_pool and avg_pool") {
  Dice dice(12);
  for (int round = 0; round < 1500; ++round) {
    CAPTURE(round);
    naive::Side sy = random_side(dice, 0, 1), sx = random_side(dice, 0, 1);
    if (round % 2 == 0) {  // pads below the kernel
      for (naive::Side* s : {&sy, &sx}) {
        s->before = dice(0, s->kernel - 1);
        s->after = dice(0, s->kernel - 1);
      }
    }
    const Map in{.h = sy.in, .w = sx.in, .c = dice(1, 6)};
    const Map out{.h = sy.out(), .w = sx.out(), .c = in.c};
    const Window w = window_of(sy, sx);
    const Quantized q = random_output(dice);
    const Bytes x = dice.values(in.size());
    const bool in_place = round % 2 != 0;
    auto run = [&](auto args, auto kernel, const Bytes& expected) {
      Bytes y(expected.size()), both = x;
      args.x = x.data();
      args.y = y.data();
      kernel(args);
      REQUIRE(y == expected);
      if (!in_place) return;
      args.x = args.y = both.data();
      kernel(args);
      both.resize(expected.size());
      REQUIRE(both == expected);
    };

    run(MaxPoolArgs{.in = in, .out = out, .window = w, .low = q.low, .high = q.high}, max_pool_i8,
        naive::pool(x, in, out, w, [&](const std::vector<int>& v, int) {
          return naive::clamp(*std::max_element(v.begin(), v.end()), q.low, q.high);
        }));

    AvgPoolArgs a{.in = in,
                  .out = out,
                  .window = w,
                  .include_pad = dice(0, 1) != 0,
                  .x_zero = int8_t(dice(-128, 127)),
                  .q = q};
    const float x_scale = dice.real(0.01f, 1);
    a.x_scale = bits(x_scale);
    const bool same = dice(0, 1) != 0;
    const float y_scale = same ? x_scale : dice.real(0.01f, 1);
    a.y_scale = bits(y_scale);
    if (same) a.q.zero = a.x_zero;
    run(a, avg_pool_i8, naive::pool(x, in, out, w, [&](const std::vector<int>& v, int area) {
          int64_t sum = 0;  // of real values, in units of x_scale
          for (int e : v) sum += e - a.x_zero;
          const int64_t count = a.include_pad ? area : int64_t(v.size());
          if (same)
            return naive::clamp(std::llround(double(sum + count * a.x_zero) / double(count)),
                                a.q.low, a.q.high);
          const auto m = naive::quantize(double(x_scale) / (double(y_scale) * double(count)));
          return naive::clamp(naive::rescale(sum, m) + a.q.zero, a.q.low, a.q.high);
        }));
  }
}

TEST_CASE("requantize, add, sub and mul, also in place") {
  Dice dice(13);
  for (int round = 0; round < 1000; ++round) {
    const int32_t n = dice(1, 40);
    const Bytes a = dice.values(n), b = dice.values(n);
    const float as = dice.real(1e-3f, 1), bs = dice.real(1e-3f, 1), ys = dice.real(1e-3f, 1);
    const auto az = int8_t(dice(-128, 127)), bz = int8_t(dice(-128, 127));
    const Quantized q = random_output(dice);
    const double most = 2 * std::max(double(as), double(bs));
    const auto fa = naive::quantize(as / most), fb = naive::quantize(bs / most);
    const auto fy = naive::quantize(most / ((1 << 20) * double(ys)));
    const auto fm = naive::quantize(double(as) * double(bs) / double(ys));
    const auto fr = naive::quantize(double(as) / double(ys));

    auto check = [&](auto kernel, auto value) {
      Bytes expected;
      for (size_t i = 0; i < a.size(); ++i)
        expected.push_back(naive::clamp(value(a[i] - az, b[i] - bz) + q.zero, q.low, q.high));
      Bytes y(a.size()), over_a = a, over_b = b;
      kernel(a.data(), b.data(), y.data());
      REQUIRE(y == expected);
      kernel(over_a.data(), b.data(), over_a.data());
      REQUIRE(over_a == expected);
      kernel(a.data(), over_b.data(), over_b.data());
      REQUIRE(over_b == expected);
    };
    auto binary = [&](void (*kernel)(const BinaryArgs&)) {
      return [&, kernel](const int8_t* x, const int8_t* z, int8_t* y) {
        kernel({.a = x,
                .b = z,
                .y = y,
                .count = n,
                .a_scale = bits(as),
                .b_scale = bits(bs),
                .y_scale = bits(ys),
                .a_zero = az,
                .b_zero = bz,
                .q = q});
      };
    };
    auto signed_sum = [&](int sign) {
      return [&, sign](int64_t x, int64_t z) {
        return naive::rescale(naive::rescale(x << 20, fa) + sign * naive::rescale(z << 20, fb), fy);
      };
    };
    check(binary(add_i8), signed_sum(1));
    check(binary(sub_i8), signed_sum(-1));
    check(binary(mul_i8), [&](int64_t x, int64_t z) { return naive::rescale(x * z, fm); });
    Bytes y(a.size()), over = a, expected;
    for (int8_t v : a)
      expected.push_back(naive::clamp(naive::rescale(v - az, fr) + q.zero, q.low, q.high));
    RequantizeArgs r{.x = a.data(),
                     .y = y.data(),
                     .count = n,
                     .x_zero = az,
                     .m = ratio(bits(as), bits(ys)),
                     .q = q};
    requantize_i8(r);
    REQUIRE(y == expected);
    r.x = r.y = over.data();
    requantize_i8(r);
    REQUIRE(over == expected);
  }
}

TEST_CASE("the same scale and zero point give the same values") {
  Bytes all;
  for (int v = -128; v < 128; ++v) all.push_back(int8_t(v));
  Bytes y(all.size());
  requantize_i8({.x = all.data(),
                 .y = y.data(),
                 .count = 256,
                 .x_zero = 17,
                 .m = ratio(bits(0.3f), bits(0.3f)),
                 .q = {.zero = 17}});
  CHECK(y == all);
}

TEST_CASE("concat interleaves the channels of its inputs") {
  Dice dice(14);
  for (int round = 0; round < 300; ++round) {
    const int32_t positions = dice(1, 12), inputs = dice(2, 8);
    const Quantized q = random_output(dice);
    const float ys = dice.real(0.01f, 1);
    std::vector<int32_t> widths;
    int32_t total = 0;
    for (int32_t i = 0; i < inputs; ++i) total += widths.emplace_back(dice(1, 5));
    Bytes y(size_t(positions * total)), expected(y.size());
    int32_t first = 0;
    for (int32_t width : widths) {
      const Bytes x = dice.values(positions * width);
      const float xs = dice.real(0.01f, 1);
      const auto zero = int8_t(dice(-128, 127));
      concat_i8({.x = x.data(),
                 .y = y.data(),
                 .positions = positions,
                 .channels = width,
                 .first = first,
                 .y_channels = total,
                 .x_zero = zero,
                 .m = ratio(bits(xs), bits(ys)),
                 .q = q});
      const auto m = naive::quantize(double(xs) / double(ys));
      for (int32_t p = 0; p < positions; ++p)
        for (int32_t c = 0; c < width; ++c)
          expected[size_t(p * total + first + c)] = naive::clamp(
              naive::rescale(x[size_t(p * width + c)] - zero, m) + q.zero, q.low, q.high);
      first += width;
    }
    REQUIRE(y == expected);
  }
}

TEST_CASE("softmax is within one step of the real one, in place too") {
  Dice dice(15);
  double worst = 0;
  for (int round = 0; round < 3000; ++round) {
    Bytes x = dice.values(dice(1, 60));
    if (round % 10 == 0) std::fill(x.begin(), x.end(), x[0]);
    const float scale = dice.real(1e-3f, 8);
    Bytes y(x.size());
    SoftmaxArgs a{.x = x.data(), .y = y.data(), .count = int32_t(x.size()), .x_scale = bits(scale)};
    REQUIRE(softmax_in_range(a.x_scale));
    softmax_i8(a);
    double sum = 0;
    const int most = *std::max_element(x.begin(), x.end());
    for (int8_t v : x) sum += std::exp(double(scale) * (v - most));
    for (size_t i = 0; i < x.size(); ++i) {
      const double share = std::exp(double(scale) * (x[i] - most)) / sum;
      worst = std::max(worst, std::fabs(std::min(share * 256, 255.0) - (y[i] + 128)));
    }
    a.x = a.y = x.data();
    softmax_i8(a);
    REQUIRE(x == y);
  }
  CHECK(worst <= 1.0);
}

TEST_CASE("softmax of many equal values is all nothing, without overflow") {
  const Bytes x(5000, int8_t(7));
  Bytes y(x.size(), 0);
  softmax_i8({.x = x.data(), .y = y.data(), .count = int32_t(x.size()), .x_scale = bits(1.0f)});
  CHECK(std::all_of(y.begin(), y.end(), [](int8_t v) { return v == -128; }));
  CHECK(!softmax_in_range(bits(16.0f)));
  CHECK(!softmax_in_range(bits(1e-9f)));
}
