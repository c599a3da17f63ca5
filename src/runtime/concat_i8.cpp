#include "runtime/rows_i8.h"

namespace sparlet::rt {

void concat_i8(const ConcatArgs& a) {
  for (int32_t p = 0; p < a.positions; ++p) {
    const int8_t* x = a.x + p * a.channels;
    int8_t* y = a.y + p * a.y_channels + a.first;
    for (int32_t c = 0; c < a.channels; ++c) y[c] = finish(x[c] - a.x_zero, a.m, a.q);
  }
}

}  // namespace sparlet::rt
