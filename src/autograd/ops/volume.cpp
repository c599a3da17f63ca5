#include "autograd/ops/volume.h"

#include <cmath>

#include "autograd/ops/check.h"
#include "autograd/ops/window.h"

namespace sparlet {
namespace {

// The attribute's numbers as they stand; none where it is missing.
std::vector<int64_t> whole_numbers(const Node& node, std::string_view key) {
  const auto found = node.attrs.find(key);
  if (found == node.attrs.end()) return {};
  if (!std::holds_alternative<std::vector<double>>(found->second)) return {node.integer(key, 0)};
  std::vector<int64_t> numbers;
  for (double number : std::get<std::vector<double>>(found->second)) {
    require(std::abs(number) <= INT32_MAX && number == double(int64_t(number)),
            "{}: {} {}, wanted whole numbers", place(node), key, number);
    numbers.push_back(int64_t(number));
  }
  return numbers;
}

}  // namespace

std::vector<int64_t> each_axis(const Node& node, std::string_view key, size_t axes,
                               int64_t fallback) {
  std::vector<int64_t> numbers = whole_numbers(node, key);
  if (numbers.empty()) numbers = {fallback};
  if (numbers.size() == 1) numbers.resize(axes, numbers[0]);
  require(numbers.size() == axes, "{}: {} has {} numbers, wanted 1 or {}", place(node), key,
          numbers.size(), axes);
  return numbers;
}

Volume volume_of(const Node& node, const Shape& x, const std::vector<int64_t>& window,
                 const std::vector<int64_t>& strides) {
  const size_t axes = window.size();
  Volume volume;
  WindowAxis* const all[] = {&volume.d, &volume.h, &volume.w};
  WindowAxis* const* const mine = all + (3 - axes);
  const std::vector<int64_t> stride =
      node.has("stride") ? each_axis(node, "stride", axes, 1) : strides;
  const std::vector<int64_t> dilation = each_axis(node, "dilation", axes, 1);
  std::vector<int64_t> before = whole_numbers(node, "pad"), after;
  if (axes == 1 && before.size() == 2) {
    after = {before[1]};
    before.pop_back();
  } else {
    after = before = each_axis(node, "pad", axes, 0);
  }
  check_reach(node, window, "window");
  check_reach(node, stride, "stride");
  check_reach(node, dilation, "dilation");
  check_reach(node, before, "pad");
  check_reach(node, after, "pad");
  for (size_t i = 0; i < axes; ++i) {
    require(window[i] >= 1, "{}: window of {}, wanted at least 1", place(node), window[i]);
    require(stride[i] >= 1, "{}: stride {}, wanted at least 1", place(node), stride[i]);
    require(dilation[i] >= 1, "{}: dilation {}, wanted at least 1", place(node), dilation[i]);
    require(before[i] >= 0 && after[i] >= 0, "{}: pad {}, wanted 0 or more", place(node),
            std::min(before[i], after[i]));
    *mine[i] = {.size = x[int(i) + 1],
                .window = window[i],
                .stride = stride[i],
                .dilation = dilation[i],
                .before = before[i],
                .after = after[i]};
    require(mine[i]->places() >= 1,
            "{}: axis {} of x {} with padding {} and {} is smaller than the window {}", place(node),
            i + 1, to_string(x), before[i], after[i], (window[i] - 1) * dilation[i] + 1);
  }
  return volume;
}

Volume pool_volume(const Node& node, const Shape& x) {
  require(node.has("size"), "{}: wants the attribute size", place(node));
  const std::vector<int64_t> size = each_axis(node, "size", size_t(x.rank()) - 1, 1);
  const Volume volume = volume_of(node, x, size, size);
  for (const WindowAxis& axis : {volume.d, volume.h, volume.w})
    require(axis.before < axis.window && axis.after < axis.window,
            "{}: padding {} and {} must be smaller than the window {}", place(node), axis.before,
            axis.after, axis.window);
  return volume;
}

}  // namespace sparlet
