// Looking ops up.
#include <vector>

#include "autograd/ops/ops.h"
#include "tensor/error.h"
#include "tensor/nearest.h"

namespace sparlet {

std::span<const OpDef* const> all_ops() {
#define SPARLET_ADDRESS(name) &name##_op,
  static const OpDef* const table[] = {SPARLET_OPS(SPARLET_ADDRESS)};
#undef SPARLET_ADDRESS
  return table;
}

const OpDef& find_op(std::string_view name) {
  std::vector<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    if (op->name == name) return *op;
    names.push_back(op->name);
  }
  fail("no op '{}'{}", name, did_you_mean(name, std::span<const std::string_view>(names)));
}

}  // namespace sparlet
