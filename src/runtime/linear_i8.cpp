#include "runtime/rows_i8.h"

namespace sparlet::rt {

void linear_i8(const LinearArgs& a) {
  const Weights& weights = a.weights;
  MaskReader reader{.mask = weights.mask, .values = weights.values};
  for (int32_t o = 0; o < a.out; ++o) {
    const Channel channel = weights.channels[o];
    const int32_t sum = weights.mask != nullptr
                            ? reader.dot(a.in, 0, a.in, a.x, 0, 1, a.x_zero)
                            : dot(a.x, weights.values + size_t(o) * size_t(a.in), a.in, a.x_zero);
    a.y[o] = finish(channel.bias + sum, multiplier_of(channel.scale), a.q);
  }
}

}  // namespace sparlet::rt
