// The device's runtime: opens an int8 model file where it lies and runs it in memory that the
// caller gives. No heap, no exceptions, no state but the two pointers of Model.
//
//   alignas(4) static uint8_t arena[4096];
//   rt::Model model;
//   if (rt::open(model, file, bytes, arena, sizeof arena) != rt::Status::ok) return 1;
//   memcpy(rt::input(model).data, image, rt::input(model).bytes);
//   rt::run(model);
//   use(rt::output(model).data);
#pragma once
#include "runtime/format.h"

namespace sparlet::rt {

enum class Status : uint8_t {
  ok = 0,
  truncated,        // fewer bytes than a header, or than the header tells
  bad_magic,        // no model file
  bad_kind,         // a model file, but no int8 net
  bad_version,      // of another version of the format
  bad_rounding,     // another rounding mode than this runtime's
  bad_checksum,     //
  bad_model,        // says something impossible: no file that sparlet wrote
  arena_too_small,  // see memory_needed()
  misaligned,       // 4 does not divide the file's address
};
const char* describe(Status);

struct Model {
  const uint8_t* file = nullptr;
  uint8_t* arena = nullptr;
};

struct Value {
  int8_t* data;    // in the arena: [h][w][c]
  uint32_t bytes;  // h * w * c
  uint32_t h, w, c;
  bool flat;    // rank 1: h = w = 1
  float scale;  // real = scale * (data - zero)
  int8_t zero;
};

// Checks everything once: afterwards run() reads only the file and the arena, writes only the
// arena, and cannot fail. `bytes` may be more than the file has. Both must stay where they are
// while the model is used. Model is changed only on ok.
Status open(Model&, const void* file, size_t bytes, void* arena, size_t arena_bytes);

// Bytes of arena that open() will want; 0 where the header is not one of an int8 model. Checks no
// more.
size_t memory_needed(const void* file, size_t bytes);

// Computes the output from the input, which it may overwrite.
// REQUIRES: open() gave ok, file and arena as they were then but for the values.
void run(const Model&);

Value input(const Model&);
Value output(const Model&);  // valid until the input is written

}  // namespace sparlet::rt
