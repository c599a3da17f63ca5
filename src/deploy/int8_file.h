// int8 nets to and from the runtime's model file (runtime/format.h).
#pragma once
#include <span>

#include "autograd/graph.h"

namespace sparlet::deploy {

// The whole file, its crc included. Throws Error naming the node that the format has no place for.
std::vector<uint8_t> write_int8(const Net&);
// REQUIRES a header of kind int8_net. Throws Error beginning with `where`. Values are named "x",
// "op1.conv2d", "op2.max_pool" ..., their leaves "op1.conv2d.weight" ...
Net read_int8(std::span<const uint8_t> file, std::string_view where);

}  // namespace sparlet::deploy
