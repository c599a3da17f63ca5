#include "fuzz.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "naive.h"
#include "runtime/runtime.h"

using namespace sparlet::rt;

namespace fuzz {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

constexpr size_t guard = 64;

void run_guarded(const uint8_t* file, size_t bytes) {
  const size_t need = memory_needed(file, bytes);
  std::vector<uint8_t> memory(need + 2 * guard, 0xa5);
  uint8_t* arena = memory.data() + guard;
  Model model;
  if (open(model, file, bytes, arena, need) != Status::ok) return;
  const Value in = input(model);
  for (uint32_t i = 0; i < in.bytes; ++i) in.data[i] = int8_t(i * 37);
  run(model);
  const Value out = output(model);
  require(reinterpret_cast<uint8_t*>(out.data) + out.bytes <= arena + need, "output outside");
  for (size_t i = 0; i < guard; ++i)
    require(memory[i] == 0xa5 && arena[need + i] == 0xa5, "a guard byte was written");
}

uint32_t interesting(Dice& dice, uint32_t old) {
  static constexpr uint32_t edges[] = {
      0,   1,   2,     3,     4,          7,          8,          127,        128,
      255, 256, 65535, 65536, 0x3fffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
  const int kind = dice(0, 3);
  if (kind == 0) return edges[dice(0, std::size(edges) - 1)];
  if (kind == 1) return uint32_t(dice(0, 12));
  return old + uint32_t(dice(-2, 2));
}

void change_record(Dice& dice, Record& r) {
  uint32_t* fields[] = {&r.h,        &r.w,          &r.c,         &r.offset,     &r.scale,
                        &r.kernel_h, &r.kernel_w,   &r.stride_h,  &r.stride_w,   &r.pad_top,
                        &r.pad_left, &r.pad_bottom, &r.pad_right, &r.dilation_h, &r.dilation_w,
                        &r.groups,   &r.values,     &r.start,     &r.input[0],   &r.input[1]};
  switch (dice(0, 7)) {
    case 0:
      r.op = Op(dice(0, op_count));
      break;
    case 1:
      r.flags ^= uint8_t(1 << dice(0, 5));
      break;
    case 2:
      r.zero = int8_t(dice(-128, 127));
      break;
    case 3:
      r.inputs = uint32_t(dice(0, 8));
      break;
    default: {
      uint32_t& field = *fields[dice(0, std::size(fields) - 1)];
      field = interesting(dice, field);
    }
  }
}

void change_bytes(Dice& dice, std::vector<uint8_t>& file) {
  const auto at = size_t(dice(0, int32_t(file.size()) - 1));
  switch (dice(0, 3)) {
    case 0:
      file[at] ^= uint8_t(1 << dice(0, 7));
      break;
    case 1:
      file[at] = uint8_t(dice(0, 255));
      break;
    case 2: {
      const uint32_t word = interesting(dice, 0);
      std::memcpy(file.data() + at, &word, std::min<size_t>(4, file.size() - at));
      break;
    }
    default:
      file.resize(file.size() - size_t(dice(0, 1)) * (file.size() - at) / 8);
  }
}

}  // namespace

bool survives(std::span<const uint8_t> file) {
  // new: a block of this very size at an address that 4 divides.
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[file.size()]);
  std::memcpy(copy.get(), file.data(), file.size());
  std::vector<uint8_t> arena(most_arena);
  Model model;
  const bool opened =
      open(model, copy.get(), file.size(), arena.data(), arena.size()) == Status::ok;
  if (opened) run_guarded(copy.get(), file.size());
  require(std::memcmp(copy.get(), file.data(), file.size()) == 0, "the file was written");
  return opened;
}

std::vector<uint8_t> mutated(uint32_t seed) {
  Dice dice(seed);
  ModelWriter m = seed % 2 == 0 ? chain_model() : branch_model();
  for (int n = dice(0, 2); n > 0; --n)
    change_record(dice, m.records[size_t(dice(0, int32_t(m.records.size()) - 1))]);
  if (dice(0, 9) == 0) std::swap(m.records[1], m.records[2]);
  if (dice(0, 9) == 0) {
    Channel& c = m.channels[size_t(dice(0, int32_t(m.channels.size()) - 1))];
    c.bias = int32_t(interesting(dice, uint32_t(c.bias)));
    c.scale ^= 1u << dice(0, 31);
  }
  std::vector<uint8_t> file = m.file();
  for (int n = dice(0, 2); n > 0 && file.size() > 32; --n) change_bytes(dice, file);
  if (dice(0, 3) != 0) {
    const auto size = uint32_t(file.size());
    std::memcpy(file.data() + 8, &size, 4);
  }
  if (file.size() >= 16) set_crc(file);
  return file;
}

}  // namespace fuzz
