// The window attributes of convolution and pooling: stride, pad, dilation.
#pragma once
#include "autograd/op.h"
#include "tensor/kernels/window.h"

namespace sparlet {

// The largest kernel, stride, dilation and padding.
inline constexpr int64_t kMostReach = 65535;
// Throws Error, naming `key`, for one that is larger.
void check_reach(const Node&, std::span<const int64_t> values, std::string_view key);

// The window of a node of size kh × kw over the map x. `stride`: the default.
// Throws Error where an attribute makes no sense or the padded map is smaller than the window.
Window window_of(const Node&, const Shape& x, int64_t kh, int64_t kw,
                 std::array<int64_t, 2> stride = {1, 1});
// The window of a pooling node (attribute size; stride is the size by default). Also throws where
// the padding is as large as the window.
Window pool_window(const Node&, const Shape& x);

}  // namespace sparlet
