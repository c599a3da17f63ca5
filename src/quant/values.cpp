#include "quant/values.h"

#include <algorithm>
#include <cmath>

#include "runtime/format.h"
#include "tensor/error.h"

namespace sparlet::quant {

Scale scale_of(const Range& range) {
  const double low = std::min(0.0f, range.low), high = std::max(0.0f, range.high);
  if (high - low < 1e-30) return {};
  const float scale = float((high - low) / 255);
  return {scale, int8_t(std::clamp(std::round(-128 - low / double(scale)), -128.0, 127.0))};
}

Attrs attrs_of(const Scale& s, const Clamp& clamp) {
  Attrs attrs{{"scale", double(s.scale)}, {"zero", double(s.zero)}};
  const auto steps = [&](double real) {
    return std::clamp(std::round(real / double(s.scale)) + s.zero, -128.0, 127.0);
  };
  const double low = steps(clamp.low), high = steps(clamp.high);
  if (low > -128) attrs["low"] = low;
  if (high < 127) attrs["high"] = high;
  return attrs;
}

namespace {

double largest(const float* row, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, double(std::abs(row[i])));
  return most;
}

}  // namespace

Layer8 quantize(const std::string& where, const Layer& layer, const Scale& x, const Scale& y) {
  const int64_t out = layer.out(), fan_in = layer.fan_in();
  require(fan_in <= int64_t(rt::max_fan_in),
          "{}: {} inputs to one output, wanted at most {} for int8", where, fan_in, rt::max_fan_in);
  Layer8 made{Tensor({out * fan_in}, DType::i8), Tensor({out}, DType::i32), Tensor({out})};
  const auto weights = made.weights.write<int8_t>();
  const auto bias = made.bias.write<int32_t>();
  const auto factor = made.scale.write();
  const double room = double(INT32_MAX - fan_in * 255 * 128) - 1;
  for (int64_t o = 0; o < out; ++o) {
    const float* row = layer.weights.data() + o * fan_in;
    const double b = layer.bias[size_t(o)], most = largest(row, fan_in);
    require(std::isfinite(b) && std::isfinite(most), "{}: a weight is not finite", where);
    double s_w = most > 0 ? most / 127 : double(y.scale) / x.scale / 1024;
    s_w = std::max(
        {s_w, std::abs(b) / (double(x.scale) * room), double(y.scale) / x.scale * 0x1p-30});
    factor[size_t(o)] = float(double(x.scale) * s_w / y.scale);
    require(factor[size_t(o)] < 0x1p29f, "{}: weights of {} for outputs of {}: too far apart",
            where, most, y.scale);
    bias[size_t(o)] = int32_t(std::clamp(std::round(b / (double(x.scale) * s_w)), -room, room));
    for (int64_t i = 0; i < fan_in; ++i)
      weights[size_t(o * fan_in + i)] = int8_t(std::clamp(std::round(row[i] / s_w), -127.0, 127.0));
  }
  return made;
}

Bitmask bitmask_of(const Tensor& weights) {
  const auto dense = weights.read<int8_t>();
  Bitmask made{Tensor({int64_t(dense.size() + 7) / 8}, DType::u8), {}, 0};
  made.nonzeros = std::ranges::count_if(dense, [](int8_t w) { return w != 0; });
  made.values = Tensor({std::max<int64_t>(1, made.nonzeros)}, DType::i8);
  const auto bits = made.bits.write<uint8_t>();
  int8_t* next = made.values.write<int8_t>().data();
  for (size_t i = 0; i < dense.size(); ++i) {
    if (dense[i] == 0) continue;
    bits[i / 8] = uint8_t(bits[i / 8] | 1u << (i % 8));
    *next++ = dense[i];
  }
  return made;
}

int64_t dense_bytes(int64_t weights) { return weights; }

int64_t bitmask_bytes(int64_t weights, int64_t nonzeros) {
  int64_t varint = 1;  // the number of values, in the record
  for (int64_t v = nonzeros; v >= 128; v >>= 7) ++varint;
  return (weights + 7) / 8 + nonzeros + varint;
}

std::string unused(const Graph& graph, const std::string& name) {
  if (!graph.find(name)) return name;
  for (int i = 2;; ++i)
    if (const std::string other = name + std::to_string(i); !graph.find(other)) return other;
}

}  // namespace sparlet::quant
