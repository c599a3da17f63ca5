// The ops by name: conv2d_op, linear_op, ... One file each, or one file a family of twins.
#pragma once
#include "autograd/op.h"
#include "autograd/ops/list.h"

namespace sparlet {

#define SPARLET_DECLARE(name) extern const OpDef name##_op;
SPARLET_OPS(SPARLET_DECLARE)
#undef SPARLET_DECLARE

}  // namespace sparlet
