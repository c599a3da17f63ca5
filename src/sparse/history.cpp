#include "sparse/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tensor/error.h"

namespace sparlet::sparse {
namespace {

using Colour = std::array<uint8_t, 3>;

// Of a place that is there at the start, at the end, and in this share of the records.
Colour colour_of(bool first, bool last, float share) {
  if (share == 0) return {0, 0, 0};
  const auto light = uint8_t(64 + 191 * share);
  if (first && last) return {light, light, light};
  if (last) return {0, light, 0};
  if (first) return {light, 0, 0};
  return {0, 0, light};
}

std::vector<bool> places(const std::vector<int32_t>& at, int64_t size) {
  std::vector<bool> open(static_cast<size_t>(size));
  for (const int32_t i : at) open[size_t(i)] = true;
  return open;
}

}  // namespace

MaskHistory::MaskHistory(const Net& net) {
  for (const Weight& weight : weights_of(net.graph))
    if (weight.has_pattern())
      weights_.push_back({weight.name, weight.shape, {connections(net, weight).at}});
}

void MaskHistory::add(const UpdateReport& report) {
  for (const UpdateReport::Of& moved : report.weights)
    require(std::ranges::find(weights_, moved.name, &Of::name) != weights_.end(),
            "history of masks: {} was no weight with a mask when it began", moved.name);
  for (Of& weight : weights_) {
    const auto moved = std::ranges::find(report.weights, weight.name, &UpdateReport::Of::name);
    weight.at.push_back(moved == report.weights.end() ? weight.at.back() : moved->at);
  }
  steps_.push_back(report.step);
}

std::vector<float> presence(const MaskHistory::Of& weight) {
  std::vector<float> share(static_cast<size_t>(count(weight.shape)));
  for (const std::vector<int32_t>& record : weight.at)
    for (const int32_t i : record) ++share[size_t(i)];
  for (float& s : share) s /= float(weight.at.size());
  return share;
}

std::string picture(const MaskHistory::Of& weight, int scale) {
  const int64_t size = count(weight.shape), rows = weight.shape[0], columns = size / rows;
  require(scale >= 1 && size * scale * scale <= (int64_t(1) << 28),
          "picture of {}: a scale of {} is not 1 or more, or makes too many pixels", weight.name,
          scale);
  const std::vector<float> share = presence(weight);
  const std::vector<bool> first = places(weight.at.front(), size),
                          last = places(weight.at.back(), size);
  std::string out = fmt::format("P6\n{} {}\n255\n", columns * scale, rows * scale);
  std::string line;
  for (int64_t row = 0; row < rows; ++row) {
    line.clear();
    for (int64_t i = row * columns; i < (row + 1) * columns; ++i)
      for (int copy = 0; copy < scale; ++copy)
        for (const uint8_t c : colour_of(first[size_t(i)], last[size_t(i)], share[size_t(i)]))
          line.push_back(char(c));
    for (int copy = 0; copy < scale; ++copy) out += line;
  }
  return out;
}

}  // namespace sparlet::sparse
