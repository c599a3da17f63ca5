#include "sparse/slots.h"

namespace sparlet::sparse {

std::vector<float> slots_of(const Executor& executor, const Weight& weight,
                            std::span<const int32_t> at, int index) {
  const Tensor all = executor.slot(weight.param, index);
  std::vector<float> out;
  if (weight.format) {  // by entry
    out.assign(all.read().begin(), all.read().begin() + int64_t(at.size()));
    return out;
  }
  for (const int32_t i : at) out.push_back(all.read()[size_t(i)]);
  return out;
}

void move_slot(Executor& executor, const Weight& weight, int index, std::span<const int32_t> at,
               const std::vector<bool>& fresh, const std::function<float(int32_t)>& first) {
  const Tensor old = executor.slot(weight.param, index);
  Tensor moved(weight.shape);
  const auto to = moved.write();
  for (size_t i = 0; i < at.size(); ++i) {
    const size_t place = size_t(at[i]);
    to[place] = !fresh[i] ? old.read()[place] : first ? first(at[i]) : 0;
  }
  executor.set_slot(weight.param, index, moved);
}

}  // namespace sparlet::sparse
