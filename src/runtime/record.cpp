#include "runtime/record.h"

namespace sparlet::rt {

uint32_t inputs_of(Op op) {
  switch (op) {
    case Op::input:
    case Op::concat:
      return 0;
    case Op::add:
    case Op::sub:
    case Op::mul:
      return 2;
    default:
      return 1;
  }
}

bool has_window(Op op) { return op == Op::conv2d || op == Op::max_pool || op == Op::avg_pool; }
bool has_weights(Op op) { return op == Op::conv2d || op == Op::linear; }

namespace {

// Reads from left to right; after the first thing that does not fit it reads zeros and good is
// false.
struct Reader {
  const uint8_t* at;
  const uint8_t* end;
  bool good = true;

  uint8_t byte() {
    if (at == end) good = false;
    return good ? *at++ : 0;
  }
  uint32_t varint() {
    uint32_t v = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      const uint8_t b = byte();
      if (shift == 28 && b > 15) break;
      v |= uint32_t(b & 127) << shift;
      if (b < 128) return v;
    }
    good = false;
    return 0;
  }
  uint32_t word() {
    uint32_t v = 0;
    for (int shift = 0; shift < 32; shift += 8) v |= uint32_t(byte()) << shift;
    return v;
  }
};

void read_window(Reader& in, Record& r) {
  if (r.has(record_regular)) {
    r.kernel_h = r.kernel_w = in.varint();
    r.stride_h = r.stride_w = in.varint();
    r.pad_top = r.pad_left = r.pad_bottom = r.pad_right = in.varint();
    return;
  }
  r.kernel_h = in.varint();
  r.kernel_w = in.varint();
  r.stride_h = in.varint();
  r.stride_w = in.varint();
  r.pad_top = in.varint();
  r.pad_left = in.varint();
  r.pad_bottom = in.varint();
  r.pad_right = in.varint();
  r.dilation_h = in.varint();
  r.dilation_w = in.varint();
}

}  // namespace

bool decode(const uint8_t* at, const uint8_t* end, Record& r) {
  r = Record{};
  if (at >= end || *at > end - at || *at < 3 || at[1] >= op_count || at[2] >= 64) return false;
  Reader in{.at = at + 3, .end = at + *at};
  r.op = Op(at[1]);
  r.flags = at[2];
  r.inputs = r.op == Op::concat ? in.varint() : inputs_of(r.op);
  if (r.inputs > max_inputs) return false;
  for (uint32_t i = 0; i < r.inputs; ++i) r.input[i] = in.varint();
  if (!r.has(record_flat)) {
    r.h = in.varint();
    r.w = in.varint();
  }
  r.c = in.varint();
  r.offset = in.varint();
  if (!r.has(record_like_input)) {
    r.scale = in.word();
    r.zero = int8_t(in.byte());
  }
  if (r.has(record_clamped)) {
    r.low = int8_t(in.byte());
    r.high = int8_t(in.byte());
  }
  if (has_window(r.op)) read_window(in, r);
  if (r.op == Op::conv2d) r.groups = in.varint();
  if (r.has(record_bitmask)) r.values = in.varint();
  if (r.op == Op::part) r.start = in.varint();
  return in.good && in.at == in.end;
}

}  // namespace sparlet::rt
