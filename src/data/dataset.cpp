#include "data/dataset.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "tensor/error.h"

namespace sparlet {
namespace {

struct Moments {
  double sum = 0, squares = 0, count = 0;
};

// Bytes are summed as integers, exactly, so that the result has no order of summation in it.
template <class T, class Sum>
Moments moments(const Dataset& data) {
  Moments total;
  const std::span<const T> values = data.x.read<T>();
  const int64_t each = count(data.shape()), step = each / data.x.shape()[1];
  for (int64_t position = 0; position < data.size(); ++position) {
    const int64_t i = data.index[size_t(position)], real = step * data.length(position);
    Sum sum = 0, squares = 0;
    for (const T value : values.subspan(size_t(i * each), size_t(real))) {
      sum += Sum(value);
      squares += Sum(value) * Sum(value);
    }
    total.sum += double(sum);
    total.squares += double(squares);
    total.count += double(real);
  }
  return total;
}

void check_beside(const Tensor& x, const Tensor& values, std::string_view what) {
  require(values && values.dtype() == DType::i32 && values.shape().rank() == 1 &&
              values.shape()[0] == x.shape()[0],
          "dataset: {} of shape {} and type {}, wanted [{}] of i32", what,
          to_string(values.shape()), name_of(values.dtype()), x.shape()[0]);
}

}  // namespace

Shape Dataset::shape() const {
  Shape sample;
  for (int i = 1; i < x.shape().rank(); ++i) sample.push_back(x.shape()[i]);
  return sample;
}

Dataset Dataset::all(Tensor x, Tensor y) {
  require(bool(x) && bool(y), "dataset: no samples or no labels");
  require(x.dtype() == DType::u8 || x.dtype() == DType::f32,
          "dataset: samples of type {}, wanted u8 or f32", name_of(x.dtype()));
  require(x.shape().rank() >= 2, "dataset: samples of shape {}, wanted [N, ...]",
          to_string(x.shape()));
  require(y.dtype() == DType::i32 && y.shape().rank() == 1,
          "dataset: labels of shape {} and type {}, wanted [N] of i32", to_string(y.shape()),
          name_of(y.dtype()));
  require(y.shape()[0] == x.shape()[0], "dataset: {} labels for {} samples", y.shape()[0],
          x.shape()[0]);
  Dataset whole{.x = std::move(x), .y = std::move(y), .index = {}};
  whole.index.resize(size_t(whole.y.size()));
  std::iota(whole.index.begin(), whole.index.end(), 0);
  return whole;
}

Dataset Dataset::with_lengths(Tensor of_samples) const {
  check_beside(x, of_samples, "lengths");
  const std::span<const int32_t> values = of_samples.read<int32_t>();
  for (size_t i = 0; i < values.size(); ++i)
    require(values[i] >= 1 && values[i] <= x.shape()[1],
            "dataset: length {} of sample {}, wanted 1 to {}", values[i], i, x.shape()[1]);
  Dataset data = *this;
  data.lengths = std::move(of_samples);
  return data;
}

Dataset Dataset::with_groups(Tensor of_samples) const {
  check_beside(x, of_samples, "groups");
  Dataset data = *this;
  data.group = std::move(of_samples);
  return data;
}

Dataset Dataset::take(int64_t n) const {
  require(n >= 0, "dataset: cannot take {} samples", n);
  Dataset part = *this;
  if (n < size()) part.index.resize(size_t(n));
  return part;
}

Dataset Dataset::spread(int64_t n) const {
  require(n >= 0, "dataset: cannot take {} samples", n);
  if (n >= size()) return *this;
  std::vector<int32_t> places;
  for (int64_t i = 0; i < n; ++i) places.push_back(int32_t(i * size() / n));
  return subset(places);
}

Dataset Dataset::subset(const std::vector<int32_t>& positions) const {
  Dataset part{.x = x, .y = y, .index = {}, .lengths = lengths, .group = group};
  part.index.reserve(positions.size());
  for (const int32_t position : positions) {
    require(position >= 0 && position < size(), "dataset: no sample {}, there are {}", position,
            size());
    part.index.push_back(index[size_t(position)]);
  }
  return part;
}

void Dataset::gather(std::span<const int32_t> positions, void* x_out, int32_t* y_out) const {
  const size_t each = size_t(count(shape()) * bytes_of(x.dtype()));
  const std::span<const int32_t> labels = y.read<int32_t>();
  auto* out = static_cast<std::byte*>(x_out);
  for (const int32_t position : positions) {
    const size_t i = size_t(index[size_t(position)]);
    std::memcpy(out, x.raw() + i * each, each);
    out += each;
    *y_out++ = labels[i];
  }
}

Tensor Dataset::gathered() const {
  require(size() > 0, "dataset: no samples to gather");
  Tensor side_by_side(batched(size(), shape()), x.dtype());
  std::vector<int32_t> positions(index.size()), labels(index.size());
  std::iota(positions.begin(), positions.end(), 0);
  gather(positions, side_by_side.raw_write(), labels.data());
  return side_by_side;
}

void fit_normalization(Data& data) {
  require(data.train.size() > 0, "{}: no training samples to fit the normalisation on", data.name);
  const bool bytes = data.train.x.dtype() == DType::u8;
  const Moments m =
      bytes ? moments<uint8_t, uint64_t>(data.train) : moments<float, double>(data.train);
  const double mean = m.sum / m.count;
  const double variance = m.squares / m.count - mean * mean;
  data.spec.mean = float(bytes ? std::floor(mean + 0.5) : mean);
  // Below this the variance is rounding, not spread.
  const bool constant = !(variance > 1e-12 * (m.squares / m.count));
  data.spec.deviation = constant ? 1.0f : float(std::sqrt(variance));
}

}  // namespace sparlet
