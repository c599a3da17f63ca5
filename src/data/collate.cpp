#include "data/collate.h"

#include <algorithm>
#include <cstring>

#include "tensor/error.h"

namespace sparlet {
namespace {

// `count` steps of sample `position`, from `begin`, every `stride`-th.
struct Piece {
  int32_t position;
  int64_t begin, stride, count;
};

std::vector<Piece> pieces_of(const Dataset& data, Fit fit, int64_t steps) {
  std::vector<Piece> pieces;
  for (int32_t i = 0; i < int32_t(data.size()); ++i) {
    const int64_t length = data.length(i), times = std::max<int64_t>(1, length / steps);
    const int64_t count = std::min(length, steps);
    if (fit == Fit::chop)
      for (int64_t k = 0; k < times; ++k) pieces.push_back({i, k * steps, 1, count});
    else
      pieces.push_back({i, 0, fit == Fit::subsample ? times : 1, count});
  }
  return pieces;
}

Tensor spread(const Tensor& of_samples, const Dataset& data, const std::vector<Piece>& pieces) {
  Tensor made({int64_t(pieces.size())}, DType::i32);
  const std::span<int32_t> to = made.write<int32_t>();
  for (size_t i = 0; i < pieces.size(); ++i)
    to[i] = of_samples.read<int32_t>()[size_t(data.index[size_t(pieces[i].position)])];
  return made;
}

}  // namespace

Dataset collated(const Dataset& data, Fit fit, int64_t steps) {
  require(steps >= 1, "collate: {} steps, wanted 1 or more", steps);
  require(data.size() > 0 && data.x.shape().rank() >= 3,
          "collate: {} samples of {}, wanted some of (steps, ...)", data.size(),
          to_string(data.shape()));
  const std::vector<Piece> pieces = pieces_of(data, fit, steps);
  const int64_t n = int64_t(pieces.size());
  Shape shape{n, steps};
  for (int i = 2; i < data.x.shape().rank(); ++i) shape.push_back(data.x.shape()[i]);
  Tensor x(shape, data.x.dtype()), lengths({n}, DType::i32);
  const int64_t from_bytes = data.x.bytes() / data.x.shape()[0];
  const int64_t step_bytes = from_bytes / data.x.shape()[1];
  std::byte* to = x.raw_write();
  for (int64_t i = 0; i < n; ++i) {
    const Piece& piece = pieces[size_t(i)];
    const std::byte* from =
        data.x.raw() + data.index[size_t(piece.position)] * from_bytes + piece.begin * step_bytes;
    for (int64_t k = 0; k < piece.count; ++k)
      std::memcpy(to + (i * steps + k) * step_bytes, from + k * piece.stride * step_bytes,
                  size_t(step_bytes));
    lengths.write<int32_t>()[size_t(i)] = int32_t(piece.count);
  }
  Dataset made =
      Dataset::all(std::move(x), spread(data.y, data, pieces)).with_lengths(std::move(lengths));
  return data.group ? made.with_groups(spread(data.group, data, pieces)) : made;
}

Dataset channels_first(const Dataset& data) {
  require(data.x.shape().rank() == 3, "channels_first: samples of {}, wanted (steps, channels)",
          to_string(data.shape()));
  const int64_t n = data.x.shape()[0], steps = data.x.shape()[1], channels = data.x.shape()[2];
  Tensor x({n, channels, steps}, data.x.dtype());
  const int64_t bytes = bytes_of(data.x.dtype());
  const std::byte* from = data.x.raw();
  std::byte* to = x.raw_write();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t s = 0; s < steps; ++s)
      for (int64_t c = 0; c < channels; ++c, from += bytes)
        std::memcpy(to + ((i * channels + c) * steps + s) * bytes, from, size_t(bytes));
  Dataset made = data;
  made.x = std::move(x);
  return made;
}

}  // namespace sparlet
