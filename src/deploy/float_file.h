// Float nets to and from the model file: the text form, then the leaves' numbers.
//
//   header   16 bytes, as in runtime/format.h with kind 1 (magic, kind, version, file_bytes, crc32)
//   u32      bytes of the text
//   text     the graph's text form (autograd/graph.h)
//   tensors  of every param, constant and state in the order of the text: raw little-endian numbers
//            in plain order, without gaps; shapes and types stand in the text
#pragma once
#include <span>

#include "autograd/graph.h"

namespace sparlet::deploy {

// Throws Error naming a leaf without a value.
std::vector<uint8_t> write_float(const Net&);
// REQUIRES a header of kind float_net. Throws Error beginning with `where`.
Net read_float(std::span<const uint8_t> file, std::string_view where);

}  // namespace sparlet::deploy
