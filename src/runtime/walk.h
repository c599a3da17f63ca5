// The records of an opened file, for open() and run(): values by index, and the places of an op's
// weights. Nothing is kept between calls: a value is found by hopping over the records before it.
#pragma once
#include "runtime/kernels.h"
#include "runtime/record.h"
#include "runtime/runtime.h"

namespace sparlet::rt {

// A value as its readers need it.
struct ValueInfo {
  uint32_t h, w, c;
  uint32_t count;   // h * w * c
  uint32_t offset;  // in the arena
  uint32_t scale;   // bits of the float
  int8_t zero;
  bool flat;
};

struct __attribute__((may_alias)) FileHeader : Header {};

inline const FileHeader& header_of(const uint8_t* file) {
  return *reinterpret_cast<const FileHeader*>(file);
}
inline const Channel* channels_of(const uint8_t* file) {
  return reinterpret_cast<const Channel*>(file + sizeof(Header));
}
inline const uint8_t* records_of(const uint8_t* file) {
  return file + sizeof(Header) + size_t(8) * header_of(file).channels;
}
inline const uint8_t* weights_of(const uint8_t* file) {
  return records_of(file) + header_of(file).record_bytes;
}

// REQUIRES: records 0 .. index decode, inputs come before their readers, dimensions are checked.
Record record_at(const uint8_t* file, uint32_t index);
ValueInfo value_at(const uint8_t* file, uint32_t index);
// Of a record of the file; follows like_input to the value that has a scale of its own.
ValueInfo info_of(const uint8_t* file, const Record&);

// Weights of one output channel, and bytes of the weights of an op.
inline uint64_t fan_in_of(const Record& r, const ValueInfo& x) {
  if (r.op == Op::linear) return x.count;
  return uint64_t(r.kernel_h) * r.kernel_w * (x.c / r.groups);
}
inline uint64_t mask_bytes(uint64_t weights) { return (weights + 7) / 8; }
inline uint64_t weight_bytes(const Record& r, const ValueInfo& x) {
  const uint64_t weights = fan_in_of(r, x) * r.c;
  return r.has(record_bitmask) ? mask_bytes(weights) + r.values : weights;
}

inline Window window_of(const Record& r) {
  return {.kernel_h = int32_t(r.kernel_h),
          .kernel_w = int32_t(r.kernel_w),
          .stride_h = int32_t(r.stride_h),
          .stride_w = int32_t(r.stride_w),
          .pad_top = int32_t(r.pad_top),
          .pad_left = int32_t(r.pad_left),
          .dilation_h = int32_t(r.dilation_h),
          .dilation_w = int32_t(r.dilation_w)};
}

inline Map map_of(const ValueInfo& v) {
  return {.h = int32_t(v.h), .w = int32_t(v.w), .c = int32_t(v.c)};
}

}  // namespace sparlet::rt
