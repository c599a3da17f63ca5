// .spt model files (docs/formats.md): a float Net or an int8 one; versioned, checksummed.
#pragma once
#include <filesystem>

#include "autograd/graph.h"

namespace sparlet::deploy {

// The whole file. int8 nets are written as runtime/format.h defines, with plan_memory's offsets, so
// that the runtime opens them in place; float nets as text and raw tensors.
std::vector<uint8_t> serialize(const Net&);
// Throws Error beginning with `where`: truncated, wrong magic, version, checksum, or content.
Net parse(std::span<const uint8_t> bytes, std::string_view where);

// Written to a temporary file beside it, flushed, then renamed.
void save(const Net&, const std::filesystem::path&);
Net load(const std::filesystem::path&);

}  // namespace sparlet::deploy
