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

// Throws Error where save() could not write: no folder, or one that cannot be written, or something
// else than a file at the path.
void check_target(const std::filesystem::path&);
// check_target(), then written to a temporary file beside it, flushed, and renamed.
void save(const Net&, const std::filesystem::path&);
Net load(const std::filesystem::path&);

}  // namespace sparlet::deploy
