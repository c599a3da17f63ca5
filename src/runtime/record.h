// One record of the model file: a value and the op that makes it.
//
//   u8      size      of the record in bytes, this byte included
//   u8      op        format.h: Op
//   u8      flags     format.h: RecordFlag
//   varint  inputs    concat alone: their number (others: by op), then
//   varint  input[i]  index of the value: 0 is the model's input, i the value of record i
//   varint  h, w      absent when flat
//   varint  c
//   varint  offset    in the arena, bytes
//   f32     scale     absent when like_input
//   i8      zero      absent when like_input
//   i8      low, high                                       when clamped
//   varint  kernel, stride, pad                             window op (conv2d, *_pool), regular
//   varint  kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left, pad_bottom, pad_right,
//           dilation_h, dilation_w                          window op, not regular
//   varint  groups                                          conv2d
//   varint  values    non-zero weights                      bitmask
//   varint  start                                           part
//
// A varint has 7 bits a byte, low ones first, the top bit set on all bytes but the last; at most 5
// bytes. A 3x3 conv2d takes about 20 bytes, a linear 14, a pool 12. global_avg_pool has no window.
#pragma once
#include "runtime/format.h"

namespace sparlet::rt {

struct Record {
  Op op = Op::input;
  uint8_t flags = 0;
  uint32_t inputs = 0;
  uint32_t input[max_inputs] = {};
  uint32_t h = 1, w = 1, c = 1;  // flat: h = w = 1
  uint32_t offset = 0;
  uint32_t scale = 0;  // bits of the float; like_input: 0
  int8_t zero = 0;     // like_input: 0
  int8_t low = -128, high = 127;
  uint32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  uint32_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  uint32_t dilation_h = 1, dilation_w = 1;
  uint32_t groups = 1;
  uint32_t values = 0;
  uint32_t start = 0;

  bool has(RecordFlag flag) const { return (flags & flag) != 0; }
};

constexpr size_t max_record_bytes = 144;

// Inputs that an op takes; 0 for concat, whose records tell.
uint32_t inputs_of(Op);
bool has_window(Op);   // kernel, stride, pad: conv2d, max_pool, avg_pool
bool has_weights(Op);  // conv2d, linear
// global_avg_pool has the window that is its whole input: not in the record.

// Reads the record that begins at `at`, nothing at or after `end`. False: it does not end inside,
// its size is wrong, or op, flags or a varint are unknown. Meaning is open()'s to check.
bool decode(const uint8_t* at, const uint8_t* end, Record&);

// Writes a record and returns its size. `flags` are taken as they are except record_regular, which
// is set when the window allows it. For hosts: the device's program does not link it.
size_t encode(const Record&, uint8_t (&out)[max_record_bytes]);

}  // namespace sparlet::rt
