// What any bytes must survive: open() refuses them or run() stays inside file and arena.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "writer.h"

namespace fuzz {

constexpr size_t most_arena =
    4096;  // larger models are refused for want of memory: bounds the time

// Opens a copy of exactly these bytes in a block of their size; runs what opens, in an arena of
// exactly the size it wants, between guard bytes. Aborts when a guard or the file changed. True
// when it opened.
bool survives(std::span<const uint8_t> file);

// A file of `seed`: one of the two small nets with some of its fields, records, weights or bytes
// changed, the checksum made right.
std::vector<uint8_t> mutated(uint32_t seed);

}  // namespace fuzz
