#include "runtime/record.h"

namespace sparlet::rt {
namespace {

struct Writer {
  uint8_t* at;

  void byte(uint8_t v) { *at++ = v; }
  void varint(uint32_t v) {
    for (; v >= 128; v >>= 7) byte(uint8_t(v | 128));
    byte(uint8_t(v));
  }
  void word(uint32_t v) {
    for (int shift = 0; shift < 32; shift += 8) byte(uint8_t(v >> shift));
  }
};

bool is_regular(const Record& r) {
  return r.kernel_h == r.kernel_w && r.stride_h == r.stride_w && r.pad_top == r.pad_left &&
         r.pad_top == r.pad_bottom && r.pad_top == r.pad_right && r.dilation_h == 1 &&
         r.dilation_w == 1;
}

void write_window(Writer& out, const Record& r) {
  if (is_regular(r)) {
    out.varint(r.kernel_h);
    out.varint(r.stride_h);
    out.varint(r.pad_top);
    return;
  }
  const uint32_t all[] = {r.kernel_h, r.kernel_w,   r.stride_h,  r.stride_w,   r.pad_top,
                          r.pad_left, r.pad_bottom, r.pad_right, r.dilation_h, r.dilation_w};
  for (const uint32_t v : all) out.varint(v);
}

}  // namespace

size_t encode(const Record& r, uint8_t (&bytes)[max_record_bytes]) {
  uint8_t flags = uint8_t(r.flags & ~record_regular);
  if (has_window(r.op) && is_regular(r)) flags |= record_regular;
  Writer out{.at = bytes + 1};
  out.byte(uint8_t(r.op));
  out.byte(flags);
  if (r.op == Op::concat) out.varint(r.inputs);
  for (uint32_t i = 0; i < r.inputs; ++i) out.varint(r.input[i]);
  if (!r.has(record_flat)) {
    out.varint(r.h);
    out.varint(r.w);
  }
  out.varint(r.c);
  out.varint(r.offset);
  if (!r.has(record_like_input)) {
    out.word(r.scale);
    out.byte(uint8_t(r.zero));
  }
  if (r.has(record_clamped)) {
    out.byte(uint8_t(r.low));
    out.byte(uint8_t(r.high));
  }
  if (has_window(r.op)) write_window(out, r);
  if (r.op == Op::conv2d) out.varint(r.groups);
  if (r.has(record_bitmask)) out.varint(r.values);
  if (r.op == Op::part) out.varint(r.start);
  const auto size = size_t(out.at - bytes);
  bytes[0] = uint8_t(size);
  return size;
}

}  // namespace sparlet::rt
