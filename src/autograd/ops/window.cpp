#include "autograd/ops/window.h"

#include "autograd/ops/check.h"

namespace sparlet {

void check_reach(const Node& node, std::span<const int64_t> values, std::string_view key) {
  for (int64_t value : values)
    require(value <= kMostReach, "{}: {} {}, wanted at most {}", place(node), key, value,
            kMostReach);
}

Window window_of(const Node& node, const Shape& x, int64_t kh, int64_t kw,
                 std::array<int64_t, 2> stride) {
  Window window{.c = x[0], .h = x[1], .w = x[2], .kh = kh, .kw = kw};
  window.stride = node.has("stride") ? node.pair("stride", 1) : stride;
  window.pad = node.sides("pad");
  window.dilation = node.pair("dilation", 1);
  check_reach(node, std::array{kh, kw}, "window");
  check_reach(node, window.stride, "stride");
  check_reach(node, window.dilation, "dilation");
  check_reach(node, window.pad, "pad");
  for (int i = 0; i < 2; ++i) {
    require(window.stride[size_t(i)] >= 1, "{}: stride {}, wanted at least 1", place(node),
            window.stride[size_t(i)]);
    require(window.dilation[size_t(i)] >= 1, "{}: dilation {}, wanted at least 1", place(node),
            window.dilation[size_t(i)]);
  }
  if (window.out_h() >= 1 && window.out_w() >= 1) return window;
  const auto [dh, dw] = window.dilation;
  fail("{}: the map {} with padding [{},{},{},{}] is smaller than the window {}x{}{}", place(node),
       to_string(x), window.pad[0], window.pad[1], window.pad[2], window.pad[3], kh, kw,
       dh == 1 && dw == 1 ? "" : fmt::format(" of dilation [{},{}]", dh, dw));
}

Window pool_window(const Node& node, const Shape& x) {
  require(node.has("size"), "{}: wants the attribute size", place(node));
  const auto [kh, kw] = node.pair("size", 1);
  require(kh >= 1 && kw >= 1, "{}: size {}x{}, wanted at least 1", place(node), kh, kw);
  const Window window = window_of(node, x, kh, kw, {kh, kw});
  require(window.pad[0] < kh && window.pad[1] < kh && window.pad[2] < kw && window.pad[3] < kw,
          "{}: padding [{},{},{},{}] must be smaller than the window {}x{}", place(node),
          window.pad[0], window.pad[1], window.pad[2], window.pad[3], kh, kw);
  return window;
}

}  // namespace sparlet
