#include "runtime/walk.h"

namespace sparlet::rt {

Record record_at(const uint8_t* file, uint32_t index) {
  const uint8_t* at = records_of(file);
  for (; index > 0; --index) at += *at;
  Record r;
  decode(at, weights_of(file), r);
  return r;
}

ValueInfo info_of(const uint8_t* file, const Record& r) {
  ValueInfo v{.h = r.h,
              .w = r.w,
              .c = r.c,
              .count = r.h * r.w * r.c,
              .offset = r.offset,
              .scale = r.scale,
              .zero = r.zero,
              .flat = r.has(record_flat)};
  if (!r.has(record_like_input)) return v;
  Record from = record_at(file, r.input[0]);
  while (from.has(record_like_input)) from = record_at(file, from.input[0]);
  v.scale = from.scale;
  v.zero = from.zero;
  return v;
}

ValueInfo value_at(const uint8_t* file, uint32_t index) {
  return info_of(file, record_at(file, index));
}

}  // namespace sparlet::rt
