// CRC-32 as in zlib and Ethernet (reflected, polynomial 0xedb88320).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace sparlet::rt {

// Of `bytes` more bytes after those that gave `before`; begin with 0.
uint32_t crc32(const void* data, size_t bytes, uint32_t before = 0);

}  // namespace sparlet::rt
