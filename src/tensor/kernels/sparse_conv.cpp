// Sparse convolution over planes (sparse_planes.h): the arithmetic of where everything lies.
//
// A padded map is cut into stride_h × stride_w phases: of every stride-th row and column one sample
// of the map each. In the plane of a phase, what tap (kh, kw) multiplies lies at a fixed distance
// from the output, whatever stride, padding, dilation and group. Rows of all planes, the outputs'
// too, are `row` floats apart, so one position stands for the same pixel everywhere; the padding
// right of a row serves as that left of the next one.
//   planes of x   [c][phase][sample][Q rows][row]
//   planes of dy  [o][lead zeros][sample][Q rows][row]
// Small maps go several samples at a time, to have work for all registers.
#include "tensor/kernels/sparse_conv.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "tensor/kernels/gemm.h"
#include "tensor/kernels/lines.h"
#include "tensor/kernels/sparse_planes.h"

namespace sparlet {
namespace {

int64_t rounded(int64_t n) { return (n + kPlaneRound - 1) / kPlaneRound * kPlaneRound; }
int64_t parts(int64_t n, int64_t size) { return (n + size - 1) / size; }
// The distance of planes: an odd number of cache lines, so that equal places of all planes spread
// over the whole cache.
int64_t plane_of(int64_t positions) { return (rounded(positions) / kPlaneRound | 1) * kPlaneRound; }

constexpr int64_t kWantedPositions = 8 * kPlaneRound;  // enough sums to hide their latency
constexpr int64_t kNearCache = 40 * 1024 / sizeof(float);

struct Geometry {
  Window w;
  int64_t phases, row, height, sample, group;  // sample: positions of one; group: samples at a time

  Geometry(const Window& window, int64_t batch) : w(window) {
    phases = w.stride[0] * w.stride[1];
    const int64_t padded = w.w + w.pad[2] + w.pad[3];
    row = w.stride[1] == 1 ? std::max(w.w + std::max(w.pad[2], w.pad[3]), w.out_w())
                           : std::max(parts(padded, w.stride[1]), w.out_w());
    height = parts(w.h + w.pad[0] + w.pad[1], w.stride[0]);
    sample = rounded(height * row);
    group = std::clamp<int64_t>(parts(kWantedPositions, sample), 1, batch);
  }

  // Positions from a sample's first output to its last.
  int64_t outputs() const { return (w.out_h() - 1) * row + w.out_w(); }
  int64_t phase(int64_t tap) const {
    const int64_t h = tap / w.kw * w.dilation[0], v = tap % w.kw * w.dilation[1];
    return h % w.stride[0] * w.stride[1] + v % w.stride[1];
  }
  int64_t shift(int64_t tap) const {
    const int64_t h = tap / w.kw * w.dilation[0], v = tap % w.kw * w.dilation[1];
    return h / w.stride[0] * row + v / w.stride[1];
  }

  // The float of the map that position p of a phase holds, or -1.
  int32_t place(int64_t phase, int64_t p) const {
    const int64_t r = p / row * w.stride[0] + phase / w.stride[1] - w.pad[0];
    const int64_t c = p % row * w.stride[1] + phase % w.stride[1] - w.pad[2];
    return r < 0 || r >= w.h || c < 0 || c >= w.w ? -1 : int32_t((r * w.w + c) * w.c);
  }
  int32_t out_place(int64_t p, int64_t o) const {
    const int64_t r = p / row, c = p % row;
    return r >= w.out_h() || c >= w.out_w() ? -1 : int32_t((r * w.out_w() + c) * o);
  }
};

// One table for `group` samples, from that of one; what may be read behind it has no place.
template <class Place>
std::vector<int32_t> places(const Geometry& g, int64_t map, const Place& place) {
  std::vector<int32_t> table(size_t(g.group * g.sample + kPlaneRound), -1);
  for (int64_t s = 0; s < g.group; ++s)
    for (int64_t p = 0; p < g.sample; ++p)
      if (const int32_t at = place(p); at >= 0)
        table[size_t(s * g.sample + p)] = int32_t(at + s * map);
  return table;
}

// The widest tile of `positions` whose planes stay in the near cache, all of a size.
int64_t tile_of(int64_t positions, int64_t planes, int64_t halo) {
  const int64_t fits = kNearCache / planes - halo;
  const int64_t most =
      std::clamp<int64_t>(fits / kPlaneRound * kPlaneRound, 4 * kPlaneRound, kMostTile);
  return rounded(parts(positions, parts(positions, most)));
}

class PlaneConv final : public SparseConvKernel {
 public:
  PlaneConv(const ConvShape& shape, const SparsePattern& pattern, const KernelOptions& options,
            const PlaneLoops& loops)
      : s_(shape), g_(shape.window, options.batch), loops_(loops), row_begin_(pattern.row_begin) {
    const Window& w = g_.w;
    const int64_t taps = w.kh * w.kw;
    for (int64_t phase = 0; phase < g_.phases; ++phase)
      in_place_.push_back(
          places(g_, w.c * w.h * w.w, [&](int64_t p) { return g_.place(phase, p); }));
    out_place_ = places(g_, out_map(), [&](int64_t p) { return g_.out_place(p, s_.o); });
    for (int64_t tap = 0; tap < taps; ++tap) halo_ = std::max(halo_, g_.shift(tap));
    plane_ = plane_of(g_.phases * g_.group * g_.sample);
    assert(w.c * plane_ < INT32_MAX);
    planes_.resize(size_t(w.c * plane_ + halo_ + 2 * kPlaneRound));
    const int64_t positions = g_.group * g_.sample;
    tile_ = tile_of(positions, w.c, halo_);
    back_tile_ = tile_of(positions, s_.o, halo_);
    work_.resize(size_t(plane_work(std::max(tile_, back_tile_))));
    offset_.reserve(pattern.column.size());
    each(pattern, [&](int64_t, int64_t c, int64_t tap, int32_t) {
      offset_.push_back(int32_t(c * plane_ + g_.phase(tap) * g_.group * g_.sample + g_.shift(tap)));
    });
    if (options.train) prepare_backward(pattern);
  }

  void forward(int64_t n, const float* x, const float* values, const float* bias,
               float* y) override {
    for (int64_t s = 0; s < n; s += g_.group) {
      const int64_t samples = std::min(g_.group, n - s);
      gather(samples, x + s * in_map());
      loops_.sums({.planes = planes_.data(),
                   .at = {row_begin_.data(), offset_.data(), s_.o},
                   .value = values,
                   .bias = bias,
                   .place = out_place_.data(),
                   .positions = (samples - 1) * g_.sample + g_.outputs(),
                   .tile = tile_,
                   .y = y + s * out_map(),
                   .work = work_.data()});
    }
  }

  void backward(int64_t n, const float* x, const float* values, const float* dy,
                const SparseConvGrads& grads) override {
    if (grads.values) std::fill_n(grads.values, offset_.size(), 0.f);
    if (grads.x)
      for (size_t k = 0; k < back_from_.size(); ++k) back_value_[k] = values[back_from_[k]];
    for (int64_t s = 0; s < n && (grads.x || grads.values); s += g_.group) {
      const int64_t samples = std::min(g_.group, n - s);
      gather_gradient(samples, dy + s * out_map());
      if (grads.values) {
        gather(samples, x + s * in_map());
        loops_.dots({.planes = planes_.data(),
                     .at = {row_begin_.data(), offset_.data(), s_.o},
                     .dy = dy_planes_.data() + lead_,
                     .dy_plane = dy_plane_,
                     .positions = rounded((samples - 1) * g_.sample + g_.outputs()),
                     .dvalue = grads.values});
      }
      if (grads.x) backward_data(samples, grads.x + s * in_map());
    }
    if (grads.bias) sum_rows(n * g_.w.out_h() * g_.w.out_w(), s_.o, dy, grads.bias);
  }

  int64_t bytes() const override {
    return int64_t((row_begin_.size() + offset_.size() + back_begin_.size() + back_offset_.size() +
                    back_from_.size()) *
                       sizeof(int32_t) +
                   back_value_.size() * sizeof(float));
  }
  std::string_view description() const override { return loops_.name; }

 private:
  int64_t in_map() const { return g_.w.c * g_.w.h * g_.w.w; }
  int64_t out_map() const { return s_.o * g_.w.out_h() * g_.w.out_w(); }

  // Calls visit(output, channel, tap, number) for every entry, in order.
  template <class Visit>
  void each(const SparsePattern& pattern, const Visit& visit) const {
    const int64_t taps = g_.w.kh * g_.w.kw;
    for (int64_t o = 0; o < s_.o; ++o)
      for (int32_t k = pattern.row_begin[size_t(o)]; k < pattern.row_begin[size_t(o) + 1]; ++k) {
        const int64_t column = pattern.column[size_t(k)];
        visit(o, o / s_.group_o() * s_.group_c() + column / taps, column % taps, k);
      }
  }

  void gather(int64_t samples, const float* x) {
    for (int64_t phase = 0; phase < g_.phases; ++phase)
      for (int64_t s = 0; s < samples; ++s)
        loops_.gather({.map = x + s * in_map(),
                       .place = in_place_[size_t(phase)].data(),
                       .positions = g_.sample,
                       .channels = g_.w.c,
                       .planes = planes_.data() + (phase * g_.group + s) * g_.sample,
                       .plane = plane_});
  }
  void gather_gradient(int64_t samples, const float* dy) {
    for (int64_t s = 0; s < samples; ++s)
      loops_.gather({.map = dy + s * out_map(),
                     .place = out_place_.data(),
                     .positions = g_.sample,
                     .channels = s_.o,
                     .planes = dy_planes_.data() + lead_ + s * g_.sample,
                     .plane = dy_plane_});
  }

  // Entries by phase and channel: the rows of the transposed product.
  void prepare_backward(const SparsePattern& pattern) {
    const int64_t c = g_.w.c;
    lead_ = rounded(halo_);
    dy_plane_ = plane_of(lead_ + g_.group * g_.sample);
    assert(s_.o * dy_plane_ < INT32_MAX);
    dy_planes_.resize(size_t(s_.o * dy_plane_ + halo_ + 2 * kPlaneRound));
    for (const auto& table : in_place_) {
      const auto valid = [](int32_t place) { return place >= 0; };
      const auto end = table.begin() + g_.sample;
      const auto first = std::find_if(table.begin(), end, valid);
      int64_t last = first - table.begin();
      for (int64_t p = last; p < g_.sample; ++p)
        if (valid(table[size_t(p)])) last = p;
      first_.push_back(first == end ? -1 : first - table.begin());
      count_.push_back(last + 1 - (first - table.begin()));
    }
    back_begin_.assign(size_t(g_.phases * c + 1), 0);
    back_offset_.resize(pattern.column.size());
    back_from_.resize(pattern.column.size());
    back_value_.resize(pattern.column.size());
    const auto row_of = [&](int64_t channel, int64_t tap) {
      return size_t(g_.phase(tap) * c + channel);
    };
    each(pattern, [&](int64_t, int64_t channel, int64_t tap, int32_t) {
      ++back_begin_[row_of(channel, tap) + 1];
    });
    for (size_t r = 1; r < back_begin_.size(); ++r) back_begin_[r] += back_begin_[r - 1];
    std::vector<int32_t> next(back_begin_.begin(), back_begin_.end() - 1);
    each(pattern, [&](int64_t o, int64_t channel, int64_t tap, int32_t k) {
      const auto at = size_t(next[row_of(channel, tap)]++);
      const int64_t first = std::max<int64_t>(first_[size_t(g_.phase(tap))], 0);
      back_offset_[at] = int32_t(o * dy_plane_ + lead_ + first - g_.shift(tap));
      back_from_[at] = k;
    });
  }

  void backward_data(int64_t samples, float* dx) {
    const int64_t c = g_.w.c;
    for (int64_t phase = 0; phase < g_.phases; ++phase) {
      const int64_t first = first_[size_t(phase)];
      if (first < 0) continue;  // padding only
      loops_.sums({.planes = dy_planes_.data(),
                   .at = {back_begin_.data() + phase * c, back_offset_.data(), c},
                   .value = back_value_.data(),
                   .bias = nullptr,
                   .place = in_place_[size_t(phase)].data() + first,
                   .positions = (samples - 1) * g_.sample + count_[size_t(phase)],
                   .tile = back_tile_,
                   .y = dx,
                   .work = work_.data()});
    }
  }

  const ConvShape s_;
  const Geometry g_;
  const PlaneLoops& loops_;
  const std::vector<int32_t> row_begin_;
  std::vector<std::vector<int32_t>> in_place_;  // of every phase
  std::vector<int32_t> out_place_, offset_;
  int64_t halo_ = 0, plane_ = 0, tile_ = 0, back_tile_ = 0, lead_ = 0, dy_plane_ = 0;
  Lines<float> planes_, work_, dy_planes_;
  // The way back.
  std::vector<int64_t> first_, count_;  // of every phase: positions of the map
  std::vector<int32_t> back_begin_, back_offset_, back_from_;
  std::vector<float> back_value_;
};

}  // namespace

std::unique_ptr<SparseConvKernel> plane_conv(const ConvShape& shape, const SparsePattern& pattern,
                                             const KernelOptions& options,
                                             const PlaneLoops& loops) {
  return std::make_unique<PlaneConv>(shape, pattern, options, loops);
}

}  // namespace sparlet
