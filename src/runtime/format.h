// The model file on the device, byte by byte (docs/formats.md has it in prose). Numbers here are
// written into files: never change one, only add.
//
//   header     28 bytes, below
//   channels   8 bytes for every output channel of every conv2d and linear, in order of the records
//                  i32 bias, f32 scale = s_input * s_weight[channel] / s_output
//   records    one for every value: the model's input first, then one an op (record.h)
//   weights    of every conv2d and linear, in order of the records, without gaps:
//                  dense    int8 values, [o][h][w][i] (linear: [o][i])
//                  bitmask  one bit a weight in the same order, least significant bit first, padded
//                           with zero bits to a byte once at its end; then the non-zero int8 values
//
// Little-endian. The file lies at an address that 4 divides, so that the channels do. All parts
// follow each other without a gap; the weights end where the file ends.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace sparlet::rt {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is read in place");
static_assert((-1 >> 1) == -1, "shifts of negative numbers are arithmetic");

constexpr uint8_t magic[4] = {'S', 'P', 'T', '1'};
constexpr uint8_t version = 1;

enum class Kind : uint8_t {
  float_net = 1,  // text and raw tensors; the runtime refuses it
  int8_net = 2,
};

constexpr uint8_t flag_single_rounding = 1;  // reserved: only double rounding is known so far

// The first 16 bytes are the same in every kind of file.
struct Header {
  uint8_t magic[4];
  uint8_t kind;
  uint8_t version;
  uint8_t flags;
  uint8_t zero;           // must be 0
  uint32_t file_bytes;    // the whole file
  uint32_t crc32;         // of all bytes but these four (crc32.h)
  uint32_t arena_bytes;   // highest byte of any value + 1
  uint16_t values;        // records: 1 input + ops
  uint16_t record_bytes;  // all records together
  uint32_t channels;      // entries of the channel table
};
static_assert(sizeof(Header) == 28 && alignof(Header) == 4, "no padding");
constexpr size_t crc_offset = 12;

enum class Op : uint8_t {
  input = 0,
  conv2d = 1,           // depthwise, too: groups = channels of the input
  linear = 2,           // reads its input, of any shape, as a row in memory order
  max_pool = 3,         // same scale and zero point as its input
  avg_pool = 4,         //
  global_avg_pool = 5,  //
  requantize = 6,       // other scale or zero point; relu where low = zero point
  add = 7,              // both inputs as many values as the output
  sub = 8,
  mul = 9,
  concat = 10,   // along channels, 2 to 8 inputs
  softmax = 11,  // over all values; scale 1/256, zero point -128
  part = 12,     // values [start, start + c) of its input's memory
  copy = 13,     // same values; also a flatten that must be seen. Nothing is done when in place
};
constexpr uint8_t op_count = 14;
constexpr uint32_t max_inputs = 8;

enum RecordFlag : uint8_t {
  record_flat = 1,         // rank 1: c alone
  record_like_input = 2,   // scale and zero point are those of the first input
  record_clamped = 4,      // low and high are given; else -128 and 127
  record_bitmask = 8,      // weights as bitmask; else dense
  record_regular = 16,     // one kernel, stride and pad for all sides, dilation 1
  record_include_pad = 32  // avg_pool divides by the whole window; else by what is inside the map
};

// Limits of version 1: dimensions and attributes of a window (16 bits); values of a map with its
// padding and weights of an op; inputs of one output, so that an int32 sum cannot overflow;
// records.
constexpr uint32_t max_dimension = 65535;
constexpr uint32_t max_map = 0x7fffffff;
constexpr uint32_t max_fan_in = 65536;
constexpr uint32_t max_values = 1024;
// |bias| + 255 * 128 * fan_in must stay below 2^31; scales between these (the shift of a multiplier
// is within [-31, 30]; see fixed_point.h):
constexpr int32_t min_shift = -31;
constexpr int32_t max_shift = 30;

}  // namespace sparlet::rt
